import MembusModel

/// When a lineage was first served, and what it held then.
struct LineageStart {
    var entry: Int
    var revision: Revision
}

struct LoggedWrite {
    var op: Int
    var work: Work
    var called: Int
    /// The first word of what became of it, by lineage.
    var outcomes: [Lineage: (outcome: Outcome, entry: Int)] = [:]
    /// It was refused: it takes effect nowhere.
    var isRefused = false
    /// Where its agent was told the outcome.
    var finished: Lineage?
}

struct LoggedRead {
    var read: Read
    var called: Int
    var returned: Int
}

/// Calls and returns out of a recorded history; moments are the entries' places, which are in the order of time.
struct OperationLog {
    private(set) var writes: [LoggedWrite] = []
    private(set) var reads: [LoggedRead] = []
    private(set) var starts: [Lineage: LineageStart] = [:]
    private(set) var lineages: [Lineage] = []
    private var placeOfOp: [Int: Int] = [:]
    private var asked: [Int: Int] = [:]

    init(_ history: History) {
        for (entry, fact) in history.entries.lazy.map(\.fact).enumerated() { take(fact, entry) }
    }

    private mutating func take(_ fact: Fact, _ entry: Int) {
        switch fact {
        case .invoked(let op, _, let work):
            placeOfOp[op] = writes.count
            writes.append(LoggedWrite(op: op, work: work, called: entry))
        case .told(let op, .success(let outcome), let lineage): answered(op, outcome, lineage, entry)
        case .told(let op, .failure(let failure), _): if Check.refuses(failure) { refuse(op) }
        case .finished(let op, _, let ending): finished(op, ending, entry)
        case .visible(let lineage, let position): serve(lineage, entry, position.revision)
        case .asked(let read, _): asked[read] = entry
        case .read(let read): answered(read, entry)
        default: break
        }
    }

    private mutating func serve(_ lineage: Lineage, _ entry: Int, _ revision: Revision = 0) {
        guard starts[lineage] == nil else { return }
        starts[lineage] = LineageStart(entry: entry, revision: revision)
        lineages.append(lineage)
    }

    private mutating func answered(_ op: Int, _ outcome: Outcome, _ lineage: Lineage, _ entry: Int) {
        serve(lineage, entry)
        guard let place = placeOfOp[op], writes[place].outcomes[lineage] == nil else { return }
        writes[place].outcomes[lineage] = (outcome, entry)
    }

    private mutating func finished(_ op: Int, _ ending: Ending, _ entry: Int) {
        guard let place = placeOfOp[op] else { return }
        switch ending {
        case .decided(let outcome, let lineage):
            answered(op, outcome, lineage, entry)
            writes[place].finished = lineage
        case .committedUnseen(let position, let lineage):
            answered(op, .committed(position), lineage, entry)
            writes[place].finished = lineage
        case .refused: refuse(op)
        case .unknown: break
        }
    }

    private mutating func refuse(_ op: Int) {
        if let place = placeOfOp[op] { writes[place].isRefused = true }
    }

    private mutating func answered(_ read: Read, _ entry: Int) {
        switch read.consistency {
        case .direct, .linearizable:
            serve(read.token.lineage, entry)
            if let called = asked[read.id] { reads.append(LoggedRead(read: read, called: called, returned: entry)) }
        case .cached, .atLeast, .within: break
        }
    }

    /// Whether a write of which this lineage says nothing may take effect in it.
    func mayHappen(_ write: LoggedWrite, in lineage: Lineage) -> Bool {
        guard !write.isRefused, let number = lineages.firstIndex(of: lineage) else { return false }
        if number + 1 < lineages.count, let next = starts[lineages[number + 1]], next.entry < write.called {
            return false
        }
        guard let finished = write.finished, let other = lineages.firstIndex(of: finished) else { return true }
        return other > number
    }
}
