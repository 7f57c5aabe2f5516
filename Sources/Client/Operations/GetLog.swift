extension Memory {
    /// Commits, each with those of its records that the topics match. A large commit may come in pieces.
    func log(_ asked: GetLog, timeout: Duration? = nil) -> Pages<Commit> {
        let connection = connection
        return Pages { place in
            var asked = asked
            if let cursor = place?.cursor { asked.cursor = cursor }
            let answered = try await connection.ask(
                asked, continuing: place != nil || asked.basis != nil, timeout: timeout)
            let page = answered.answer
            return (
                page.commits, page.more ? PagePlace(cursor: page.next) : nil,
                answered.token
            )
        }
    }

    /// The log of some topics (none: of everything), newest first unless `ascending`.
    /// - Parameter branch: `nil`: of every branch.
    public func log(
        _ topics: [String] = [], agent: String? = nil, context: String? = nil, since: Timestamp? = nil,
        until: Timestamp? = nil, ascending: Bool = false, branch: BranchName? = nil, values: Bool = false,
        pageSize: Int = 100, timeout: Duration? = nil
    ) throws -> Pages<Commit> {
        let filter = try topics.isEmpty ? nil : filtered(topics)
        return log(
            GetLog(
                branch: branch, filter: filter, agent: agent, context: context, since: since, until: until,
                ascending: ascending, limit: pageSize, values: values), timeout: timeout)
    }
}
