extension Memory {
    /// The versions of a key, newest first, deletions and those of parent branches included.
    public func history(
        _ key: String, before: Revision? = nil, branch: BranchName? = nil, pageSize: Int = 100, timeout: Duration? = nil
    ) -> Pages<KeyVersion> {
        let (connection, branch) = (connection, branch ?? self.branch)
        return Pages { place in
            let asked = GetHistory(
                branch: branch, key: try keyed(key), before: place?.revision ?? before, limit: pageSize)
            let answered = try await connection.ask(asked, continuing: place != nil, timeout: timeout)
            let page = answered.answer
            let next = page.more ? page.versions.last.map { PagePlace(revision: $0.record.revision) } : nil
            return (page.versions, next, answered.token)
        }
    }
}
