extension Memory {
    /// The record under a key, asked of the broker; `nil` if there is none.
    /// - Parameters:
    ///   - key: the record's.
    ///   - revision: as of which state; `nil`: the newest.
    ///   - branch: `nil`: the connection's.
    ///   - timeout: of the whole call; `nil`: the connection's.
    /// - Throws: like ``get(_:at:branch:timeout:)-([String],_,_,_)``.
    public func get(_ key: String, at revision: Revision? = nil, branch: BranchName? = nil, timeout: Duration? = nil)
        async throws -> Record?
    {
        try await get([key], at: revision, branch: branch, timeout: timeout)[key]
    }

    /// Several records, all as of one revision.
    /// - Parameters:
    ///   - keys: the records'.
    ///   - revision: as of which state; `nil`: the newest.
    ///   - branch: `nil`: the connection's.
    ///   - timeout: of the whole call; `nil`: the connection's.
    /// - Throws: ``MembusError/timeout(of:outcomeUnknown:last:)``; ``MembusError/refused(_:)``, with
    ///   ``/MembusModel/Refusal/Code/belowFloor`` if the revision is no longer kept; ``MembusError/historyChanged(now:)`` if the
    ///   broker's history is replaced while a large answer is read; ``MembusError/invalidName(_:)``;
    ///   `CancellationError`.
    public func get(
        _ keys: [String], at revision: Revision? = nil, branch: BranchName? = nil, timeout: Duration? = nil
    ) async throws -> Snapshot {
        var checked: [Key] = []
        for key in keys { checked.append(try keyed(key)) }
        let position = revision.map { Position(revision: $0, hash: 0) }
        let fetched = try await connection.records(
            checked, branch: branch ?? self.branch, at: position, connection.deadline(timeout))
        return Snapshot(token: fetched.token, records: fetched.records)
    }
}
