import Foundation

extension View {
    /// The record under a key, as fresh as asked for, fetched if it is not in the cache; `nil`: there is none.
    /// - Throws: ``MembusError/timeout(of:outcomeUnknown:last:)`` if the view does not get there in time.
    public func get(_ key: String, _ consistency: Consistency = .cached, timeout: Duration? = nil) async throws -> Record? {
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
        try await wait(for: consistency, timeout: timeout)
        if shared.mustWait { try await reach(.live, timeout: deadline - MonotonicClock.now) }
        return try await collect(checked, until: deadline)
    }

    /// Takes the hits and the cut at once, fetches the misses as of the cut. What is gone by then (compacted,
    /// or of a history that was replaced) is read again at a newer cut.
    private func collect(_ keys: [Key], until deadline: Instant) async throws -> Snapshot {
        while true {
            guard let (found, asking) = try await hits(keys, until: deadline) else { continue }
            if asking.keys.isEmpty { return Snapshot(token: asking.token, records: found) }
            do {
                let fetched = try await connection.records(
                    asking.keys, branch: branch, at: asking.token.position, timeout: deadline - MonotonicClock.now)
                guard fetched.token.lineage == asking.token.lineage else {
                    throw Failure(.historyDiffers, "the broker holds another history than the view")
                }
                shared.fill(fetched.records, asking)
                let byKey = Dictionary(
                    (found + fetched.records).map { ($0.key, $0) }, uniquingKeysWith: { _, new in new })
                return Snapshot(token: asking.token, records: keys.compactMap { byKey[$0] })
            } catch {
                shared.abandon(asking)
                guard Self.isOutdated(error), MonotonicClock.now < deadline else { throw error }
                try await Task.sleep(for: .milliseconds(20))
                try await reach(.linearizable, timeout: deadline - MonotonicClock.now)
            }
        }
    }

    /// - Returns: `nil` if the view had no state to show and has one now.
    private func hits(_ keys: [Key], until deadline: Instant) async throws -> (found: [Record], missing: Misses)? {
        do { return try shared.take(keys) } catch MembusError.stale where shared.whenStale != .fail {
            try await reach(.live, timeout: deadline - MonotonicClock.now)
            return nil
        }
    }

    /// Whether the state that was read from is no longer kept, or of a history that was replaced.
    private static func isOutdated(_ error: any Error) -> Bool {
        let codes: [Failure.Code] = [.belowFloor, .historyDiffers, .beyondHead]
        if case MembusError.failure(let failure) = error { return codes.contains(failure.code) }
        if case MembusError.historyChanged = error { return true }
        return (error as? Failure).map { codes.contains($0.code) } ?? false
    }
}
