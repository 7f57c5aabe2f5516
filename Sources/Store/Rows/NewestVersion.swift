import MembusModel

/// The newest version of a key at or below each level's revision, nearest level first, deletions included.
enum NewestVersion {
    private static let record = """
        SELECT \(RecordRow.columns) FROM changes
        WHERE branch = ?2 AND key = ?3 AND position <= ?4 ORDER BY position DESC LIMIT 1
        """
    private static let position = """
        SELECT position, kind IS NULL FROM changes
        WHERE branch = ? AND key = ? AND position <= ? ORDER BY position DESC LIMIT 1
        """

    /// The same over several levels, the first that has any: one statement, whose later seeks are made only if those before
    /// found nothing. Of a few sizes, so that what is kept prepared does not grow with the depth of lines; what is left over of
    /// one names no branch.
    private static func deep(_ columns: String, _ size: Int) -> String {
        let seeks = (0..<size).map { level in
            """
            (SELECT max(position) FROM changes
             WHERE branch = ?\(3 + 2 * level) AND key = ?2 AND position <= ?\(4 + 2 * level))
            """
        }
        return "SELECT \(columns) FROM changes WHERE position = coalesce(\(seeks.joined(separator: ", ")))"
    }
    private static let sizes = [2, 4, 8, 16]
    private static let deepRecords = sizes.map { deep(RecordRow.columns, $0) }
    private static let deepPositions = sizes.map { deep("position, kind IS NULL, branch", $0) }

    /// The statement that takes so many levels, and its arguments behind the first two.
    private static func deep(_ statements: [String], _ levels: ArraySlice<Level>) -> (sql: String, levels: Arguments) {
        let place = sizes.firstIndex { $0 >= levels.count } ?? sizes.count - 1
        var arguments: Arguments = []
        for level in levels { arguments = arguments + [level.branch, LogCursor.end(of: level.upTo).position] }
        for _ in levels.count..<sizes[place] { arguments = arguments + [0, 0] }
        return (statements[place], arguments)
    }

    /// - Parameter inline: the size up to which the value comes along.
    static func record(_ db: Database, _ key: Key, _ levels: [Level], inline: Int = .max) throws -> Record? {
        if levels.count == 1 {
            return try db.first(
                record, [inline, levels[0].branch, key.text, LogCursor.end(of: levels[0].upTo).position],
                RecordRow.record)
        }
        var rest = levels[...]
        while !rest.isEmpty {
            let (sql, places) = deep(deepRecords, rest.prefix(16))
            if let record = try db.first(sql, [inline, key.text] + places, RecordRow.record) { return record }
            rest = rest.dropFirst(16)
        }
        return nil
    }

    static func place(_ db: Database, _ key: String, _ levels: some Sequence<Level>) throws -> LogCursor? {
        try found(db, key, levels)?.place
    }

    /// The same, with whose it is.
    static func found(_ db: Database, _ key: String, _ levels: some Sequence<Level>) throws -> VersionPlace? {
        let levels = Array(levels)
        if levels.count == 1 {
            return try db.first(position, [levels[0].branch, key, LogCursor.end(of: levels[0].upTo).position]) { row in
                VersionPlace(
                    branch: levels[0].branch, place: LogCursor(position: try row[0]), isDeletion: try row[1])
            }
        }
        var rest = levels[...]
        while !rest.isEmpty {
            let (sql, places) = deep(deepPositions, rest.prefix(16))
            let found = try db.first(sql, [0, key] + places) { row in
                VersionPlace(branch: try row[2], place: LogCursor(position: try row[0]), isDeletion: try row[1])
            }
            if let found { return found }
            rest = rest.dropFirst(16)
        }
        return nil
    }
}

/// Where a version is.
struct VersionPlace: Hashable, Sendable {
    var branch: Int64
    var place: LogCursor
    var isDeletion: Bool
}
