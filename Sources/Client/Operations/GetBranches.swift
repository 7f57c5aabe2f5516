extension Memory {
    /// All branches.
    public func branches(timeout: Duration? = nil) async throws -> [BranchInfo] {
        try await connection.ask(GetBranches(), timeout: timeout).answer
    }
}
