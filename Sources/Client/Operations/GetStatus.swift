extension Memory {
    /// How the broker fares.
    /// - Parameter timeout: `nil`: the connection's.
    /// - Throws: ``MembusError/timeout(of:outcomeUnknown:last:)``; ``MembusError/closed``; `CancellationError`.
    public func status(timeout: Duration? = nil) async throws -> BrokerStatus {
        let answered = try await connection.ask(GetStatus(), timeout: timeout)
        return BrokerStatus(lineage: answered.lineage, instance: answered.instance, figures: answered.answer)
    }
}

/// How a broker fares.
public struct BrokerStatus: Hashable, Sendable {
    public let lineage: Lineage
    public let instance: Instance
    public let figures: BrokerFigures
}
