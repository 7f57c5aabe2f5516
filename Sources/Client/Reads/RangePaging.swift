/// How a range is read page by page. All pages are of the state that the first one was of: its revision is asked for, and
/// its hash compared, since after an old copy of the store was put back the same revision may be another state.
struct RangePaging: Sendable {
    var branch: BranchName
    var filter: TopicFilter
    /// As of which state; `nil`: the newest.
    var revision: Revision? = nil
    var pageSize = 1000
    var keysOnly = false

    func request(_ place: PagePlace?) -> Request.Range {
        Request.Range(
            branch: branch, filter: filter, at: place?.state?.revision ?? revision, after: place?.key, limit: pageSize,
            keysOnly: keysOnly)
    }

    /// - Parameter place: what was asked for.
    /// - Throws: ``MembusError/historyChanged(now:)`` if the reply is of another history than the pages before.
    func take(_ reply: Reply, at place: PagePlace?) throws -> (page: [Record], next: PagePlace?, of: Token) {
        guard case .range(let page) = reply.body else { throw Connection.unexpected }
        let state = Token(lineage: reply.lineage, position: page.at)
        if let before = place?.state, before != state { throw MembusError.historyChanged(now: reply.lineage) }
        return (page.records, page.more ? page.records.last.map { PagePlace(key: $0.key, state: state) } : nil, state)
    }
}
