/// What of a view outlives its phases: where it stands, which broker it talks to, what it has heard.
struct ViewCore: Sendable {
    /// The stream as the present registration names it.
    struct Stream: Sendable {
        var id: StreamID
        var alias: UInt32
        var generation: UInt64
    }

    let bounds: ViewMachine.Bounds
    /// The machine's only randomness, derived from its seed.
    var jitter: SeededRandom
    private(set) var now = Instant(nanoseconds: 0)
    var outputs: [ViewOutput] = []

    private(set) var lineage: Lineage?
    private(set) var cut: Position?
    /// Newer than the cut, and of its lineage: acknowledged, or waited for by somebody.
    private(set) var learned: Token?

    private(set) var instance: Instance?
    var stream: Stream?
    /// On the present events' socket.
    var subscribed: StreamID?
    /// The highest revision seen in what this registration's stream published.
    private(set) var highest: Revision = 0

    private(set) var attempts: UInt64 = 0
    /// Since the view was last live.
    var setbacks = 0
    var hearing = Hearing()
    var freshness = FreshnessProofs()
    /// Filled in PULL only.
    var held = Held()
    private(set) var reportedLive: Bool?
    private(set) var staleSince: Instant?
    private var reportedFresh: Instant?

    init(start: Token?, seed: UInt64, bounds: ViewMachine.Bounds) {
        self.bounds = bounds
        jitter = SeededRandom(seed: seed)
        lineage = start?.lineage
        cut = start?.position
    }

    /// The cut's revision; below all revisions without a state.
    var at: Revision { cut?.revision ?? -1 }
    var cutToken: Token? {
        guard let lineage, let cut else { return nil }
        return Token(lineage: lineage, position: cut)
    }
    /// The newest state that is known of.
    var newest: Token? { learned ?? cutToken }

    mutating func begin(at now: Instant) {
        self.now = max(now, self.now)
        outputs.removeAll(keepingCapacity: false)
    }

    /// Says what changed for the owner, behind what changed for the state.
    mutating func finish(_ phase: ViewMachine.Phase) -> [ViewOutput] {
        if phase != .pull, !held.isEmpty { held.clear() }
        flushPing()
        freshness.reached(at)
        if let asOf = freshness.asOf, asOf != reportedFresh { outputs.append(.fresh(asOf: asOf)) }
        reportedFresh = freshness.asOf
        report(phase == .live && !hearing.isSilent)
        defer { outputs = [] }
        return outputs
    }

    private mutating func report(_ isLive: Bool) {
        guard isLive != reportedLive else { return }
        reportedLive = isLive
        staleSince = isLive ? nil : hearing.isSilent ? hearing.lastHeard : now
        outputs.append(staleSince.map { .stale(since: $0) } ?? .live)
    }

    // MARK: the cut

    /// The only way forward for the cut.
    mutating func move(to position: Position) {
        precondition(position.revision > at, "a cut never goes back: \(at) to \(position)")
        cut = position
        if let token = learned, token.revision <= position.revision { learned = nil }
    }

    mutating func learn(_ token: Token) {
        guard lineage == nil || token.lineage == lineage else { return }
        if let learned, learned.lineage != token.lineage { return }
        if token.revision > max(at, learned?.revision ?? -1) { learned = token }
    }

    /// The broker says that the cut is not of its history, whatever newer state we know of: let the next
    /// registration name the cut, so that it resets the view.
    mutating func distrust() { learned = nil }

    mutating func saw(_ revision: Revision) { highest = max(highest, revision) }

    // MARK: the broker

    mutating func nextAttempt() -> UInt64 {
        attempts += 1
        return attempts
    }

    mutating func adopt(_ lineage: Lineage, _ instance: Instance, reset: Bool) {
        let isOther = self.lineage.map { $0 != lineage } ?? false
        if reset || isOther || learned.map({ $0.lineage != lineage }) ?? false { forget(for: lineage) }
        self.lineage = lineage
        if self.instance != instance { freshness.forgetBroker() }
        self.instance = instance
        highest = 0
    }

    private mutating func forget(for lineage: Lineage) {
        cut = nil
        learned = nil
        freshness = FreshnessProofs()
        reportedFresh = nil
        outputs.append(.reset(lineage))
    }

    /// The pause after so many failures in a row.
    mutating func backoff(_ failures: Int) -> Duration {
        Backoff(first: bounds.backoff, longest: bounds.backoffLimit).pause(doubled: failures - 1, &jitter)
    }
}
