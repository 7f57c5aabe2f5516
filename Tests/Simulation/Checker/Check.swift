import MembusModel

// The checker: goes once through a recorded history and holds everything in it against the truth.
//
// The order of commits is given (revisions), so a history is linearizable exactly if that order respects the
// order of real time between operations, and every operation says what the state at its place says: CheckWrites
// and CheckReads compare each operation with what ended before it began. CheckLinearizability comes to its own
// verdict at the end, by a search for an order that does not know the revisions' (Linearizability/).
//
// What it holds a history to is ``Invariant``.

package struct Violation: Error, Sendable, CustomStringConvertible {
    package var invariant: Invariant
    package var text: String
    /// The place in the history where it showed.
    package var entry: Int
    package init(invariant: Invariant, text: String, entry: Int) {
        self.invariant = invariant
        self.text = text
        self.entry = entry
    }
    package var description: String { "\(invariant): \(text)" }
}

/// A stretch of a lineage's life. It has one, unless an old copy of the store was put in its place as a file:
/// then the lineage goes on from the copy's head, as another run.
struct Run: Hashable {
    var lineage: Lineage
    var number: Int
}

package struct Check {
    let history: History
    package internal(set) var violations: [Violation] = []
    var index = 0
    var now = Instant(nanoseconds: 0)

    // What was so before the entry under consideration.
    /// By lineage, which of its runs is on.
    var runs: [Lineage: Int] = [:]
    /// The newest state that was told to anybody.
    var told: [Run: Revision] = [:]
    var visible: [Run: [(time: Instant, revision: Revision)]] = [:]
    /// The runs that brokers served, in their order.
    var serving: [(time: Instant, run: Run)] = []
    var writes: [Int: Write] = [:]
    var views: [ViewName: Seen] = [:]
    var reads: [Int: Asked] = [:]
    var answers: [ViewName: [Run: Answered]] = [:]
    /// What an agent has seen and written itself.
    var agents: [Int: [Run: Known]] = [:]
    var faultsEnded: Instant?
    /// When each view first was live and at the head after that.
    var recovered: [ViewName: Instant] = [:]
    var watches: [WatchName: Watched] = [:]
    var decidedAt: [Position: Timestamp] = [:]
    var mergedUpTo: [Position: Revision] = [:]
    /// Of any history.
    var highestFloor: Revision = 0

    /// How things stood when a read was asked for.
    struct Asked {
        var told: [Run: Revision]
        var own: [Run: Known]
        var time: Instant
        /// How many runs had been served.
        var served: Int
        /// What views had answered.
        var answers: [ViewName: [Run: Answered]]
    }

    /// The newest state that reads of a view were of.
    struct Answered {
        /// Of those that were over before `time`: in one moment nobody knows which was first.
        private var earlier: Revision = -1
        private var newest: Revision = -1
        private var time = Instant(nanoseconds: 0)

        mutating func add(_ revision: Revision, at now: Instant) {
            (earlier, time) = (before(now), now)
            newest = max(newest, revision)
        }
        func before(_ now: Instant) -> Revision { now > time ? newest : earlier }
    }

    struct Known {
        var read: Revision = 0
        var written: [BranchName: Revision] = [:]
    }

    /// All that was ever asked for.
    private(set) var works: [Int: Work] = [:]

    package init(_ history: History) { self.history = history }

    /// - Parameter isComplete: the record says when each lineage began and of which one each word was; without that
    ///   no order can be looked for, and operations are judged by their revisions alone.
    package static func violations(of history: History, isComplete: Bool = true) -> [Violation] {
        var check = Check(history)
        check.run(isComplete: isComplete)
        return check.violations
    }

    mutating func run(isComplete: Bool = true) {
        for case .invoked(let op, _, let work) in history.entries.lazy.map(\.fact) { works[op] = work }
        checkTruths()
        for (index, entry) in history.entries.enumerated() {
            self.index = index
            now = entry.time
            take(entry.fact)
            if violations.count > 20 { return }
        }
        checkWritesAtEnd()
        if violations.isEmpty, isComplete { checkLinearizability() }
    }

    mutating func violated(_ invariant: Invariant, _ text: String) {
        violations.append(Violation(invariant: invariant, text: text, entry: index))
    }

    private mutating func take(_ fact: Fact) {
        switch fact {
        case .invoked(let op, let agent, let work): invoked(op, agent, work)
        case .told(let op, let result, let lineage): told(op, result, lineage)
        case .finished(let op, let agent, let ending): finished(op, agent, ending)
        case .visible(let lineage, let position):
            let run = current(lineage)
            visible[run, default: []].append((now, position.revision))
            if serving.last?.run != run { serving.append((now, run)) }
            if exists(position, lineage, "shown as visible") != run {
                violated(.nothingSeenIsLost, "\(position) is shown as visible, but is of a history that was replaced")
            }
        case .answered(let lineage, let revision):
            let most = visible[current(lineage)]?.last?.revision ?? 0
            if revision > most {
                violated(.nothingSeenIsLost, "a reply shows revision \(revision), though \(most) is visible")
            }
        case .published(let lineage, let position): exists(position, lineage, "published")
        case .following(let view, let branch, let filter, let mode, let start):
            views[view] = Seen(branch: branch, filter: filter, mode: mode, token: start)
            if let start { exists(start.position, start.lineage, "a warm start") }
        case .loaded(let view, let token, let records): loaded(view, token, records)
        case .left(let view): (views[view], answers[view]) = (nil, nil)
        case .moved(let view, let output, let lineage): moved(view, output, lineage)
        case .watched(let view, let token, let isLive): watched(view, token, isLive)
        case .holds(let view, let token, let entries, let atRest): holds(view, token, entries, atRest: atRest)
        case .overgrown(let text): violated(.caps, text)
        case .broken(let invariant, let text): violated(invariant, text)
        case .asked(let read, let agent):
            reads[read] = Asked(
                told: told, own: agents[agent] ?? [:], time: now, served: serving.count, answers: answers)
        case .read(let read): take(read)
        case .differed(let diffed): take(diffed)
        case .faultsEnded: faultsEnded = now
        case .recovered(let view): recovered[view] = recovered[view] ?? now
        case .rested(let view, let token, let isLive, let digest, let ofStore):
            rested(view, token, isLive, digest, ofStore)
        case .restedAt(let lineage, let position):
            if history.truths[lineage]?.head != position {
                violated(
                    .nothingSeenIsLost,
                    "the broker rests at \(position), the store holds \(history.truths[lineage]?.head.description ?? "nothing")"
                )
            }
        case .restedWhen(let time): checkNothingOverdue(time)
        case .merged(let commit, let source): mergedUpTo[commit] = source
        case .decided(let commits, let time): for commit in commits { decidedAt[commit] = time }
        case .copiedBack(let lineage, let position): copiedBack(lineage, position)
        case .watch(let watch, let fact): self.watch(watch, fact)
        case .floor(_, let revision): highestFloor = max(highestFloor, revision)
        case .counted(let lineage, let counts): counted(lineage, counts)
        case .searched(let searched): take(searched)
        case .remark: break
        }
    }

    // MARK: Runs

    func current(_ lineage: Lineage) -> Run { Run(lineage: lineage, number: runs[lineage] ?? 0) }

    private mutating func copiedBack(_ lineage: Lineage, _ position: Position) {
        let before = current(lineage)
        runs[lineage, default: 0] += 1
        told[current(lineage)] = min(told[before] ?? 0, position.revision)
    }

    func truth(of run: Run) -> Truth? {
        let earlier = history.earlier[run.lineage] ?? []
        return run.number < earlier.count ? earlier[run.number] : history.truths[run.lineage]
    }

    func holds(_ run: Run, _ position: Position) -> Bool { truth(of: run)?.holds(position) == true }

    /// The newest run so far that holds the state.
    func run(holding position: Position, of lineage: Lineage) -> Run? {
        for number in stride(from: runs[lineage] ?? 0, through: 0, by: -1) {
            let run = Run(lineage: lineage, number: number)
            if truth(of: run)?.holds(position) == true { return run }
        }
        return nil
    }

    /// What anybody sees is in the truth.
    @discardableResult
    mutating func exists(_ position: Position, _ lineage: Lineage, _ what: @autoclosure () -> String) -> Run? {
        if let run = run(holding: position, of: lineage) { return run }
        guard let truth = history.truths[lineage] else {
            violated(.nothingSeenIsLost, "\(what()): lineage \(lineage) never was")
            return nil
        }
        violated(.nothingSeenIsLost, "\(what()): \(position) is not in the truth, whose head is \(truth.head)")
        return nil
    }

    /// What was visible before that moment. Not what became so at the moment itself: a clock that reads the same twice
    /// does not say which came first, and a broker that was stopped does all that waited for it in one moment.
    func shown(_ run: Run, before time: Instant) -> Revision {
        visible[run]?.last { $0.time < time }?.revision ?? 0
    }
}
