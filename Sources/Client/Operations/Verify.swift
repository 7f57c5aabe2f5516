extension Memory {
    /// Checks the store: file, hash chain, derived tables. May take long: as long as the store is large.
    /// - Parameter timeout: `nil`: the connection's.
    /// - Throws: ``MembusError/refused(_:)``; ``MembusError/timeout(of:outcomeUnknown:last:)``;
    ///   ``MembusError/closed``; `CancellationError`. What is wrong with the store is in the answer, not thrown.
    public func verify(timeout: Duration? = .seconds(3600)) async throws -> Verification {
        try await connection.ask(Verify(), timeout: timeout).answer
    }
}
