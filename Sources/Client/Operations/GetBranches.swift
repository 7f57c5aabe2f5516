extension Memory {
    /// All branches, `main` among them.
    /// - Parameter timeout: `nil`: the connection's.
    /// - Throws: ``MembusError/timeout(of:outcomeUnknown:last:)``; ``MembusError/closed``; `CancellationError`.
    public func branches(timeout: Duration? = nil) async throws -> [BranchInfo] {
        try await connection.ask(GetBranches(), timeout: timeout).answer
    }
}
