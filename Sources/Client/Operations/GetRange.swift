extension Memory {
    /// The records of some topics in the order of their keys, all as of one revision, page by page. The broker keeps that state
    /// for whoever goes on within half a minute, for ten minutes at most.
    /// - Parameters:
    ///   - topics: prefixes ending in `/`, exact keys, or `/` for everything.
    ///   - revision: as of which state; `nil`: the newest, when the first page is read.
    ///   - keysOnly: values do not travel.
    ///   - branch: `nil`: the connection's.
    ///   - pageSize: records in a page, at most.
    ///   - timeout: of each page; `nil`: the connection's.
    public func range(
        _ topics: [String], at revision: Revision? = nil, keysOnly: Bool = false, branch: BranchName? = nil,
        pageSize: Int = 1000, timeout: Duration? = nil
    ) -> Pages<Record> {
        let branch = branch ?? self.branch
        return Pages(connection, timeout: timeout, begins: noting(topics, on: branch)) {
            RecordPages(
                branch: branch, filter: try filtered(topics), revision: revision, pageSize: pageSize, keysOnly: keysOnly
            )
        }
    }

    /// The same, in pages of 1000.
    public func range(
        _ topics: String..., at revision: Revision? = nil, keysOnly: Bool = false, branch: BranchName? = nil
    ) -> Pages<Record> { range(topics, at: revision, keysOnly: keysOnly, branch: branch) }
}

extension Memory {
    private func noting(_ topics: [String], on branch: BranchName) -> @Sendable (Token) -> Void {
        { [self] token in
            if let filter = try? filtered(topics) { note(filter.topics, at: token.position, on: branch) }
        }
    }

    /// The same, behind a key.
    package func range(
        _ filter: TopicFilter, at revision: Revision?, after: Key?, keysOnly: Bool, branch: BranchName, pageSize: Int
    ) -> Pages<Record> {
        Pages(connection, timeout: nil, begins: noting(filter.topics.map(\.text), on: branch)) {
            RecordPages(
                branch: branch, filter: filter, revision: revision, pageSize: pageSize, keysOnly: keysOnly, after: after
            )
        }
    }
}

/// A range in pages. All are of the state that the first one was of: its revision is asked for, and its hash compared,
/// since after an old copy of the store was put back the same revision may be another state.
struct RecordPages: PagedList {
    var branch: BranchName
    var filter: TopicFilter
    /// As of which state; `nil`: the newest.
    var revision: Revision? = nil
    var pageSize = 1000
    var keysOnly = false
    /// The last key that the pages before have looked at.
    private(set) var after: Key?
    /// Where it began.
    private let first: Key?
    /// What they were of.
    private(set) var state: Token? = nil

    init(
        branch: BranchName, filter: TopicFilter, revision: Revision? = nil, pageSize: Int = 1000,
        keysOnly: Bool = false,
        after: Key? = nil
    ) {
        self.branch = branch
        self.filter = filter
        self.revision = revision
        self.pageSize = pageSize
        self.keysOnly = keysOnly
        self.after = after
        first = after
    }

    var asked: GetRange {
        GetRange(
            branch: branch, filter: filter, at: state?.revision ?? revision, after: after, limit: pageSize,
            keysOnly: keysOnly, continues: true)
    }

    var isContinuing: Bool { state != nil }

    var begunAnew: RecordPages? {
        if revision != nil { return nil }
        var anew = self
        (anew.after, anew.state) = (first, nil)
        return anew
    }

    mutating func take(_ answered: Answered<RangePage>) throws -> ReadPage<Record> {
        let page = answered.answer
        let token = Token(lineage: answered.lineage, position: page.at)
        if let state, state != token { throw MembusError.historyChanged(now: answered.lineage) }
        state = token
        // An older broker names no place: the last record is it, and a page without one the end.
        let next = page.next ?? page.records.last?.key
        let getsFurther = next.map { next in after.map { $0 < next } ?? true } ?? false
        after = next ?? after
        return ReadPage(elements: page.records, isLast: !page.more || !getsFurther, token: token)
    }
}
