// What a read of several keys does until it has them all as of one state. Pure but for the cache that it reads:
// whoever drives it waits, sends and sleeps as it says, and tells it what came of that.
//
//   reach what was asked for ─▶ [live, if the policy waits] ─▶ take hits and cut at once ─▶ nothing missing: done
//                                                    ▲               │
//                                                    │               ▼
//                                          pause, reach anew ◀─ fetch the misses as of the cut ─▶ fill, done
//
// Invariants: all records of the snapshot are of the state whose token it bears; a fill that was begun is
// filled or abandoned, whatever happens; what was read for a token is of the history in which the view was last told to
// have reached it, else that is asked again.

struct Collecting: Sendable {
    enum Action: Sendable {
        /// Wait until the view is there, then say ``Input/passed``.
        case reach(Freshness)
        /// Wait this long, then say ``Input/passed``.
        case pause(Duration)
        /// Ask the broker, then say what came back.
        case fetch(Get)
        case finished(Snapshot)
    }

    enum Input: Sendable {
        case passed
        case fetched([Record], of: Token)
        /// Nothing came back. ``isLast``: there is no time for another attempt.
        case failed(any Error, isLast: Bool)
    }

    private enum Stage: Sendable { case asked, policy, taking, fetching, paused }

    let keys: [Key]
    let shared: SharedView
    /// Where the state was gone by the time of the fetch: long enough that a burst of compaction is over.
    static let pause: Duration = .milliseconds(20)

    private var stage = Stage.asked
    /// What the state is to contain.
    private var goal: Token?
    /// The view's ``SharedView/resets`` from before it was asked for that.
    private var resets = 0
    /// As of the last taking.
    private(set) var found: [Record] = []
    var missing: Misses?

    init(_ keys: [Key], from shared: SharedView) {
        self.keys = keys
        self.shared = shared
    }

    mutating func begin(_ consistency: Consistency) throws(MembusError) -> Action {
        switch consistency {
        case .cached: return try policy()
        case .atLeast(let token):
            goal = token
            return confirm(token)
        case .within(let age): return .reach(.within(age))
        case .linearizable: return .reach(.linearizable)
        }
    }

    private mutating func confirm(_ token: Token) -> Action {
        stage = .asked
        resets = shared.resets
        return .reach(.atLeast(token))
    }

    mutating func take(_ input: Input) throws -> Action {
        switch (stage, input) {
        case (.asked, .passed): return try policy()
        case (.policy, .passed), (.taking, .passed): return try hits()
        case (.paused, .passed):
            stage = .policy
            return .reach(.linearizable)
        case (.fetching, .fetched(let records, let token)): return try fetched(records, token)
        case (.fetching, .failed(let error, let isLast)): return try failed(error, isLast: isLast)
        case (_, .failed(let error, _)): throw error
        case (.fetching, .passed), (_, .fetched): preconditionFailure("not what was asked for")
        }
    }

    /// What the view's owner chose for reads of a stale one.
    private mutating func policy() throws(MembusError) -> Action {
        stage = .policy
        return shared.mustWait ? .reach(.live) : try hits()
    }

    private mutating func hits() throws(MembusError) -> Action {
        let taken: (found: [Record], missing: Misses)
        do { taken = try shared.take(keys) } catch {
            // It had no state to show, or became stale since.
            guard case .stale = error, shared.whenStale != .fail else { throw error }
            stage = .taking
            return .reach(.live)
        }
        found = taken.found
        missing = taken.missing
        // The history was replaced since the token's state was reached, by another or by an old copy of it.
        if let goal, taken.missing.token.lineage != goal.lineage || taken.missing.token.revision < goal.revision {
            abandon()
            throw .historyChanged(now: taken.missing.token.lineage)
        }
        // Or maybe by an old copy that has come as far: whether it holds the token is to be found out.
        if let goal, taken.missing.resets != resets {
            abandon()
            return confirm(goal)
        }
        if taken.missing.keys.isEmpty { return .finished(Snapshot(token: taken.missing.token, records: found)) }
        stage = .fetching
        return .fetch(
            Get(branch: shared.follow.branch, keys: taken.missing.keys, at: taken.missing.token.position))
    }

    private mutating func fetched(_ records: [Record], _ token: Token) throws -> Action {
        guard let missing else { preconditionFailure("nothing was fetched") }
        guard token.lineage == missing.token.lineage else {
            return try failed(Refusal(.historyDiffers, "the broker holds another history than the view"), isLast: false)
        }
        shared.fill(records, missing)
        self.missing = nil
        let byKey = Dictionary((found + records).map { ($0.key, $0) }, uniquingKeysWith: { _, new in new })
        return .finished(Snapshot(token: missing.token, records: keys.compactMap { byKey[$0] }))
    }

    /// What is gone by then (compacted, or of a history that was replaced) is read again at a newer cut.
    private mutating func failed(_ error: any Error, isLast: Bool) throws -> Action {
        abandon()
        guard Self.isOutdated(error), !isLast else { throw error }
        stage = .paused
        return .pause(Self.pause)
    }

    /// Nobody waits for it any more.
    mutating func abandon() {
        if let missing { shared.abandon(missing) }
        missing = nil
    }

    /// Whether the state that was read from is no longer kept, or of a history that was replaced.
    private static func isOutdated(_ error: any Error) -> Bool {
        let codes: [Refusal.Code] = [.belowFloor, .historyDiffers, .beyondHead]
        if case MembusError.refused(let refusal) = error { return codes.contains(refusal.code) }
        if case MembusError.historyChanged = error { return true }
        return (error as? Refusal).map { codes.contains($0.code) } ?? false
    }
}
