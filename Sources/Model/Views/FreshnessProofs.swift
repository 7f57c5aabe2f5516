// How a view knows how old it may be, without trusting clocks of other machines or times of receipt:
//
//   A ping sent at t0 is answered with R. When the cut reaches R, the state contains all that was visible at t0.
//   The answer's broker clock b0 was read at t0 or later. A heartbeat stamped b with R' was therefore made at
//   t0 + (b - b0) or later: when the cut reaches R', the state contains all that was visible then.
//
// Both clocks are monotonic; only their rates are compared, and the comparison is renewed by every ping.

/// The moment up to which the state is proven complete.
struct FreshnessProofs: Sendable {
    private static let mostPings = 64
    private static let mostProofs = 64
    private static let comparisonAge = Duration.seconds(30)

    private(set) var asOf: Instant?
    private var pings: [(nonce: UInt64, sent: Instant)] = []
    /// Wait for the cut to reach their revision.
    private var proofs: [(revision: Revision, moment: Instant)] = []
    private var comparison: (sent: Instant, clock: Int64)?

    /// Whether heartbeats of this broker prove anything.
    var isCompared: Bool { comparison != nil }
    func awaits(_ nonce: UInt64) -> Bool { pings.contains { $0.nonce == nonce } }

    mutating func sent(_ nonce: UInt64, at now: Instant) {
        if pings.count == Self.mostPings { pings.removeFirst() }
        pings.append((nonce, now))
    }

    /// - Returns: when the ping was sent; `nil` if it is not ours, or was answered before.
    mutating func answered(_ nonce: UInt64, clock: Int64, visible: Revision, now: Instant) -> Instant? {
        guard let index = pings.firstIndex(where: { $0.nonce == nonce }) else { return nil }
        let sent = pings.remove(at: index).sent
        compare(sent: sent, clock: clock, now: now)
        prove(visible, for: sent)
        return sent
    }

    /// A heartbeat of the present instance.
    mutating func stamped(_ clock: Int64, visible: Revision, now: Instant) {
        guard let comparison, clock >= comparison.clock else { return }
        // A clock that leapt further than fits makes a moment long ago, which proves nothing.
        let moment = comparison.sent + .nanoseconds(clock &- comparison.clock)
        prove(visible, for: min(moment, now))
    }

    mutating func reached(_ cut: Revision) {
        guard !proofs.isEmpty else { return }
        for proof in proofs where proof.revision <= cut { asOf = max(asOf ?? proof.moment, proof.moment) }
        proofs.removeAll { $0.revision <= cut }
    }

    /// Another instance has another clock, and answers none of the old pings.
    mutating func forgetBroker() {
        pings = []
        proofs = []
        comparison = nil
    }

    /// Of two comparisons the one with less delay proves more; an old one suffers from the clocks' rates.
    private mutating func compare(sent: Instant, clock: Int64, now: Instant) {
        if let old = comparison, now - old.sent < Self.comparisonAge,
            old.sent.nanoseconds &- old.clock > sent.nanoseconds &- clock
        {
            return
        }
        comparison = (sent, clock)
    }

    /// When there are too many, the oldest are kept: the cut reaches them first.
    private mutating func prove(_ revision: Revision, for moment: Instant) {
        if proofs.count < Self.mostProofs { proofs.append((revision, moment)) }
    }
}
