// A watch: every change to some topics, in order, each once. The log is read page by page; a stream of invalidations,
// the signal, only tells that there is more to read, and how far there is nothing.
//
//   [ask where now is] ─▶ ask for a page ─▶ [fetch a value that did not travel] ─▶ hand a change ─▶ …
//                            ▲    ▲                                                                │
//                            │    └───────────────── all of the page is handed over ◀──────────────┤
//                            └── the signal tells of more ◀──── wait ◀──── the log's end, no change ◀┘
//                                (or is not to be had: then the log is read now and then)
//
//   a value is not there any more ─▶ ask the log whether it still is this history ─▶ throw that it is lost, or as follows
//   refused, as the history that is read on is none of the broker's ─▶ ask which it holds ─▶ throw
//
// Invariants:
//   1. What is handed over continues what was handed over before: see LogProgress.
//   2. A change stays in the page until it is handed over whole, so that whoever goes on after an error misses none.
//   3. A broker that is away, or busy, is waited for; only an answer ends a watch, or its owner.
//   4. Nothing waits for the events' socket: the log alone tells all.
//   5. While it waits, what it has read moves on with the signal, so that the floor never passes a watch of topics that rest.

struct Watching: StepwiseCall {
    typealias Product = WatchedChange
    typealias Given = Never

    /// Where it begins.
    enum Start: Hashable, Sendable {
        case after(Revision)
        /// It is checked that this is of the broker's history.
        case of(Token)
        /// At the head when the broker is asked.
        case now
    }

    private enum Stage: Sendable {
        case idle, asksWhereNowIs, asking, waiting
        /// A change's value is being fetched.
        case completing
        /// It is not there: dropped since, or was the history replaced by another one?
        case confirming
        case asksWhichHistory
    }

    /// Between tries of a request that was refused and may be granted later.
    static let pause: Duration = .milliseconds(200)
    /// Between looks into the log where there is no signal.
    static let pollingPause: Duration = .seconds(3)
    static let longestWaiting: Duration = .seconds(3600)

    private let signal: ViewID
    private let branch: BranchName
    private let filter: TopicFilter
    private let pageSize: Int
    private var stage = Stage.idle
    /// `nil` until it is known where to begin.
    private(set) var progress: LogProgress?
    /// All is read, until the signal tells of more.
    private var isAtEnd = false
    /// The broker holds another history; which one is being asked.
    private var isReplaced = false
    /// The page's changes that are not handed over yet, the newest first.
    private var page: [WatchedChange] = []

    init(signal: ViewID, branch: BranchName, filter: TopicFilter, from start: Start, pageSize: Int = 500) {
        self.signal = signal
        self.branch = branch
        self.filter = filter
        self.pageSize = pageSize
        switch start {
        case .after(let revision): progress = LogProgress(after: revision, basis: nil, lineage: nil)
        case .of(let token): progress = LogProgress(of: token)
        case .now: break
        }
    }

    /// What to do next, from where it stands.
    mutating func begin() -> Action {
        if isReplaced {
            stage = .asksWhichHistory
            return .ask(ChangedHistory.question)
        }
        guard let progress else {
            stage = .asksWhereNowIs
            return .ask(Ping(nonce: 0))
        }
        if let change = page.last { return change.lacksItsValue ? fetchValue(of: change) : handOver(change) }
        if isAtEnd {
            stage = .waiting
            return .reach(
                signal, .changed(after: progress.cursor.revision, asOf: progress.instance),
                within: Self.longestWaiting)
        }
        stage = .asking
        return .ask(
            GetLog(
                branch: branch, filter: filter, ascending: true, cursor: progress.cursor, basis: progress.basis,
                limit: pageSize, values: true))
    }

    mutating func take(_ input: Input) throws -> Action {
        switch input {
        case .passed: return begin()
        case .answered(let answer): return try take(answer)
        case .failed(let error, _): return try failed(error)
        }
    }

    // MARK: Answers

    private mutating func take(_ answer: Answer) throws -> Action {
        switch stage {
        case .idle: preconditionFailure("nothing was asked for")
        case .asksWhereNowIs: progress = LogProgress(of: try answer.answered(to: Ping.self).token)
        case .waiting: try heard(answer)
        case .asking: try turnPage(answer)
        case .completing: return try complete(answer.answered(to: GetHistory.self))
        case .confirming: throw lost(try answer.answered(to: GetLog.self).lineage)
        case .asksWhichHistory: throw try ChangedHistory.error(answer)
        }
        return begin()
    }

    private mutating func heard(_ answer: Answer) throws {
        guard case .heard(let quiet) = answer else { throw Connection.unexpected }
        if let quiet { progress?.pass(quiet) }
        isAtEnd = false
    }

    private mutating func turnPage(_ answer: Answer) throws {
        guard var progress else { return }
        page = try progress.take(answer.answered(to: GetLog.self)).reversed()
        self.progress = progress
        isAtEnd = page.isEmpty && progress.isAtEnd
    }

    // MARK: Changes

    private mutating func handOver(_ change: WatchedChange) -> Action {
        stage = .idle
        page.removeLast()
        return .hand(change)
    }

    /// More of the page, for whoever takes several at once: what would be handed over next without a request.
    mutating func takeReady(most: Int) -> [WatchedChange] {
        var taken: [WatchedChange] = []
        while taken.count < most, let change = page.last, !change.lacksItsValue {
            taken.append(change)
            page.removeLast()
        }
        return taken
    }

    /// It was too large to travel. By key and revision: it may be kept though the floor has passed the revision.
    private mutating func fetchValue(of change: WatchedChange) -> Action {
        stage = .completing
        return .ask(GetHistory(branch: branch, key: change.key, before: change.revision + 1, limit: 1))
    }

    private mutating func complete(_ answered: Answered<HistoryPage>) throws -> Action {
        guard let change = page.last, answered.lineage == change.lineage else {
            throw MembusError.historyChanged(now: answered.lineage)
        }
        guard let version = answered.answer.versions.first, version.record.revision == change.revision else {
            return confirm()
        }
        guard version.commit.hash == change.commit.hash else {
            throw MembusError.historyChanged(now: answered.lineage)
        }
        return handOver(WatchedChange(record: version.record, commit: change.commit, lineage: change.lineage))
    }

    private mutating func confirm() -> Action {
        stage = .confirming
        return .ask(
            GetLog(
                branch: branch, filter: filter, ascending: true, cursor: progress?.cursor, basis: progress?.basis,
                limit: 1, values: false))
    }

    private func lost(_ lineage: Lineage) -> MembusError {
        guard let change = page.last, lineage == change.lineage else { return .historyChanged(now: lineage) }
        return .refused(
            Refusal(
                .belowFloor, "the value of \(change.key) at revision \(change.revision) is no longer kept",
                subject: change.key.text))
    }

    // MARK: Refusals

    private mutating func failed(_ error: any Error) throws -> Action {
        if isPassing(error) { return begin() }
        if case MembusError.refused(let refusal) = error {
            if refusal.code.remedy == .retry { return .pause(Self.pause) }
            if stage == .waiting, refusal.code == .unknownBranch, progress?.basis != nil { return pollBesides() }
        }
        guard isContinuing, ChangedHistory.isTold(by: error) else { throw error }
        isReplaced = true
        return begin()
    }

    /// The signal was refused when the branch was not there yet, and is not to be had any more; the log has shown since
    /// that the branch is there.
    private mutating func pollBesides() -> Action {
        isAtEnd = false
        return .pause(Self.pollingPause)
    }

    /// Nobody answered in time, or the signal can't be had for the time being.
    private func isPassing(_ error: any Error) -> Bool {
        switch error {
        case MembusError.timeout, MembusError.stale: true
        default: false
        }
    }

    /// What is asked for goes on from a state that was read before.
    private var isContinuing: Bool {
        switch stage {
        case .asking: progress?.basis != nil
        case .completing, .confirming: true
        case .idle, .asksWhereNowIs, .waiting, .asksWhichHistory: false
        }
    }
}

extension WatchedChange {
    fileprivate var lacksItsValue: Bool { record.value == nil && !record.isDeleted }
}
