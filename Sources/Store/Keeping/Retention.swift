import MembusModel

/// How much history is kept. The newest version of every record is kept whatever it says.
package struct Retention: Hashable, Sendable {
    /// Older history goes…
    package var age: Duration = .seconds(7 * 24 * 3600)
    /// …and so does the oldest while records and history take more than this many bytes…
    package var bytes: Int64 = 1 << 30
    /// …but not what is younger than this, so that views and readers can finish what they do.
    package var least: Duration = .seconds(600)
    /// Notes of who read what have this much for themselves, and go oldest first.
    package var notesBytes: Int64 = 64 << 20

    package init() {}
    package init(age: Duration, bytes: Int64, least: Duration, notesBytes: Int64 = 64 << 20) {
        self.age = age
        self.bytes = bytes
        self.least = least
        self.notesBytes = notesBytes
    }
}

/// Where the floor should be by now.
struct Window {
    let db: Database
    let state: WriterState
    let ages: HistoryAges
    let now: Timestamp

    /// By size it moves an eighth of the history at a time: sweep, then ask again. Ages are what brokers have lived
    /// through, whatever the commits' times say.
    /// - Returns: `byAge`: where it would be if size were no matter.
    func floor(by retention: Retention) throws -> (floor: Revision, byAge: Revision) {
        let head = state.head.revision
        let young = newest(olderThan: retention.least)
        var floor = newest(olderThan: retention.age)
        let byAge = max(min(floor, young), state.floor)
        if floor < young, try isSwept(), try isLarger(than: retention.bytes) {
            floor = max(floor, state.floor + max(1, (head - state.floor) / 8))
        }
        return (max(min(floor, young), state.floor), byAge)
    }

    private func newest(olderThan span: Duration) -> Revision {
        min(ages.mark(before: span)?.revision ?? 0, state.head.revision)
    }

    /// Else what is left to be dropped would be counted on.
    private func isSwept() throws -> Bool {
        if state.floor == 0 { return true }
        return try Meta.integer(db, .swept) ?? 0 >= LogCursor.end(of: state.floor).position
    }

    /// `nil` if the request leaves it to the retention. Whoever names an age goes by the times that the log shows.
    func floor(for request: Compact) throws -> Revision? {
        if request.below == nil, request.olderThan == nil { return nil }
        var floor = min(request.below ?? 0, state.head.revision)
        if let age = request.olderThan { floor = max(floor, try newest(before: now.advanced(by: .zero - age))) }
        return max(floor, state.floor)
    }

    /// The newest revision that was committed before `time`; by halves, as times rise with revisions except
    /// where the clock was set back.
    private func newest(before time: Timestamp) throws -> Revision {
        var low = state.floor
        var high = state.head.revision
        while low < high {
            let middle = low + (high - low + 1) / 2
            let committed = try db.integer("SELECT time FROM commits WHERE revision = ?", [middle])
            if let committed, committed < time.milliseconds { low = middle } else { high = middle - 1 }
        }
        return low
    }

    /// Of records and their history; what else is in the file never costs any of it.
    private func isLarger(than bytes: Int64) throws -> Bool {
        let pages = (try db.integer("PRAGMA page_count") ?? 0) - (try db.integer("PRAGMA freelist_count") ?? 0)
        let used = pages * (try db.integer("PRAGMA page_size") ?? 0)
        return try used > bytes && used - besides() > bytes
    }

    private func besides() throws -> Int64 {
        let tables = try db.integer(
            """
            SELECT CAST((SELECT total(length(bytes) + 512) FROM hashes) + 1.5
              * (SELECT total(ifnull(length(results), 0) + length(CAST(agent AS BLOB)) + 64) FROM sessions) AS INTEGER)
            """)
        return (tables ?? 0) + state.notesBytes
    }
}

extension Reader {
    /// How many sessions the store knows.
    package func sessionCount() throws(Refusal) -> Int {
        try read("counting sessions", visible: .max) { Int(try $0.db.integer("SELECT count(*) FROM sessions") ?? 0) }
    }
}
