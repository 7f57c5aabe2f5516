import MembusModel

// What history was dropped, in bounded space: for each key that lost a version, or for a prefix that stands for all keys
// below it, the place of the newest change that is gone. What a reader asks of it: was anything of these topics dropped
// after this place? If not, what is left of them is all that there was, also below the floor.
//
// It may say yes where nothing was dropped, never no where something was:
//   - many keys below one prefix share its row;
//   - up to the horizon anything may have been dropped;
//   - a branch's row counts for those who inherit from it, whatever revision they forked at.
//
// Example, with sweeping to 9:
//   r1 alarms/a   kept                        watch alarms/ after 1: nothing of it was dropped, go on
//   r3 noise/x    dropped: superseded by r5   watch noise/x after 2: r3 is lost
//   r5 noise/x    kept                        watch noise/x after 3: all that came after 3 is there, go on

/// A row of the table `dropped`.
struct DroppedPlace: Hashable, Sendable {
    var branch: Int64
    /// A key; or a prefix, which ends in `/`, and has no rows below it.
    var name: String
    /// Of the newest change that is gone.
    var position: Int64
}

/// The table's rows, and how they are made fewer.
struct DroppedPlaces: Hashable, Sendable {
    static let most = 4096
    /// A prefix that has this part of the rows below it may stand for them.
    private static let crowd = 8

    private(set) var rows: [DroppedPlace]
    /// Up to this position anything may have been dropped.
    private(set) var horizon: Int64

    init(_ rows: [DroppedPlace], horizon: Int64) {
        self.rows = rows
        self.horizon = horizon
    }

    /// Makes room: the longest prefix with an eighth of all keys below it stands for them from now on; where there is none,
    /// the older half is forgotten, and the horizon says so. Never a whole branch: one row for all would
    /// never again tell a quiet topic from a busy one.
    mutating func reduce(to most: Int = Self.most) {
        while rows.count > most {
            let least = max(2, rows.count / Self.crowd)
            if let crowded = crowdedPrefix(least) { gather(crowded) } else { forgetOlderHalf() }
        }
    }

    private struct Prefix: Hashable {
        var branch: Int64
        var name: String
        var depth: Int { name.utf8.count { $0 == UInt8(ascii: "/") } }
    }

    private func crowdedPrefix(_ least: Int) -> Prefix? {
        var counts: [Prefix: Int] = [:]
        for row in rows {
            for prefix in DroppedPlaces.prefixes(of: row.name) {
                counts[Prefix(branch: row.branch, name: prefix), default: 0] += 1
            }
        }
        return counts.filter { $0.value >= least }.max { a, b in
            (a.key.depth, a.value, a.key.branch, a.key.name) < (b.key.depth, b.value, b.key.branch, b.key.name)
        }?.key
    }

    private mutating func gather(_ prefix: Prefix) {
        let below = rows.filter { $0.branch == prefix.branch && $0.name.hasPrefix(prefix.name) }
        rows.removeAll { $0.branch == prefix.branch && $0.name.hasPrefix(prefix.name) }
        rows.append(
            DroppedPlace(
                branch: prefix.branch, name: prefix.name, position: below.map(\.position).max() ?? horizon))
    }

    private mutating func forgetOlderHalf() {
        let middle = rows.map(\.position).sorted()[rows.count / 2]
        rows.removeAll { $0.position <= middle }
        horizon = max(horizon, middle)
    }

    /// Those that a key or prefix lies below, the shortest first: of `a/b/c` and of `a/b/c/` they are `a/` and `a/b/`.
    static func prefixes(of name: String) -> [String] {
        var prefixes: [String] = []
        let text = Array(name.utf8.dropLast(name.utf8.last == UInt8(ascii: "/") ? 1 : 0))
        for (place, byte) in text.enumerated() where byte == UInt8(ascii: "/") {
            prefixes.append(String(decoding: text[...place], as: UTF8.self))
        }
        return prefixes
    }
}
