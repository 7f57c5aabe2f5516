extension Memory {
    /// Checks the store: file, hash chain, derived tables. May take long.
    public func verify(timeout: Duration? = .seconds(3600)) async throws -> Verification {
        try await connection.ask(Verify(), timeout: timeout).answer
    }
}
