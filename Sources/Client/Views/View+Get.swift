import FoundationEssentials

extension View {
    /// The record under a key, as fresh as asked for, fetched if it is not in the cache; `nil`: there is none.
    /// - Throws: ``MembusError/timeout(of:outcomeUnknown:last:)`` if the view does not get there in time.
    public func get(_ key: String, _ consistency: Consistency = .cached, timeout: Duration? = nil) async throws
        -> Record?
    {
        try await get([key], consistency, timeout: timeout)[key]
    }

    /// Several records, all as of one revision: those in the cache, and the others fetched in one request as
    /// of the view's cut.
    public func get(
        _ keys: [String], _ consistency: Consistency = .cached, timeout: Duration? = nil
    ) async throws -> Snapshot {
        var checked: [Key] = []
        for text in keys {
            let key = try keyed(text)
            if !topics.matches(key) { throw MembusError.notFollowed(key, topics) }
            checked.append(key)
        }
        let deadline = MonotonicClock.now + (timeout ?? connection.settings.timeout)
        var collecting = Collecting(checked, from: shared)
        var action = try collecting.begin(consistency)
        while true {
            if case .finished(let snapshot) = action { return snapshot }
            let input = try await carryOut(action, until: deadline)
            action = try collecting.take(input)
        }
    }

    private func carryOut(_ action: Collecting.Action, until deadline: Instant) async throws -> Collecting.Input {
        switch action {
        case .reach(let freshness):
            try await reach(freshness, timeout: deadline - MonotonicClock.now)
        case .pause(let time):
            try await Task.sleep(for: time)
        case .fetch(let get):
            do {
                let fetched = try await connection.records(
                    get.keys, branch: get.branch, at: get.at, timeout: deadline - MonotonicClock.now)
                return .fetched(fetched.records, of: fetched.token)
            } catch {
                return .failed(error, isLast: MonotonicClock.now >= deadline)
            }
        case .finished: break
        }
        return .passed
    }
}
