extension Memory {
    /// What one request may hold, by the configuration of the broker that answers now.
    package func limits(timeout: Duration? = nil) async throws -> Limits {
        try await connection.ask(Hello(agent: agent), timeout: timeout).answer.limits
    }
}
