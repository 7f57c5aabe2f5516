extension Memory {
    /// The records of some topics in the order of their keys, all as of one revision, page by page.
    /// - Parameter keysOnly: values do not travel.
    public func range(
        _ topics: [String], at revision: Revision? = nil, keysOnly: Bool = false, branch: BranchName? = nil,
        pageSize: Int = 1000, timeout: Duration? = nil
    ) -> Pages<Record> {
        let (connection, branch) = (connection, branch ?? self.branch)
        return Pages { place in
            let paging = RangePaging(
                branch: branch, filter: try filtered(topics), revision: revision, pageSize: pageSize, keysOnly: keysOnly
            )
            let answered = try await connection.ask(
                paging.request(place), continuing: place != nil, timeout: timeout)
            return try paging.take(answered, at: place)
        }
    }

    public func range(
        _ topics: String..., at revision: Revision? = nil, keysOnly: Bool = false, branch: BranchName? = nil
    ) -> Pages<Record> { range(topics, at: revision, keysOnly: keysOnly, branch: branch) }
}

/// How a range is read page by page. All pages are of the state that the first one was of: its revision is asked for,
/// and its hash compared, since after an old copy of the store was put back the same revision may be another state.
struct RangePaging: Sendable {
    var branch: BranchName
    var filter: TopicFilter
    /// As of which state; `nil`: the newest.
    var revision: Revision? = nil
    var pageSize = 1000
    var keysOnly = false

    func request(_ place: PagePlace?) -> GetRange {
        GetRange(
            branch: branch, filter: filter, at: place?.state?.revision ?? revision, after: place?.key, limit: pageSize,
            keysOnly: keysOnly)
    }

    /// - Parameter place: what was asked for.
    /// - Throws: ``MembusError/historyChanged(now:)`` if the reply is of another history than the pages before.
    func take(_ answered: Answered<RangePage>, at place: PagePlace?) throws -> (
        page: [Record], next: PagePlace?, of: Token
    ) {
        let page = answered.answer
        let state = Token(lineage: answered.lineage, position: page.at)
        if let before = place?.state, before != state { throw MembusError.historyChanged(now: answered.lineage) }
        return (page.records, page.more ? page.records.last.map { PagePlace(key: $0.key, state: state) } : nil, state)
    }
}
