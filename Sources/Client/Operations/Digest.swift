extension Memory {
    /// The fingerprint of some topics' records as of a revision.
    /// - Parameter revision: `nil`: the newest.
    public func digest(
        _ topics: [String], at revision: Revision? = nil, branch: BranchName? = nil, timeout: Duration? = nil
    ) async throws -> (at: Position, digest: StateDigest) {
        let asked = Digest(branch: branch ?? self.branch, topics: try filtered(topics), at: revision)
        let answer = try await connection.ask(asked, timeout: timeout).answer
        return (answer.at, answer.digest)
    }
}
