import MembusChecker
import MembusModel
import MembusRecording

// What only a record of real processes says, beside what the checker verifies of its history:
//
//   4   a view's feed tells only of what is in the truth, never goes back for a key, and at rest has told of the
//       newest version of every key that is there
//   20  each view was live and at the head soon enough after the faults ended

struct RecordedChecks {
    /// In seconds. What an agent tells of its views is up to a quarter of a second old.
    static let recovery = Check.recovery / .seconds(1)

    private(set) var violations: [(time: Int64, text: String, invariant: Invariant)] = []
    private let truths: [Lineage: Truth]

    private struct Feed {
        var branch: BranchName
        var filter: TopicFilter
        var from: Token?
        var told: [String: (revision: Revision, isDeleted: Bool)] = [:]
        /// It was told that everything may have changed, and has not been seen since.
        var isPartial = false
    }
    private var views: [ViewName: (branch: BranchName, filter: TopicFilter)] = [:]
    private var feeds: [ViewName: Feed] = [:]

    init(_ recording: Recording, truths: [Lineage: Truth]) {
        self.truths = truths
        for line in recording.lines { take(line) }
    }

    private mutating func violated(_ invariant: Invariant, _ text: String, _ time: Int64) {
        if violations.count < 20 { violations.append((time, text, invariant)) }
    }

    private mutating func take(_ line: RecordedLine) {
        func name(_ number: UInt64) -> ViewName { ViewName(agent: line.agent, life: line.life, number: number) }
        switch line.fact {
        case .following(let view, let branch, let topics, _, _):
            views[name(view)] = (BranchName(unchecked: branch), TopicFilter(topics.map { Topic(unchecked: $0) }))
        case .listening(let view, let from):
            guard let known = views[name(view)] else { return }
            feeds[name(view)] = Feed(branch: known.branch, filter: known.filter, from: from.flatMap { Token($0) })
        case .changed(let view, let key, let revision, let isDeleted):
            changed(name(view), key, revision, isDeleted, line.t)
        case .watched(let view, let token, _, _, _): watched(name(view), token.flatMap { Token($0) })
        case .rested(let view, let token, _, _, _): if let token { rested(name(view), Token(token), line.t) }
        case .recovered(let view, let seconds):
            if seconds ?? .infinity > Self.recovery {
                let after = seconds.map { "only \($0) s" } ?? "at no time watched"
                violated(.liveAgain, "view \(view) was live and at the head \(after) after the faults ended", line.t)
            }
        default: break
        }
    }

    // MARK: Feeds

    private mutating func changed(
        _ view: ViewName, _ key: String?, _ revision: Revision, _ isDeleted: Bool, _ time: Int64
    ) {
        guard let feed = feeds[view] else { return }
        guard let key else {
            feeds[view]?.isPartial = true
            feeds[view]?.told = [:]
            return
        }
        let named = Key(unchecked: key)
        let exists = truths.values.contains { truth in
            // A deletion that a snapshot brought is told as of that snapshot.
            if isDeleted {
                return truth.commit(revision) != nil && truth.record(named, on: feed.branch, at: revision) == nil
            }
            return truth.record(named, on: feed.branch, at: revision)?.revision == revision
        }
        if !exists {
            violated(
                .filteredTruth,
                "\(view) told of \(key)@\(revision)\(isDeleted ? " deleted" : ""), which is not in the truth", time)
        }
        if let before = feed.told[key], truths.count == 1, revision <= before.revision {
            violated(.trueFills, "\(view) told of \(key)@\(before.revision), then of \(key)@\(revision)", time)
        }
        feeds[view]?.told[key] = (revision, isDeleted)
    }

    /// What "everything" stood for is not beyond the state that the view shows afterwards.
    private mutating func watched(_ view: ViewName, _ token: Token?) {
        guard let token, feeds[view]?.isPartial == true else { return }
        feeds[view]?.isPartial = false
        feeds[view]?.from = token
    }

    private mutating func rested(_ view: ViewName, _ token: Token?, _ time: Int64) {
        guard let token, let feed = feeds[view], !feed.isPartial, let truth = truths[token.lineage],
            let from = feed.from, from.lineage == token.lineage
        else { return }
        for record in truth.state(of: feed.branch, feed.filter, at: token.revision)
        where record.revision > from.revision {
            if feed.told[record.key.text]?.revision != record.revision {
                violated(
                    .filteredTruth, "\(view) never told of \(record), which is in its state at \(token.revision)", time)
            }
        }
        for (key, last) in feed.told where !last.isDeleted && last.revision > from.revision && truths.count == 1 {
            if truth.record(Key(unchecked: key), on: feed.branch, at: token.revision) == nil {
                violated(.filteredTruth, "\(view) told of \(key)@\(last.revision) and not of its end", time)
            }
        }
    }
}
