import MembusModel

/// How long a broker has had no clients.
struct Idleness: Sendable {
    private let span: Duration
    private var lastUse: Instant

    init(after span: Duration, now: Instant) {
        self.span = span
        lastUse = now
    }

    /// - Parameter hasClients: since the last look, or now.
    /// - Returns: whether nobody came for the whole span.
    mutating func look(hasClients: Bool, now: Instant) -> Bool {
        if hasClients { lastUse = now }
        return now - lastUse >= span
    }
}
