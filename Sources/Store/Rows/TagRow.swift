import MembusModel

/// Rows of `tags`: states that somebody has named. What a tag's branch shows as of its revision is kept, whatever the floor
/// passes (Compaction.swift), and can be read, however old it is, and though the branch is deleted.
enum TagRow {
    struct Tag: Hashable, Sendable {
        var name: TagName
        var branch: Int64
        var revision: Revision
        var agent: String
        var message: String
        var time: Timestamp
        var created: Revision
    }

    private static let columns = "name, branch, revision, agent, message, time, created"

    static func tag(_ db: Database, _ name: TagName) throws -> Tag? {
        try db.first("SELECT \(columns) FROM tags WHERE name = ?", [name.text], tag)
    }

    /// In the order of their names' bytes.
    static func tags(_ db: Database, after name: TagName?, most: Int) throws -> [Tag] {
        let rows = try db.rows(
            "SELECT \(columns) FROM tags WHERE name > ? ORDER BY name LIMIT ?", [name?.text ?? "", most])
        var tags: [Tag] = []
        while let row = try rows.next() { tags.append(try tag(row)) }
        return tags
    }

    /// Whether some tag names this very state.
    static func isTagged(_ db: Database, _ branch: Branch, at revision: Revision) throws -> Bool {
        try db.integer("SELECT 1 FROM tags WHERE branch = ? AND revision = ? LIMIT 1", [branch.id, revision]) != nil
    }

    static func insert(_ db: Database, _ tag: Tag) throws {
        try db.run(
            "INSERT INTO tags(\(columns)) VALUES(?, ?, ?, ?, ?, ?, ?)",
            [
                tag.name.text, tag.branch, tag.revision, tag.agent, tag.message, tag.time.milliseconds, tag.created,
            ])
    }

    static func remove(_ db: Database, _ name: TagName) throws {
        try db.run("DELETE FROM tags WHERE name = ?", [name.text])
    }

    private static func tag(_ row: StoredRow) throws -> Tag {
        Tag(
            name: TagName(unchecked: try row[0]), branch: try row[1], revision: try row[2], agent: try row[3],
            message: try row[4], time: Timestamp(milliseconds: try row[5]), created: try row[6])
    }
}
