extension Memory {
    /// Drops history: what is older than this, or below this revision, or (neither) by the broker's window.
    /// - Returns: the new floor.
    public func compact(
        olderThan: Duration? = nil, below: Revision? = nil, timeout: Duration? = nil
    ) async throws -> Revision {
        try await connection.ask(Compact(olderThan: olderThan, below: below), timeout: timeout).answer.floor
    }
}
