import MembusModel

// Watches deliver every change to their topics after where they began, in order, each once, of one history: at any
// moment what was delivered is the beginning of what the truth says, and at rest it is all of it. Where an old copy of
// the store was put back, of one of the lineage's runs: which one shows once they differ. Compaction ends a watch only
// where it may have dropped something that was not delivered yet.

/// One watch of one life of an agent.
package struct WatchName: Hashable, Sendable, CustomStringConvertible {
    package var agent: Int
    package var life: Int
    package var number: Int
    package init(agent: Int, life: Int, number: Int) {
        self.agent = agent
        self.life = life
        self.number = number
    }
    package var description: String { "agent \(agent).\(life) watch \(number)" }
}

package enum WatchFact: Sendable {
    /// Everything after the revision, which is that of the token if there is one.
    case began(BranchName, TopicFilter, after: Revision, of: Token?)
    case delivered([Record], Lineage)
    /// Another history is served.
    case historyChanged(now: Lineage)
    case failed(Refusal)
    /// At the end, when all is calm.
    case rested
}

/// What the checker knows of a watch.
struct Watched {
    let branch: BranchName
    let filter: TopicFilter
    let after: Revision
    let basis: Token?
    var lineage: Lineage?
    var delivered = 0
    /// What each run of its lineage has to say, for those runs that have said what was delivered.
    var runs: [Run: [Record]] = [:]
}

extension Check {
    mutating func watch(_ name: WatchName, _ fact: WatchFact) {
        if case .began(let branch, let filter, let after, let basis) = fact {
            watches[name] = Watched(branch: branch, filter: filter, after: after, basis: basis, lineage: basis?.lineage)
            return
        }
        guard var watched = watches[name] else { return violated(.filteredTruth, "\(name) was never begun") }
        switch fact {
        case .began: break
        case .delivered(let records, let lineage): deliver(records, lineage, name, &watched)
        case .historyChanged(let now):
            // An old copy that was put back goes on under the same lineage.
            if watched.lineage == now, history.earlier[now]?.isEmpty ?? true {
                violated(.ownHistory, "\(name) ended by a change of history, which is still \(now)")
            }
        case .failed(let failure): failed(failure, name, watched)
        case .rested: rested(name, watched)
        }
        watches[name] = watched
    }

    private mutating func deliver(_ records: [Record], _ lineage: Lineage, _ name: WatchName, _ watched: inout Watched)
    {
        if let known = watched.lineage, known != lineage {
            return violated(.ownHistory, "\(name) delivers of lineage \(lineage) what began in \(known)")
        }
        if watched.delivered == 0 {
            watched.lineage = lineage
            watched.runs = runs(of: watched, lineage)
        }
        let start = watched.delivered
        let fitting = watched.runs.filter { run in
            let rest = run.value.dropFirst(start)
            return rest.count >= records.count && zip(records, rest).allSatisfy { $0.tells($1) }
        }
        if fitting.isEmpty {
            let expected =
                watched.runs[current(lineage)].map { "\($0.dropFirst(start).prefix(records.count))" } ?? "nothing"
            violated(
                .filteredTruth, "\(name) delivers \(records) after \(start) changes, where the truth has \(expected)")
        }
        watched.runs = fitting
        watched.delivered += records.count
    }

    /// What each run of the lineage that holds the watch's beginning says from there on.
    private func runs(of watched: Watched, _ lineage: Lineage) -> [Run: [Record]] {
        var found: [Run: [Record]] = [:]
        for number in 0...(history.earlier[lineage]?.count ?? 0) {
            let run = Run(lineage: lineage, number: number)
            guard let truth = truth(of: run) else { continue }
            if let basis = watched.basis, !truth.holds(basis.position) { continue }
            found[run] = truth.logged(on: watched.branch, watched.filter, after: watched.after)
        }
        return found
    }

    private mutating func failed(_ failure: Refusal, _ name: WatchName, _ watched: Watched) {
        let isReplaced = history.truths.count > 1 || history.earlier.values.contains { !$0.isEmpty }
        switch failure.code {
        case .belowFloor where mayLack(watched): break
        case .historyDiffers where isReplaced, .unknownBranch where isReplaced, .beyondHead where isReplaced: break
        // Not forked yet when it began.
        case .unknownBranch where watched.delivered == 0: break
        default: violated(.liveAgain, "\(name) ended without need: \(failure.message)")
        }
    }

    /// Whether compaction may have dropped something that the watch has not delivered: a version that another one has
    /// replaced by the floor, or a deletion. Of a parent branch everything counts, since what is noted of it does not
    /// tell the fork's part from the rest.
    private func mayLack(_ watched: Watched) -> Bool {
        let runs = watched.runs.keys.isEmpty ? Array(all()) : Array(watched.runs.keys)
        return runs.contains { run in
            guard let truth = truth(of: run) else { return true }
            let read = watched.runs[run].flatMap { watched.delivered > 0 ? $0[watched.delivered - 1].revision : nil }
            return truth.mayHaveDropped(
                watched.branch, watched.filter, after: max(watched.after, (read ?? 0) - 1), floor: highestFloor)
        }
    }

    private func all() -> [Run] {
        history.truths.keys.flatMap { lineage in
            (0...(history.earlier[lineage]?.count ?? 0)).map { Run(lineage: lineage, number: $0) }
        }
    }

    private mutating func rested(_ name: WatchName, _ watched: Watched) {
        guard let run = serving.last?.run else { return }
        if let lineage = watched.lineage, lineage != run.lineage {
            return violated(
                .ownHistory, "\(name) was never told that its lineage \(lineage) was replaced by \(run.lineage)")
        }
        let all = watched.delivered == 0 ? runs(of: watched, run.lineage)[run] : watched.runs[run]
        guard let all else {
            return violated(
                .ownHistory, "\(name) was never told that its history was replaced by another of the same lineage")
        }
        guard all.count != watched.delivered else { return }
        violated(
            .staleIsMarked,
            "\(name) rests after \(watched.delivered) changes of \(all.count); the next is "
                + (all.dropFirst(watched.delivered).first?.description ?? "none"))
    }
}

extension Truth {
    /// What the log of a branch has to say: what the branch inherited, up to its fork, included.
    func logged(on branch: BranchName, _ filter: TopicFilter, after: Revision) -> [Record] {
        var upTo: [BranchName: Revision] = [:]
        var (next, most): (BranchName?, Revision) = (branch, .max)
        while let name = next, upTo[name] == nil {
            upTo[name] = most
            guard let info = branches[name] else { break }
            most = min(most, info.forkRevision)
            next = info.parent
        }
        return commits.dropFirst(Int(max(0, after))).filter { $0.info.revision <= upTo[$0.info.branch] ?? -1 }
            .flatMap { $0.records.filter { filter.matches($0.key) } }
    }

    /// What compaction may drop of the log of a branch.
    func mayHaveDropped(_ branch: BranchName, _ filter: TopicFilter, after: Revision, floor: Revision) -> Bool {
        var line: [BranchName] = []
        var next: BranchName? = branch
        while let name = next, !line.contains(name) {
            line.append(name)
            next = branches[name]?.parent
        }
        return line.contains { name in
            // The newest come first: whatever follows of the same key is replaced.
            var replaced: Set<Key> = []
            for record in changes(on: name, filter, after: max(0, after), upTo: floor).reversed() {
                if record.isDeleted || !replaced.insert(record.key).inserted { return true }
            }
            return false
        }
    }
}
