import MembusChecker
import MembusModel
import MembusRecording

// Watches and lists, of which only the processes' record tells:
//
//   4   what a watch delivers is what the truth has of its topics after its start: in order, each change once, with its
//       value; and at rest all of it. It ends by itself only if its history is replaced, or is no longer kept that far
//   5   a list is of one revision, whatever was written between its pages, in the order of its keys

struct WatchChecks {
    private struct Watched {
        var branch: BranchName
        var filter: TopicFilter
        var after: Token?
        var told: [(token: Token, record: ToldRecord, time: Int64)] = []
        var restedAt: Int64?
    }

    private(set) var violations: [(time: Int64, text: String, invariant: Invariant)] = []
    private let truths: [Lineage: Truth]
    private let isCompacted: Bool
    private var watches: [ViewName: Watched] = [:]
    private var order: [ViewName] = []

    init(_ recording: Recording, truths: [Lineage: Truth]) throws {
        self.truths = truths
        isCompacted = recording.lines.contains { if case .fault("compact", _) = $0.fact { true } else { false } }
        for line in recording.lines { try take(line) }
        for name in order { if let watched = watches[name] { check(watched, Self.words(for: name)) } }
    }

    private static func words(for name: ViewName) -> String {
        "watch \(name.number) of agent \(name.agent).\(name.life)"
    }

    private mutating func violated(_ invariant: Invariant, _ text: String, _ time: Int64) {
        if violations.count < 20 { violations.append((time, text, invariant)) }
    }

    private mutating func take(_ line: RecordedLine) throws {
        func name(_ number: UInt64) -> ViewName { ViewName(agent: line.agent, life: line.life, number: number) }
        switch line.fact {
        case .watching(let watch, let branch, let topics, let after):
            let filter = TopicFilter(topics.map { Topic(unchecked: $0) })
            let after = after.flatMap { Token($0) }
            watches[name(watch)] = Watched(branch: BranchName(unchecked: branch), filter: filter, after: after)
            order.append(name(watch))
        case .delivered(let watch, let text, let record):
            guard let token = Token(text) else { throw Unreadable("\"\(text)\" is no token") }
            watches[name(watch)]?.told.append((token, record, line.t))
        case .watchRested(let watch): watches[name(watch)]?.restedAt = line.t
        case .watchEnded(let watch, let why?): ended(name(watch), why, line.t)
        case .read(let read): if read.how == "listed" { listed(read, line.t) }
        default: break
        }
    }

    private mutating func ended(_ watch: ViewName, _ why: String, _ time: Int64) {
        let who = Self.words(for: watch)
        if why == "history changed", truths.count == 1 {
            violated(.ownHistory, "\(who) ended since its history had changed, and there was but one", time)
        }
        if ["failure historyDiffers", "failure beyondHead"].contains(why) {
            violated(.ownHistory, "\(who) ended by a \(why), where it should say that the history changed", time)
        }
        if why == "failure belowFloor", !isCompacted {
            violated(
                .filteredTruth, "\(who) ended since its revision was no longer kept, and nothing was compacted", time)
        }
    }

    // MARK: What was delivered

    private mutating func check(_ watched: Watched, _ who: String) {
        guard let first = watched.told.first else { return checkSilence(watched, who) }
        let lineage = watched.after?.lineage ?? first.token.lineage
        guard let truth = truths[lineage] else {
            return violated(.nothingSeenIsLost, "\(who): lineage \(lineage) never was", first.time)
        }
        // Without a token it started at some moment before its first change: it has all of that commit.
        let after = watched.after?.revision ?? first.token.revision - 1
        let last = watched.restedAt == nil ? watched.told.last?.token.revision ?? after : truth.head.revision
        let expected = truth.line(of: watched.branch, watched.filter, after: after, upTo: last)
        for (index, told) in watched.told.enumerated() {
            guard truth.holds(told.token.position), told.token.lineage == lineage else {
                return violated(
                    .nothingSeenIsLost, "\(who) told of \(told.token), which is not in lineage \(lineage)", told.time)
            }
            guard index < expected.count, told.record.isAnnounced != true, told.record.isOf(expected[index]) else {
                let next = index < expected.count ? expected[index].description : "nothing more"
                return violated(.filteredTruth, "\(who) told of \(told.record), where the truth has \(next)", told.time)
            }
        }
        if let time = watched.restedAt, watched.told.count < expected.count {
            violated(.filteredTruth, "\(who) at rest never told of \(expected[watched.told.count])", time)
        }
    }

    /// One that knew where it started, and told of nothing.
    private mutating func checkSilence(_ watched: Watched, _ who: String) {
        guard let time = watched.restedAt, let after = watched.after, let truth = truths[after.lineage] else { return }
        let missed = truth.line(of: watched.branch, watched.filter, after: after.revision, upTo: truth.head.revision)
        if let missed = missed.first { violated(.filteredTruth, "\(who) at rest never told of \(missed)", time) }
    }

    // MARK: Lists

    /// What is under its keys is checked like any other read.
    private mutating func listed(_ read: ToldRead, _ time: Int64) {
        if Set(read.pages ?? []).count > 1 {
            violated(
                .oneState, "a list's pages are of several states: \((read.pages ?? []).joined(separator: ", "))", time)
        }
        let keys = read.found.map { Key(unchecked: $0.key) }
        if !zip(keys, keys.dropFirst()).allSatisfy({ $0 < $1 }) {
            violated(.oneState, "a list has \(keys), which is no order", time)
        }
        if let other = read.found.first(where: { !read.keys.contains($0.key) }) {
            violated(.oneState, "a list has \(other.key), which nobody writes or it did not ask for", time)
        }
    }
}

extension Truth {
    /// What the log of a branch has of some topics in (after, upTo]: its parents' changes up to the fork come first.
    fileprivate func line(of branch: BranchName, _ filter: TopicFilter, after: Revision, upTo: Revision) -> [Record] {
        var records: [Record] = []
        if let info = branches[branch], let parent = info.parent {
            records = line(of: parent, filter, after: after, upTo: min(upTo, info.forkRevision))
        }
        return records + changes(on: branch, filter, after: after, upTo: upTo)
    }
}
