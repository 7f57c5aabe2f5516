import FoundationEssentials
import MembusModel

/// What an agent has read in one context, to rows of `notes`, and back.
struct NoteRow {
    var id: Int64
    /// The newest revision when it came: commits after it may build on what was read.
    var head: Revision
    var time: Timestamp
    var agent: String
    var session: Int64?
    var context: String
    var dropped: Int
    var reads: [NotedRead]

    static let columns = "id, head, time, agent, session, context, dropped, reads"

    init(_ row: StoredRow) throws {
        (id, head, agent, session) = (try row[0], try row[1], try row[3], try row[4])
        time = Timestamp(milliseconds: try row[2])
        context = try row[5]
        dropped = Int(min(max(0, try row[6] as Int64), NoteReads.mostDropped))
        do { reads = try NotedList.decode(try row[7], context: context, at: time) } catch {
            throw StoreError(.damaged, "note \(id) of what was read can't be read", hint: "run membus verify")
        }
    }

    /// - Returns: about what it takes of the file.
    @discardableResult
    static func insert(
        _ notes: NoteReads, in context: String, at time: Timestamp, head: Revision, into db: Database
    ) throws -> Int64 {
        // Neighbours share much of their names.
        let reads = notes.reads.sorted { a, b in
            (a.branch, ByBytes(a.read.subject.text)) < (b.branch, ByBytes(b.read.subject.text))
        }
        let bytes = NotedList.encode(reads, at: time)
        try db.run(
            """
            INSERT INTO notes(head, time, agent, session, context, dropped, reads) VALUES(?, ?, ?, ?, ?, ?, ?)
            """,
            [
                head, time.milliseconds, notes.agent, notes.session?.id.stored, context, Int64(notes.dropped),
                Data(bytes),
            ])
        return size(ofText: notes.agent.utf8.count + context.utf8.count, reads: bytes.count)
    }

    /// A row has some numbers beside, and another in the index.
    private static func size(ofText text: Int, reads: Int) -> Int64 { Int64(2 * text + reads + 48) }
    private static let bytes = """
        2 * (length(CAST(agent AS BLOB)) + length(CAST(context AS BLOB))) + length(reads) + 48
        """

    /// About what the notes take of the file that came at this time or after it.
    static func bytes(since time: Timestamp, in db: Database) throws -> Int64 {
        try db.integer("SELECT ifnull(sum(\(bytes)), 0) FROM notes WHERE time >= ?", [time.milliseconds]) ?? 0
    }

    /// What has come before this time takes at least so many bytes of those since the other one, and at least one note is
    /// among them.
    static func time(beyond share: Int64, since: Timestamp, in db: Database) throws -> Timestamp? {
        let rows = try db.rows(
            "SELECT time, \(bytes) FROM notes WHERE time >= ? ORDER BY id", [since.milliseconds])
        var left = share
        while let row = try rows.next() {
            left -= try row[1] as Int64
            if left <= 0 { return Timestamp(milliseconds: try row[0] &+ 1) }
        }
        return nil
    }

    /// Drops a bounded piece of those that came before this time.
    /// - Returns: whether more may be to be dropped.
    static func drop(before time: Timestamp, most: Int, in db: Database) throws -> Bool {
        try db.run(
            """
            DELETE FROM notes WHERE time < ?1 AND id IN (SELECT id FROM notes ORDER BY id LIMIT ?2)
            """, [time.milliseconds, most])
        return db.changesCount == most
    }
}
