import GRDB
import MembusModel

/// Walks the records of some topics in the order of their keys, as of one revision. Versions are skipped,
/// not read: a key costs a seek or two whatever its history, and each branch of the line is walked side by
/// side with the others, the nearest one's version counting.
struct RangeScan {
    private let snapshot: StoreSnapshot
    private let levels: [Level]
    private let inline: Int
    private var topics: ArraySlice<Topic>
    private var sources: [LevelKeys] = []
    /// Keys looked at, those without a record included.
    private(set) var looked = 0
    /// The last key that was looked at.
    private(set) var last: Key?
    /// Not before this.
    private let after: Key?

    /// - Parameters:
    ///   - after: exclusive.
    ///   - inline: the size up to which values travel; -1: none does.
    init(_ snapshot: StoreSnapshot, _ filter: TopicFilter, levels: [Level], after: Key?, inline: Int) {
        self.snapshot = snapshot
        self.levels = levels
        self.inline = inline
        self.after = after
        topics = filter.topics[...]
    }

    /// The next key, with the place of the version that counts if there is one.
    private mutating func nextKey() throws -> (key: String, place: LogCursor?)? {
        while true {
            // A key's level of origin comes first in `sources`, so the first version found counts.
            var least: String?
            for source in sources {
                guard let key = source.key else { continue }
                if let known = least, !Key(unchecked: key).precedes(known) { continue }
                least = key
            }
            if let least {
                var place: LogCursor?
                for index in sources.indices where sources[index].key.map({ $0.utf8.elementsEqual(least.utf8) }) == true
                {
                    place = place ?? sources[index].place
                    try sources[index].advance()
                }
                return (least, place)
            }
            guard let topic = topics.popFirst() else { return nil }
            // A cursor resets its statement when it goes: the old ones go before the new ones start.
            sources = []
            sources = try levels.enumerated().map { try LevelKeys(snapshot.db, depth: $0, $1, topic, after: after) }
        }
    }

    /// The next record; `nil` at the end. Looks at no more than `most` keys without one, then `isPaused`.
    mutating func next(looking most: Int = .max) throws -> Record? {
        isPaused = false
        var fruitless = 0
        while fruitless < most {
            guard let (key, place) = try nextKey() else { return nil }
            looked += 1
            last = Key(unchecked: key)
            if let place, let record = try version(at: place), !record.isDeleted { return record }
            fruitless += 1
        }
        isPaused = true
        return nil
    }

    private(set) var isPaused = false

    private func version(at place: LogCursor) throws -> Record? {
        try snapshot.db.first(
            "SELECT \(RecordRow.columns) FROM changes WHERE position = ?2", [inline, place.position], RecordRow.record)
    }
}

extension Key {
    fileprivate func precedes(_ other: String) -> Bool { text.utf8.lexicographicallyPrecedes(other.utf8) }
}

/// The keys of one topic that one branch holds, each with the place of its newest version up to the level's
/// revision, `nil` if all are newer.
private struct LevelKeys {
    private let cursor: StoredRows
    private(set) var key: String?
    private(set) var place: LogCursor?

    init(_ db: Database, depth: Int, _ level: Level, _ topic: Topic, after: Key?) throws {
        let range = KeyRange(topic)
        var arguments: StatementArguments = [level.branch]
        var comparison = ">="
        if let after, !after.text.utf8.lexicographicallyPrecedes(range.from.utf8) {
            comparison = ">"
            arguments += [after.text]
        } else {
            arguments += [range.from]
        }
        arguments += [range.below, LogCursor.end(of: level.upTo).position]
        cursor = try db.rows(Self.sql(comparison, depth: depth), arguments)
        try advance()
    }

    mutating func advance() throws {
        guard let row = try cursor.next() else {
            key = nil
            place = nil
            return
        }
        key = try row[0]
        let position: Int64? = try row[1]
        place = position.map { LogCursor(position: $0) }
    }

    /// A skip-scan: from each key straight to the next. The comment keeps the levels' statements apart,
    /// since they are stepped side by side.
    private static func sql(_ comparison: String, depth: Int) -> String {
        """
        /* level \(depth) */
        WITH RECURSIVE k(key) AS (
          SELECT min(key) FROM changes WHERE branch = ?1 AND key \(comparison) ?2 AND key < ?3
          UNION ALL
          SELECT (SELECT min(key) FROM changes WHERE branch = ?1 AND key > k.key AND key < ?3)
          FROM k WHERE k.key IS NOT NULL)
        SELECT key, (SELECT max(position) FROM changes WHERE branch = ?1 AND key = k.key AND position <= ?4)
        FROM k WHERE key IS NOT NULL
        """
    }
}
