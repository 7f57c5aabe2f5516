import Foundation

extension Memory {
    /// The record under a key, asked of the broker; `nil` if there is none.
    /// - Parameter revision: as of which state; `nil`: the newest.
    public func get(_ key: String, at revision: Revision? = nil, branch: BranchName? = nil, timeout: Duration? = nil) async throws -> Record? {
        try await get([key], at: revision, branch: branch, timeout: timeout)[key]
    }

    /// Several records, all as of one revision.
    public func get(
        _ keys: [String], at revision: Revision? = nil, branch: BranchName? = nil, timeout: Duration? = nil
    ) async throws -> Snapshot {
        var checked: [Key] = []
        for key in keys { checked.append(try keyed(key)) }
        let position = revision.map { Position(revision: $0, hash: 0) }
        let fetched = try await connection.records(checked, branch: branch ?? self.branch, at: position, timeout: timeout)
        return Snapshot(token: fetched.token, records: fetched.records)
    }

    /// The records of some topics in the order of their keys, all as of one revision, page by page.
    /// - Parameter keysOnly: values do not travel.
    public func range(
        _ topics: [String], at revision: Revision? = nil, keysOnly: Bool = false, branch: BranchName? = nil,
        pageSize: Int = 1000, timeout: Duration? = nil
    ) -> Pages<Record> {
        let (connection, branch) = (connection, branch ?? self.branch)
        return Pages { place in
            let paging = RangePaging(
                branch: branch, filter: try filtered(topics), revision: revision, pageSize: pageSize, keysOnly: keysOnly)
            let reply = try await connection.ask(
                .range(paging.request(place)), continuing: place != nil, timeout: timeout)
            return try paging.take(reply, at: place)
        }
    }

    public func range(
        _ topics: String..., at revision: Revision? = nil, keysOnly: Bool = false, branch: BranchName? = nil
    ) -> Pages<Record> { range(topics, at: revision, keysOnly: keysOnly, branch: branch) }

    /// The versions of a key, newest first, deletions and those of parent branches included.
    public func history(
        _ key: String, before: Revision? = nil, branch: BranchName? = nil, pageSize: Int = 100, timeout: Duration? = nil
    ) -> Pages<Reply.HistoryPage.Version> {
        let (connection, branch) = (connection, branch ?? self.branch)
        return Pages { place in
            let asked = Request.History(
                branch: branch, key: try keyed(key), before: place?.revision ?? before, limit: pageSize)
            let reply = try await connection.ask(.history(asked), continuing: place != nil, timeout: timeout)
            guard case .history(let page) = reply.body else { throw Connection.unexpected }
            let next = page.more ? page.versions.last.map { PagePlace(revision: $0.record.revision) } : nil
            return (page.versions, next, Token(lineage: reply.lineage, position: reply.visible))
        }
    }

    /// Commits, each with those of its records that the topics match. A large commit may come in pieces.
    public func log(_ asked: Request.Log, timeout: Duration? = nil) -> Pages<Commit> {
        let connection = connection
        return Pages { place in
            var asked = asked
            if let cursor = place?.cursor { asked.cursor = cursor }
            let reply = try await connection.ask(
                .log(asked), continuing: place != nil || asked.basis != nil, timeout: timeout)
            guard case .log(let page) = reply.body else { throw Connection.unexpected }
            return (
                page.commits, page.more ? PagePlace(cursor: page.next) : nil,
                Token(lineage: reply.lineage, position: reply.visible)
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
            Request.Log(
                branch: branch, filter: filter, agent: agent, context: context, since: since, until: until,
                ascending: ascending, limit: pageSize, values: values), timeout: timeout)
    }
}

extension Connection {
    struct Fetched: Sendable {
        var token: Token
        /// In the order of the keys; a deletion for a key without a record.
        var records: [Record]
    }

    /// Records as of one revision, in as many requests as their size asks for.
    func records(_ keys: [Key], branch: BranchName, at position: Position?, timeout: Duration? = nil) async throws -> Fetched {
        var (at, records, lineage) = (position, [Record](), Lineage?.none)
        repeat {
            let rest = Array(keys[records.count...].prefix(10_000))
            let reply = try await ask(.get(Request.Get(branch: branch, keys: rest, at: at)), timeout: timeout)
            guard case .records(let page) = reply.body, page.records.count <= rest.count,
                !page.records.isEmpty || rest.isEmpty
            else { throw Connection.unexpected }
            if let lineage, lineage != reply.lineage { throw MembusError.historyChanged(now: reply.lineage) }
            (at, lineage) = (page.at, reply.lineage)
            records += page.records
        } while records.count < keys.count
        guard let at, let lineage else { throw Connection.unexpected }
        return Fetched(token: Token(lineage: lineage, position: at), records: records)
    }
}
