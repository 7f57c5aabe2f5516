import MembusModel

// The checker: goes once through a recorded history and holds everything in it against the truth.
//
// The order of commits is given (revisions), so a history is linearizable exactly if that order respects the
// order of real time between operations, and every operation says what the state at its place says. Hence no
// search: CheckWrites and CheckReads compare each operation with what ended before it began.
//
// Numbers of invariants are those of the design's section 9.

public struct Violation: Error, Sendable, CustomStringConvertible {
    public var invariant: Int
    public var text: String
    /// The place in the history where it showed.
    public var entry: Int
    public init(invariant: Int, text: String, entry: Int) {
        self.invariant = invariant
        self.text = text
        self.entry = entry
    }
    public var description: String { "invariant \(invariant): \(text)" }
}

public struct Check {
    let history: History
    public internal(set) var violations: [Violation] = []
    var index = 0
    var now = Instant(nanoseconds: 0)

    // What was so before the entry under consideration.
    /// The newest state that was told to anybody, by lineage, when each operation began.
    var told: [Lineage: Revision] = [:]
    var visible: [Lineage: [(time: Instant, revision: Revision)]] = [:]
    var serving: [(time: Instant, lineage: Lineage)] = []
    var writes: [Int: Write] = [:]
    var views: [ViewName: Seen] = [:]
    /// By read, as of when it was asked for: what had been told to anybody, what its agent knew, the moment.
    var reads: [Int: [Lineage: Revision]] = [:]
    var ownAtAsk: [Int: [Lineage: Known]] = [:]
    var askedAt: [Int: Instant] = [:]
    /// What an agent has seen and written itself, by agent and lineage.
    var agents: [Int: [Lineage: Known]] = [:]
    var faultsEnded: Instant?

    struct Known {
        var read: Revision = 0
        var written: [BranchName: Revision] = [:]
    }

    public init(_ history: History) { self.history = history }

    public static func violations(of history: History) -> [Violation] {
        var check = Check(history)
        check.run()
        return check.violations
    }

    mutating func run() {
        checkTruths()
        for (index, entry) in history.entries.enumerated() {
            self.index = index
            now = entry.time
            take(entry.fact)
            if violations.count > 20 { return }
        }
        checkWritesAtEnd()
    }

    mutating func violated(_ invariant: Int, _ text: String) {
        violations.append(Violation(invariant: invariant, text: text, entry: index))
    }

    private mutating func take(_ fact: Fact) {
        switch fact {
        case .invoked(let op, let agent, let work): invoked(op, agent, work)
        case .told(let op, let result, let lineage): told(op, result, lineage)
        case .finished(let op, let agent, let ending): finished(op, agent, ending)
        case .visible(let lineage, let position):
            visible[lineage, default: []].append((now, position.revision))
            if serving.last?.lineage != lineage { serving.append((now, lineage)) }
            exists(position, lineage, "shown as visible")
        case .published(let lineage, let position): exists(position, lineage, "published")
        case .following(let view, let branch, let filter, let mode, let start):
            views[view] = Seen(branch: branch, filter: filter, mode: mode, token: start)
            if let start { exists(start.position, start.lineage, "a warm start") }
        case .left(let view): views[view] = nil
        case .moved(let view, let output, let lineage): moved(view, output, lineage)
        case .watched(let view, let token, let isLive): watched(view, token, isLive)
        case .overgrown(let text): violated(17, text)
        case .asked(let read, let agent):
            reads[read] = told
            ownAtAsk[read] = agents[agent]
            askedAt[read] = now
        case .read(let read): take(read)
        case .faultsEnded: faultsEnded = now
        case .rested(let view, let token, let isLive, let digest, let ofStore):
            rested(view, token, isLive, digest, ofStore)
        case .restedAt(let lineage, let position):
            if history.truths[lineage]?.head != position {
                violated(3, "the broker rests at \(position), the store holds \(history.truths[lineage]?.head.description ?? "nothing")")
            }
        case .floor, .remark: break
        }
    }

    /// What anybody sees is in the truth.
    mutating func exists(_ position: Position, _ lineage: Lineage, _ what: @autoclosure () -> String) {
        guard let truth = history.truths[lineage] else { return violated(3, "\(what()): lineage \(lineage) never was") }
        if !truth.holds(position) { violated(3, "\(what()): \(position) is not in the truth, whose head is \(truth.head)") }
    }

    func shown(_ lineage: Lineage, at time: Instant) -> Revision {
        visible[lineage]?.last { $0.time <= time }?.revision ?? 0
    }
}
