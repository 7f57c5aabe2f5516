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

/// Where the floor should be by now.
struct Window {
    let db: Database
    let state: WriterState
    let now: Timestamp

    /// By size it moves an eighth of the history at a time: sweep, then ask again.
    func floor(by retention: Retention) throws -> Revision {
        let head = state.head.revision
        var floor = try newest(before: now.advanced(by: .zero - retention.age))
        if try usedBytes() > retention.bytes {
            let youngest = try newest(before: now.advanced(by: .zero - retention.least))
            floor = max(floor, min(youngest, state.floor + max(1, (head - state.floor) / 8)))
        }
        return max(floor, state.floor)
    }

    /// `nil` if the request leaves it to the retention.
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

    private func usedBytes() throws -> Int64 {
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
