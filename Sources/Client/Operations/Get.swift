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
        return try await get(
            checked, at: revision, branch: branch ?? self.branch, mostBytes: .max, connection.deadline(timeout))
    }

    /// The same, until values of so many bytes are there: the other keys are in ``Snapshot/leftOut``.
    package func get(
        _ keys: [Key], at revision: Revision?, branch: BranchName, mostBytes: Int
    ) async throws -> Snapshot {
        try await get(keys, at: revision, branch: branch, mostBytes: mostBytes, connection.deadline(nil))
    }

    private func get(
        _ keys: [Key], at revision: Revision?, branch: BranchName, mostBytes: Int, _ patience: Patience
    ) async throws -> Snapshot {
        let fetched = try await connection.records(
            keys, branch: branch, at: revision.map { Position(revision: $0, hash: 0) }, mostBytes: mostBytes, patience)
        note(fetched.records, at: fetched.token.position, on: branch)
        return Snapshot(
            token: fetched.token, records: fetched.records,
            leftOut: Array(keys.dropFirst(fetched.records.count)))
    }
}
