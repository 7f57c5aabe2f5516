extension Memory {
    /// Commits, each with those of its records that the topics match. A large commit may come in pieces.
    package func log(_ asked: GetLog, timeout: Duration? = nil) -> Pages<Commit> {
        Pages(connection, timeout: timeout) { CommitPages(asked: asked) }
    }

    /// The log of some topics (none: of everything), newest first unless `ascending`. A large commit may come in
    /// pieces, each with some of its records.
    /// - Parameters:
    ///   - topics: prefixes ending in `/`, or exact keys.
    ///   - agent: only commits by this one.
    ///   - context: only commits in this one.
    ///   - since: only commits of this time or later, by the broker's clock.
    ///   - until: only commits of this time or earlier.
    ///   - ascending: oldest first.
    ///   - branch: `nil`: of every branch.
    ///   - through: of a log that goes down: only commits up to this revision; `nil`: all.
    ///   - withParents: whether commits tell what they follow: ``/MembusModel/Commit/parents``.
    ///   - values: whether records come with their values, as far as they are not too large to travel.
    ///   - pageSize: commits in a page, at most.
    ///   - timeout: of each page; `nil`: the connection's.
    /// - Throws: ``MembusError/invalidName(_:)`` for a topic.
    public func log(
        _ topics: [String] = [], agent: String? = nil, context: String? = nil, since: Timestamp? = nil,
        until: Timestamp? = nil, ascending: Bool = false, branch: BranchName? = nil,
        through: Revision? = nil, withParents: Bool = false, values: Bool = false, pageSize: Int = 100,
        timeout: Duration? = nil
    ) throws -> Pages<Commit> {
        let filter = try topics.isEmpty ? nil : filtered(topics)
        return log(
            GetLog(
                branch: branch, filter: filter, agent: agent, context: context, since: since, until: until,
                ascending: ascending, cursor: ascending ? nil : through.map { .end(of: $0 &+ 1) }, limit: pageSize,
                values: values, withParents: withParents), timeout: timeout)
    }

    /// The commits of a branch that changed some topics, those that it inherited among them, oldest first. Reads no more of
    /// the log than what lies between.
    /// - Parameters:
    ///   - after: exclusive.
    ///   - through: inclusive.
    package func commits(
        changing topics: [Topic], on branch: BranchName, after: Revision, through: Revision
    ) async throws -> [CommitInfo] {
        var asked = GetLog(
            branch: branch, filter: TopicFilter(topics), ascending: true, cursor: .end(of: after), limit: 1000)
        var (found, lineage) = ([CommitInfo](), Lineage?.none)
        while true {
            let answered = try await connection.ask(asked)
            if let lineage, lineage != answered.lineage { throw MembusError.historyChanged(now: answered.lineage) }
            lineage = answered.lineage
            let page = answered.answer
            // A large commit comes in pieces.
            for commit in page.commits where commit.info.revision <= through {
                if commit.info.revision != found.last?.revision { found.append(commit.info) }
            }
            // One that gets no further would never end.
            let isLast = !page.more || page.next >= .end(of: through) || page.next == asked.cursor
            if isLast { return found }
            asked.cursor = page.next
            try Task.checkCancellation()
        }
    }
}

/// The log in pages: each starts at the cursor that the page before names, also where nothing matched.
struct CommitPages: PagedList {
    private(set) var asked: GetLog
    private let first: GetLog
    private var hasBegun = false

    init(asked: GetLog) {
        self.asked = asked
        first = asked
    }

    var begunAnew: CommitPages? { first.cursor == nil && first.basis == nil ? CommitPages(asked: first) : nil }

    var isContinuing: Bool { hasBegun || asked.basis != nil }

    mutating func take(_ answered: Answered<LogPage>) -> ReadPage<Commit> {
        let page = answered.answer
        asked.cursor = page.next
        hasBegun = true
        return ReadPage(elements: page.commits, isLast: !page.more, token: answered.token)
    }
}
