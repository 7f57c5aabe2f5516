import CSQLite
import MembusModel

/// Walks the records of some topics in the order of their keys, as of one revision. Versions are skipped,
/// not read: a key costs a seek or two whatever its history, and each branch of the line is walked side by
/// side with the others, the nearest one's version counting.
///
/// A scan can be put down at any key and gone on with later, in another state of the file: it is at a ``place``. One
/// statement serves all branches, so that what a scan leaves behind does not grow with the depth of the line.
struct RangeScan {
    private let snapshot: StoreSnapshot
    private let levels: [Level]
    private let inline: Int
    private let topics: [Topic]
    private let seek: KeySeek
    /// The branches that hold keys of the topic at hand, after those that were looked at.
    private var sources = SourceHeap()
    /// What was looked at: keys, those without a record included, and branches for each topic that was begun.
    private(set) var work = 0
    /// The keys among it.
    private(set) var keys = 0
    private(set) var place: ScanPlace
    /// Whether ``next(upTo:)`` found nothing only because it had looked at enough.
    private(set) var isPaused = false
    private var hasMoved = false

    /// - Parameter inline: the size up to which values travel; -1: none does.
    init(
        _ snapshot: StoreSnapshot, _ filter: TopicFilter, levels: [Level], from place: ScanPlace = ScanPlace(),
        inline: Int
    ) throws {
        self.snapshot = snapshot
        self.levels = levels
        self.inline = inline
        self.place = place
        topics = filter.topics
        seek = try KeySeek(snapshot.db)
    }

    /// The next record; `nil` at the end, and with `isPaused` once the work is `most` or more. A scan that was begun
    /// moves on by a key or a topic at least, however little it may look at.
    mutating func next(upTo most: Int = .max) throws -> Record? {
        isPaused = false
        while work < most || !hasMoved {
            if sources.isEmpty {
                guard place.topics < topics.count else { return nil }
                if let record = try begin(topics[place.topics]) { return record }
            } else if let record = try takeKey() {
                return record
            }
        }
        isPaused = place.topics < topics.count
        return nil
    }

    /// - Returns: the record of a topic that is a single key.
    private mutating func begin(_ topic: Topic) throws -> Record? {
        let range = KeyRange(topic)
        if let after = place.after?.text, range.lies(before: after) {
            pass()
            return nil
        }
        guard topic.isPrefix || topic.isEverything else {
            work += 1
            pass()
            if let after = place.after, !after.precedes(topic.text) { return nil }
            keys += 1
            place.after = Key(unchecked: topic.text)
            return try NewestVersion.place(snapshot.db, topic.text, levels).flatMap { try version(at: $0) }
        }
        // A seek that finds nothing costs less than a key.
        work += 1 + levels.count / 4
        var from = range.from
        if let after = place.after?.text, !after.utf8.lexicographicallyPrecedes(from.utf8) { from = after }
        for (depth, level) in levels.enumerated() {
            var source = LevelKeys(depth: depth, level: level, below: range.below)
            if try source.advance(beyond: from, by: seek) { sources.push(source) }
        }
        if sources.isEmpty { pass() }
        return nil
    }

    private mutating func pass() {
        place.topics += 1
        hasMoved = true
    }

    /// All branches' part in the next key: the nearest one's version counts.
    private mutating func takeKey() throws -> Record? {
        guard let key = sources.first?.key else { return nil }
        var found: LogCursor?
        while let source = sources.first, source.key.utf8.elementsEqual(key.utf8) {
            found = found ?? source.place
            try sources.advanceFirst(by: seek)
        }
        work += 1
        keys += 1
        hasMoved = true
        place.after = Key(unchecked: key)
        if sources.isEmpty { place.topics += 1 }
        return try found.flatMap { try version(at: $0) }
    }

    /// `nil`: a deletion.
    private func version(at place: LogCursor) throws -> Record? {
        let record = try snapshot.db.first(
            "SELECT \(RecordRow.columns) FROM changes WHERE position = ?2", [inline, place.position], RecordRow.record)
        return record.flatMap { $0.isDeleted ? nil : $0 }
    }
}

/// How far a scan is.
struct ScanPlace: Hashable, Sendable {
    /// So many of the filter's topics are behind it.
    var topics = 0
    /// The last key that was looked at.
    var after: Key?
}

extension Key {
    fileprivate func precedes(_ other: String) -> Bool { text.utf8.lexicographicallyPrecedes(other.utf8) }
}

extension KeyRange {
    fileprivate func lies(before key: String) -> Bool {
        guard case .text(let below) = below else { return false }
        return !key.utf8.lexicographicallyPrecedes(below.utf8)
    }
}

// MARK: Side by side

/// The keys of one topic that one branch holds.
private struct LevelKeys {
    /// 0: the branch itself.
    let depth: Int
    let level: Level
    let below: SQLValue
    private(set) var key = ""
    /// Of the key's newest version up to the level's revision; `nil` if all are newer.
    private(set) var place: LogCursor?

    init(depth: Int, level: Level, below: SQLValue) {
        self.depth = depth
        self.level = level
        self.below = below
    }

    /// - Returns: false: there is no further key.
    mutating func advance(beyond key: String? = nil, by seek: KeySeek) throws -> Bool {
        guard let next = try seek.next(after: key ?? self.key, below: below, on: level) else { return false }
        (self.key, place) = next
        return true
    }

    func comes(before other: LevelKeys) -> Bool {
        if key.utf8.lexicographicallyPrecedes(other.key.utf8) { return true }
        return key.utf8.elementsEqual(other.key.utf8) && depth < other.depth
    }
}

/// The least key first; among equal ones the nearest branch.
private struct SourceHeap {
    private var sources: [LevelKeys] = []
    var isEmpty: Bool { sources.isEmpty }
    var first: LevelKeys? { sources.first }

    mutating func push(_ source: LevelKeys) {
        sources.append(source)
        var child = sources.count - 1
        while child > 0, sources[child].comes(before: sources[(child - 1) / 2]) {
            sources.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    /// The first moves on to its next key, and leaves if it has none.
    mutating func advanceFirst(by seek: KeySeek) throws {
        if try !sources[0].advance(by: seek) {
            sources.swapAt(0, sources.count - 1)
            sources.removeLast()
        }
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < sources.count {
                if sources[child].comes(before: sources[least]) { least = child }
            }
            if least == parent { return }
            sources.swapAt(parent, least)
            parent = least
        }
    }
}

/// The next key on a branch, with the place of its newest version: straight to it, past all versions of the key before.
/// Arguments go to SQLite directly, as this runs for each key of a scan. (By min(key), which stands in a subquery here,
/// SQLite would look at all keys that follow.)
private struct KeySeek {
    private let statement: Statement
    private static let sql = """
        SELECT k.key, (SELECT max(position) FROM changes WHERE branch = ?1 AND key = k.key AND position <= ?4)
        FROM (SELECT key FROM changes WHERE branch = ?1 AND key > ?2 AND key < ?3 ORDER BY key LIMIT 1) AS k
        """

    init(_ db: Database) throws { statement = try db.cachedStatement(Self.sql) }

    func next(after key: String, below: SQLValue, on level: Level) throws -> (String, LogCursor?)? {
        let raw = statement.sqliteStatement
        defer { sqlite3_reset(raw) }
        try bind(level.branch, at: 1)
        try bind(key, at: 2)
        try check(below.bind(to: raw, at: 3))
        try bind(LogCursor.end(of: level.upTo).position, at: 4)
        let code = sqlite3_step(raw)
        if code == SQLITE_DONE { return nil }
        guard code == SQLITE_ROW else { throw statement.failure(code) }
        let bytes = UnsafeBufferPointer(start: sqlite3_column_text(raw, 0), count: Int(sqlite3_column_bytes(raw, 0)))
        // One that is mended while it is read would be found again for ever.
        guard let key = String(validating: bytes, as: UTF8.self) else {
            throw StoreError(.damaged, "a key is no UTF-8", hint: "run membus verify")
        }
        let isFound = sqlite3_column_type(raw, 1) == SQLITE_INTEGER
        return (key, isFound ? LogCursor(position: sqlite3_column_int64(raw, 1)) : nil)
    }

    private func bind(_ value: some SQLConvertible, at column: Int32) throws {
        try check(value.sqlValue.bind(to: statement.sqliteStatement, at: column))
    }

    private func check(_ code: Int32) throws { if code != SQLITE_OK { throw statement.failure(code) } }
}
