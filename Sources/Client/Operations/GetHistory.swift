extension Memory {
    /// The versions of a key, newest first, deletions and those of parent branches included.
    /// - Parameters:
    ///   - key: the record's.
    ///   - before: exclusive; `nil`: from the newest.
    ///   - branch: `nil`: the connection's.
    ///   - pageSize: versions in a page, at most.
    ///   - timeout: of each page; `nil`: the connection's.
    public func history(
        _ key: String, before: Revision? = nil, branch: BranchName? = nil, pageSize: Int = 100, timeout: Duration? = nil
    ) -> Pages<KeyVersion> {
        let branch = branch ?? self.branch
        return Pages(connection, timeout: timeout) {
            VersionPages(asked: GetHistory(branch: branch, key: try keyed(key), before: before, limit: pageSize))
        }
    }
}

/// A key's history in pages: each starts before the oldest version that was read.
struct VersionPages: PagedList {
    private(set) var asked: GetHistory
    private(set) var isContinuing = false

    init(asked: GetHistory) { self.asked = asked }

    /// It ends at the floor, wherever that is.
    var begunAnew: VersionPages? { nil }

    mutating func take(_ answered: Answered<HistoryPage>) -> ReadPage<KeyVersion> {
        let page = answered.answer
        asked.before = page.versions.last?.record.revision ?? asked.before
        isContinuing = true
        return ReadPage(
            elements: page.versions, isLast: !page.more || page.versions.isEmpty, token: answered.token)
    }
}
