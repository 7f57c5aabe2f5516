extension Memory {
    /// Drops history: what is older than this, or below this revision, or (neither) by the broker's window.
    /// - Parameters:
    ///   - olderThan: how long ago what is dropped was committed, at least.
    ///   - below: the new floor: what only states before it show is dropped.
    ///   - timeout: `nil`: the connection's.
    /// - Returns: the new floor: the oldest revision that is still kept.
    /// - Throws: ``MembusError/refused(_:)``, also where the disk is full;
    ///   ``MembusError/timeout(of:outcomeUnknown:last:)``; ``MembusError/closed``; `CancellationError`.
    public func compact(
        olderThan: Duration? = nil, below: Revision? = nil, timeout: Duration? = nil
    ) async throws -> Revision {
        try await connection.ask(Compact(olderThan: olderThan, below: below), timeout: timeout).answer.floor
    }
}
