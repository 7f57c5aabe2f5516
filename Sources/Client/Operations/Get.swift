extension Memory {
    /// The record under a key, asked of the broker; `nil` if there is none.
    /// - Parameter revision: as of which state; `nil`: the newest.
    public func get(_ key: String, at revision: Revision? = nil, branch: BranchName? = nil, timeout: Duration? = nil)
        async throws -> Record?
    {
        try await get([key], at: revision, branch: branch, timeout: timeout)[key]
    }

    /// Several records, all as of one revision.
    public func get(
        _ keys: [String], at revision: Revision? = nil, branch: BranchName? = nil, timeout: Duration? = nil
    ) async throws -> Snapshot {
        var checked: [Key] = []
        for key in keys { checked.append(try keyed(key)) }
        let position = revision.map { Position(revision: $0, hash: 0) }
        let fetched = try await connection.records(
            checked, branch: branch ?? self.branch, at: position, timeout: timeout)
        return Snapshot(token: fetched.token, records: fetched.records)
    }
}

extension Connection {
    struct Fetched: Sendable {
        var token: Token
        /// In the order of the keys; a deletion for a key without a record.
        var records: [Record]
    }

    /// Records as of one revision, in as many requests as their size asks for.
    func records(_ keys: [Key], branch: BranchName, at position: Position?, timeout: Duration? = nil) async throws
        -> Fetched
    {
        var (at, records, lineage) = (position, [Record](), Lineage?.none)
        repeat {
            let rest = Array(keys[records.count...].prefix(10_000))
            let answered = try await ask(Get(branch: branch, keys: rest, at: at), timeout: timeout)
            let page = answered.answer
            guard page.records.count <= rest.count, !page.records.isEmpty || rest.isEmpty else {
                throw Connection.unexpected
            }
            if let lineage, lineage != answered.lineage { throw MembusError.historyChanged(now: answered.lineage) }
            (at, lineage) = (page.at, answered.lineage)
            records += page.records
        } while records.count < keys.count
        guard let at, let lineage else { throw Connection.unexpected }
        return Fetched(token: Token(lineage: lineage, position: at), records: records)
    }
}
