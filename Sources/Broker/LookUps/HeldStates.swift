import MembusModel
import Synchronization

// The states that lists are being read of, page by page. Sweeping stops short of the oldest of them, so that a list's pages
// are all of one state, however far the floor has risen meanwhile: what a read at R looks at is only dropped once what
// came after R is swept.
//
//   a page is asked for ─▶ held ─▶ read ─▶ the last one: let go
//                                     └──▶ more: held until half a minute after it, ten minutes after the first
//
// Held in memory alone: a broker that starts anew holds nothing, and a list that it overtakes is told so. The floor rises
// all the same: it is decided, and how far a sweep has come is not.

/// Used by the reading threads and by the one that writes.
package final class HeldStates: Sendable {
    private let table = Mutex(HoldTable())

    package init() {}

    func begin(_ revision: Revision, now: Instant) { table.withLock { $0.begin(revision, now: now) } }
    func end(_ revision: Revision, more: Bool, now: Instant) {
        table.withLock { $0.end(revision, more: more, now: now) }
    }
    /// Nothing that came after this may be swept.
    func oldest(now: Instant) -> Revision? { table.withLock { $0.oldest(now: now) } }
}

struct HoldTable: Sendable {
    /// Between two pages of a list.
    static let patience: Duration = .seconds(30)
    /// From the first page to the last.
    static let longest: Duration = .seconds(600)
    /// Lists of more states than this are read without being held.
    static let most = 64

    private struct Hold {
        let first: Instant
        var last: Instant
        /// Pages that are being read.
        var reading = 0
        /// Somebody was told that there is more.
        var isAwaited = false

        func isOver(at now: Instant) -> Bool {
            reading == 0 && (!isAwaited || now - last >= HoldTable.patience)
        }
        /// One that went on for too long stays in the table, so that it does not begin again.
        func counts(at now: Instant) -> Bool { !isOver(at: now) && now - first < HoldTable.longest }
    }
    private var holds: [Revision: Hold] = [:]

    mutating func begin(_ revision: Revision, now: Instant) {
        holds = holds.filter { !$0.value.isOver(at: now) }
        guard holds[revision] != nil || holds.count < Self.most else { return }
        holds[revision, default: Hold(first: now, last: now)].reading += 1
    }

    mutating func end(_ revision: Revision, more: Bool, now: Instant) {
        guard var hold = holds[revision], hold.reading > 0 else { return }
        hold.reading -= 1
        if more { (hold.last, hold.isAwaited) = (now, true) }
        holds[revision] = hold.isOver(at: now) ? nil : hold
    }

    func oldest(now: Instant) -> Revision? {
        holds.lazy.filter { $0.value.counts(at: now) }.map(\.key).min()
    }
}
