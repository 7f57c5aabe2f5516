extension Memory {
    /// The fingerprint of some topics' records as of a revision.
    /// - Parameters:
    ///   - topics: prefixes ending in `/`, exact keys, or `/` for everything.
    ///   - revision: `nil`: the newest.
    ///   - branch: `nil`: the connection's.
    ///   - timeout: `nil`: the connection's. It takes as long as the records are many.
    /// - Returns: the state that it is of, and the fingerprint; equal to that of a view of the same topics there.
    /// - Throws: ``MembusError/refused(_:)``, with ``/MembusModel/Refusal/Code/belowFloor`` if the revision is no longer kept;
    ///   ``MembusError/timeout(of:outcomeUnknown:last:)``; ``MembusError/invalidName(_:)``; ``MembusError/closed``;
    ///   `CancellationError`.
    public func digest(
        _ topics: [String], at revision: Revision? = nil, branch: BranchName? = nil, timeout: Duration? = nil
    ) async throws -> (at: Position, digest: StateDigest) {
        let asked = Digest(branch: branch ?? self.branch, topics: try filtered(topics), at: revision)
        let answer = try await connection.ask(asked, timeout: timeout).answer
        return (answer.at, answer.digest)
    }
}
