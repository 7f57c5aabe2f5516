import FoundationEssentials
import MembusModel

/// Before version 6 each read was a row: with a commit in `reads`, else in `accesses`, which knew the reader's time alone.
struct OldReads {
    let db: Database

    /// Into the commits' rows, and into notes. A second or two for a million.
    func move() throws {
        try moveReads()
        try moveNotes()
        try db.execute("DROP TABLE reads; DROP TABLE accesses")
    }

    private func moveReads() throws {
        var reads: [ReadVersion] = []
        var revision: Revision = 0
        func write() throws {
            if reads.isEmpty { return }
            try db.run("UPDATE commits SET reads = ? WHERE revision = ?", [Data(ReadList.encode(reads)), revision])
            reads = []
        }
        let rows = try db.rows("SELECT revision, key, version FROM reads ORDER BY revision, ordinal")
        while let row = try rows.next() {
            let next: Revision = try row[0]
            if next != revision { try write() }
            revision = next
            reads.append(ReadVersion(key: Key(unchecked: try row[1]), version: try row[2]))
        }
        try write()
    }

    /// What was read before a commit comes before it. Commits' times never run back.
    private func moveNotes() throws {
        let branches = try BranchTable.load(db)
        let commits = try db.rows("SELECT revision, time FROM commits ORDER BY revision")
        var commit = try commits.next()
        var head: Revision = 0
        // Readers' clocks may have been ahead of the broker's.
        let last = Timestamp(milliseconds: try db.integer("SELECT max(time) FROM commits") ?? 0)
        var notes: [NotedRead] = []
        var who: (agent: String, context: String, time: Timestamp, head: Revision) = ("", "", .never, 0)
        func write() throws {
            if notes.isEmpty { return }
            try NoteRow.insert(
                NoteReads(agent: who.agent, reads: notes), in: who.context, at: who.time, head: who.head, into: db)
            notes = []
        }
        let rows = try db.rows(
            """
            SELECT agent, context, branch, key, version, first_read FROM accesses
            ORDER BY first_read, agent, context, branch, key, version
            """)
        while let row = try rows.next() {
            let time = Timestamp(milliseconds: try row[5])
            while let present = commit, Timestamp(milliseconds: try present[1]) <= time {
                head = try present[0]
                commit = try commits.next()
            }
            let next: (agent: String, context: String) = (try row[0], try row[1])
            let isSame = next.agent.hasSameBytes(as: who.agent) && next.context.hasSameBytes(as: who.context)
            if !isSame || head != who.head || notes.count == 1000 { try write() }
            who = (next.agent, next.context, min(time, last), head)
            guard let branch = branches.byID[try row[2]] else { continue }
            notes.append(
                NotedRead(
                    context: next.context, branch: branch.name, key: Key(unchecked: try row[3]), version: try row[4],
                    time: time))
        }
        try write()
    }
}
