import MembusModel

extension GetLog: CodedOperation {
    init(_ message: PBLog, _ limits: Limits) throws(Refusal) {
        self.init(
            branch: message.branch.isEmpty ? nil : try Parse.branch(message.branch, "log.branch"),
            filter: message.topics.isEmpty ? nil : try Parse.filter(message.topics, limits),
            agent: message.agent.isEmpty ? nil : message.agent,
            context: message.context.isEmpty ? nil : message.context,
            since: message.sinceMs == 0 ? nil : Timestamp(milliseconds: message.sinceMs),
            until: message.untilMs == 0 ? nil : Timestamp(milliseconds: message.untilMs),
            ascending: message.ascending,
            cursor: message.hasCursor ? try LogCursor(message.cursor, "log.cursor") : nil,
            basis: message.hasBasis ? try Position(message.basis, "log.basis") : nil,
            limit: Parse.pageSize(message.limit, orElse: 100), values: message.values, withParents: message.parents)
    }

    var message: PBLog {
        .with {
            $0.branch = branch?.text ?? ""
            $0.topics = filter?.topics.map(\.text) ?? []
            $0.agent = agent ?? ""
            $0.context = context ?? ""
            $0.sinceMs = since?.milliseconds ?? 0
            $0.untilMs = until?.milliseconds ?? 0
            $0.ascending = ascending
            if let cursor { $0.cursor = PBLogCursor(cursor) }
            if let basis { $0.basis = PBPosition(basis) }
            $0.limit = UInt32(clamping: limit)
            $0.values = values
            $0.parents = withParents
        }
    }

    static func answer(_ message: PBLogPage) throws(Refusal) -> LogPage {
        LogPage(
            commits: try message.commits.map { (commit) throws(Refusal) in try Commit(commit) },
            next: try LogCursor(message.next, "log.next"), more: message.more,
            reached: message.hasReached ? try Position(message.reached, "log.reached") : nil)
    }

    static func message(of page: LogPage) -> PBLogPage {
        .with {
            $0.commits = page.commits.map(PBCommit.init)
            $0.next = PBLogCursor(page.next)
            $0.more = page.more
            if let reached = page.reached { $0.reached = PBPosition(reached) }
        }
    }
}
