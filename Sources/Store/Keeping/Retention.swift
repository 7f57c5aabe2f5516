import GRDB
import MembusModel

/// How much history is kept. The newest version of every record is kept whatever it says.
package struct Retention: Hashable, Sendable {
    /// Older history goes…
    package var age: Duration = .seconds(7 * 24 * 3600)
    /// …and so does the oldest while the store holds more than this many bytes…
    package var bytes: Int64 = 1 << 30
    /// …but not what is younger than this, so that views and readers can finish what they do.
    package var least: Duration = .seconds(600)

    package init() {}
    package init(age: Duration, bytes: Int64, least: Duration) {
        self.age = age
        self.bytes = bytes
        self.least = least
    }
}

extension Writer {
    /// Where the floor should be by now, at most `visible`. By size it moves an eighth of the history at a
    /// time: sweep, then ask again.
    package func floor(by retention: Retention, now: Timestamp, visible: Revision) throws(StoreError) -> Revision {
        try connection.perform("measuring the store") { db in
            let head = min(visible, state.head.revision)
            var floor = try newest(db, before: now.advanced(by: .zero - retention.age), upTo: head)
            if try usedBytes(db) > retention.bytes {
                let youngest = try newest(db, before: now.advanced(by: .zero - retention.least), upTo: head)
                floor = max(floor, min(youngest, state.floor + max(1, (head - state.floor) / 8)))
            }
            return max(floor, state.floor)
        }
    }

    /// The floor that a request asks for; `nil` if it leaves it to the retention.
    package func floor(for request: Compact, now: Timestamp, visible: Revision) throws(StoreError) -> Revision? {
        if request.below == nil, request.olderThan == nil { return nil }
        return try connection.perform("finding the floor") { db in
            let head = min(visible, state.head.revision)
            var floor = min(request.below ?? 0, head)
            if let age = request.olderThan {
                floor = max(floor, try newest(db, before: now.advanced(by: .zero - age), upTo: head))
            }
            return max(floor, state.floor)
        }
    }

    /// Drops sessions that nobody has used since, a bounded number of them: a number of theirs is from then
    /// on unknown, never executed again.
    package func dropSessions(unusedSince: Timestamp) throws(StoreError) {
        try transaction("dropping sessions") { db in
            try db.run(
                "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE used < ? LIMIT 500)",
                [unusedSince.milliseconds])
            sessions.forget()
        } then: { _, _ in
        }
    }

    /// The newest revision that was committed before `time`; by halves, as times rise with revisions except
    /// where the clock was set back.
    private func newest(_ db: Database, before time: Timestamp, upTo head: Revision) throws -> Revision {
        var low = state.floor
        var high = head
        while low < high {
            let middle = low + (high - low + 1) / 2
            let committed = try db.integer("SELECT time FROM commits WHERE revision = ?", [middle])
            if let committed, committed < time.milliseconds { low = middle } else { high = middle - 1 }
        }
        return low
    }

    private func usedBytes(_ db: Database) throws -> Int64 {
        let pages = (try db.integer("PRAGMA page_count") ?? 0) - (try db.integer("PRAGMA freelist_count") ?? 0)
        return pages * (try db.integer("PRAGMA page_size") ?? 0)
    }
}

extension Reader {
    /// How many sessions the store knows.
    package func sessionCount() throws(Refusal) -> Int {
        try read("counting sessions", visible: .max) { Int(try $0.db.integer("SELECT count(*) FROM sessions") ?? 0) }
    }
}
