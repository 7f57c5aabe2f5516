extension Memory {
    /// Has the broker make its index anew, beside everything else; the old one answers meanwhile. Returns at once; how far it is,
    /// ``status(timeout:)`` tells, in ``/MembusModel/BrokerFigures/index``.
    /// - Parameter timeout: `nil`: the connection's.
    /// - Returns: how many versions the old index held.
    /// - Throws: ``MembusError/refused(_:)``; ``MembusError/timeout(of:outcomeUnknown:last:)``; ``MembusError/closed``;
    ///   `CancellationError`.
    @discardableResult
    public func reindex(timeout: Duration? = nil) async throws -> Int64 {
        try await connection.ask(Reindex(), timeout: timeout).answer.versions
    }
}
