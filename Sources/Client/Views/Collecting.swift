// What a read of several keys of a view does until it has them all as of one state. Pure but for the cache that it
// reads: whoever drives it waits, sends and sleeps as it says, and tells it what came of that.
//
//   reach what was asked for ─▶ [live, if the policy waits] ─▶ take hits and cut at once ─▶ nothing missing: done
//                                                    ▲               │
//                                                    │               ▼
//                                          pause, reach anew ◀─ fetch the misses as of the cut ─▶ fill, done
//
// Invariants: all records of the snapshot are of the state whose token it bears; a fill that was begun is
// filled or abandoned, whatever happens; what was read for a token is of the history in which the view was last told to
// have reached it, else that is asked again.

struct Collecting: StepwiseCall {
    typealias Product = Snapshot
    typealias Given = Never

    private enum Stage: Sendable {
        case asked, policy, taking
        case fetching(KeysInParts)
        case paused
    }

    let keys: [Key]
    let consistency: Consistency
    let shared: SharedView
    let view: ViewID
    private let reader: UInt32
    /// Once values of so many bytes are there, no more are fetched: see ``Snapshot/leftOut``.
    private let mostBytes: Int
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

    init(
        _ keys: [Key], _ consistency: Consistency, from shared: SharedView, _ view: ViewID, by reader: UInt32 = 1,
        mostBytes: Int = .max
    ) {
        self.reader = reader
        self.keys = keys
        self.mostBytes = mostBytes
        self.consistency = consistency
        self.shared = shared
        self.view = view
    }

    mutating func begin() throws -> Action {
        stage = .asked
        switch consistency {
        case .cached: return try policy()
        case .atLeast(let token):
            goal = token
            return confirm(token)
        case .within(let age): return .reach(view, .within(age))
        case .linearizable: return .reach(view, .linearizable)
        }
    }

    private mutating func confirm(_ token: Token) -> Action {
        stage = .asked
        resets = shared.resets
        return .reach(view, .atLeast(token))
    }

    mutating func take(_ input: Input) throws -> Action {
        switch (stage, input) {
        case (.fetching(let parts), _): return try took(input, parts)
        // A view that can't be had says why.
        case (_, .failed(let error, _)): throw shared.failure ?? error
        case (.asked, .answered):
            try holdToView()
            return try policy()
        case (.policy, .answered), (.taking, .answered):
            try holdToView()
            return try hits()
        case (.paused, .passed):
            stage = .policy
            return .reach(view, .linearizable)
        case (_, .passed), (.paused, .answered): preconditionFailure("not what was asked for")
        }
    }

    private func holdToView() throws(MembusError) {
        if let failure = shared.failure { throw failure }
    }

    /// What the view's owner chose for reads of a stale one.
    private mutating func policy() throws -> Action {
        stage = .policy
        return shared.mustWait ? .reach(view, .live) : try hits()
    }

    private mutating func hits() throws -> Action {
        let taken: (found: [Record], missing: Misses)
        do { taken = try shared.take(keys, by: reader) } catch {
            // It had no state to show, or became stale since.
            guard case .stale = error, shared.whenStale != .fail else { throw error }
            stage = .taking
            return .reach(view, .live)
        }
        found = taken.found
        missing = taken.missing
        // The history was replaced since the token's state was reached, by another or by an old copy of it.
        if let goal, taken.missing.token.lineage != goal.lineage || taken.missing.token.revision < goal.revision {
            abandon()
            throw MembusError.historyChanged(now: taken.missing.token.lineage)
        }
        // Or maybe by an old copy that has come as far: whether it holds the token is to be found out.
        if let goal, taken.missing.resets != resets {
            abandon()
            return confirm(goal)
        }
        if taken.missing.keys.isEmpty { return .hand(Snapshot(token: taken.missing.token, records: found)) }
        // One key is fetched in any case: of a read something comes back.
        let parts = KeysInParts(
            taken.missing.keys, branch: shared.follow.branch, at: taken.missing.token.position,
            mostBytes: mostBytes == .max ? .max : max(1, mostBytes - found.reduce(0) { $0 + $1.size }))
        stage = .fetching(parts)
        return try parts.begin().then { try filled($0) }
    }

    private mutating func took(_ input: Input, _ parts: KeysInParts) throws -> Action {
        var parts = parts
        let action: KeysInParts.Action
        do { action = try parts.take(input) } catch {
            if case .failed(_, true) = input { return try failed(error, isLast: true) }
            return try failed(error, isLast: false)
        }
        stage = .fetching(parts)
        return try action.then { try filled($0) }
    }

    private mutating func filled(_ fetched: KeysInParts.Fetched) throws -> Action {
        guard let missing else { preconditionFailure("nothing was fetched") }
        guard fetched.token.lineage == missing.token.lineage else {
            return try failed(Refusal(.historyDiffers, "the broker holds another history than the view"), isLast: false)
        }
        shared.fill(fetched.records, missing, by: reader)
        self.missing = nil
        let byKey = Dictionary((found + fetched.records).map { ($0.key, $0) }, uniquingKeysWith: { _, new in new })
        return .hand(
            Snapshot(
                token: missing.token, records: keys.compactMap { byKey[$0] },
                leftOut: Array(missing.keys.dropFirst(fetched.records.count))))
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
