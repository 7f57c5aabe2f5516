import FoundationEssentials

extension View {
    /// The record under a key, as fresh as asked for, fetched if it is not in the cache; `nil`: there is none.
    /// - Parameters:
    ///   - key: the record's.
    ///   - consistency: how fresh the state has to be.
    ///   - timeout: of the whole call; `nil`: the connection's.
    /// - Throws: like ``get(_:_:timeout:)-([String],_,_)``.
    public func get(_ key: String, _ consistency: Consistency = .cached, timeout: Duration? = nil) async throws
        -> Record?
    {
        try await get([key], consistency, timeout: timeout)[key]
    }

    /// Several records, all as of one revision: those in the cache, and the others fetched in one request as
    /// of the view's cut.
    /// - Parameters:
    ///   - keys: the records'.
    ///   - consistency: how fresh the state has to be.
    ///   - timeout: of the whole call; `nil`: the connection's.
    /// - Throws: ``MembusError/timeout(of:outcomeUnknown:last:)`` if the view does not get there in time;
    ///   ``MembusError/historyChanged(now:)`` if the history of the token that was asked for was replaced;
    ///   ``MembusError/notFollowed(_:_:)``; ``MembusError/stale(_:for:_:noEventsFrom:)`` by the view's policy;
    ///   ``MembusError/refused(_:)``; ``MembusError/closed``; ``MembusError/invalidName(_:)``; `CancellationError`.
    public func get(
        _ keys: [String], _ consistency: Consistency = .cached, timeout: Duration? = nil
    ) async throws -> Snapshot {
        var collecting = try collecting(keys, consistency)
        return try await connection.begin(&collecting, connection.deadline(timeout))
    }

    /// The same, until values of so many bytes are there: the other keys are in ``Snapshot/leftOut``.
    package func get(_ keys: [String], _ consistency: Consistency, mostBytes: Int) async throws -> Snapshot {
        var collecting = try collecting(keys, consistency, mostBytes: mostBytes)
        return try await connection.begin(&collecting, connection.deadline(nil))
    }

    func collecting(_ keys: [String], _ consistency: Consistency, mostBytes: Int = .max) throws -> Collecting {
        var checked: [Key] = []
        for text in keys {
            let key = try keyed(text)
            if !topics.matches(key) { throw MembusError.notFollowed(key, topics) }
            checked.append(key)
        }
        return Collecting(checked, consistency, from: shared, id, by: reader, mostBytes: mostBytes)
    }
}
