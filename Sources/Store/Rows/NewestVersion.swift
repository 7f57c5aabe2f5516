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

    /// - Parameter inline: the size up to which the value comes along.
    static func record(_ db: Database, _ key: Key, _ levels: [Level], inline: Int = .max) throws -> Record? {
        for level in levels {
            let arguments: Arguments = [
                inline, level.branch, key.text, LogCursor.end(of: level.upTo).position,
            ]
            if let record = try db.first(record, arguments, RecordRow.record) { return record }
        }
        return nil
    }

    static func place(_ db: Database, _ key: String, _ levels: some Sequence<Level>) throws -> LogCursor? {
        try found(db, key, levels)?.place
    }

    /// The same, with whose it is.
    static func found(_ db: Database, _ key: String, _ levels: some Sequence<Level>) throws -> VersionPlace? {
        for level in levels {
            let found = try db.first(position, [level.branch, key, LogCursor.end(of: level.upTo).position]) { row in
                VersionPlace(
                    branch: level.branch, place: LogCursor(position: try row[0]), isDeletion: try row[1])
            }
            if let found { return found }
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
