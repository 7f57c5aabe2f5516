import FoundationEssentials
import Glibc
import MembusModel

// What is checked, in this order:
//
//   1. the file itself, and that its indexes agree with their tables (SQLite's integrity check);
//   2. branches: a parent, a fork before the branch's own commit, that commit there if it is kept;
//   3. every commit above the floor: the next revision, on a known branch, its changes of the same branch
//      and with ordinals from 0, and its hash computed anew from all that is stored of it;
//   4. no change without a commit;
//   5. every note of what was read.
//
// One commit is in memory at a time.

extension Reader {
    /// Checks all that is on disk up to what is visible.
    package func verify(visible: Revision = .max) throws(Refusal) -> Verification {
        try read("verifying the store", visible: visible) { snapshot in
            var check = Verifier(snapshot: snapshot)
            try check.file()
            try check.branches()
            try check.chain()
            try check.changes()
            try check.notes()
            return check.result
        }
    }
}

private struct Verifier {
    let snapshot: StoreSnapshot
    private(set) var result: Verification
    private static let mostProblems = 100

    init(snapshot: StoreSnapshot) {
        self.snapshot = snapshot
        result = Verification(
            revision: snapshot.visible, floor: snapshot.floor, commits: 0, changes: 0, problems: [])
    }

    private mutating func problem(_ text: String) {
        if result.problems.count < Self.mostProblems { result.problems.append(text) }
        if result.problems.count == Self.mostProblems { result.problems.append("and more") }
    }

    mutating func file() throws {
        let cursor = try snapshot.db.rows("PRAGMA integrity_check(100)")
        while let row = try cursor.next() {
            let text: String = try row[0]
            if text != "ok" { problem("the file is damaged: \(text)") }
        }
    }

    mutating func branches() throws {
        if snapshot.branches.byName[.main]?.parent != nil || snapshot.branches.byName[.main] == nil {
            problem("there is no branch main that starts from nothing")
        }
        for branch in snapshot.branches.all where branch.name != .main && branch.created <= snapshot.visible {
            guard let parent = branch.parent.flatMap({ snapshot.branches.byID[$0] }) else {
                problem("branch \(branch.name) has no parent")
                continue
            }
            if parent.id >= branch.id { problem("branch \(branch.name) is older than its parent \(parent.name)") }
            if branch.fork >= branch.created {
                problem(
                    "branch \(branch.name) was made by revision \(branch.created), before its fork at \(branch.fork)")
            }
            if branch.created > snapshot.floor,
                try snapshot.db.integer("SELECT branch FROM commits WHERE revision = ?", [branch.created]) != branch.id
            {
                problem(
                    "revision \(branch.created), which should have made branch \(branch.name), is not a commit on it")
            }
        }
        let tags = try snapshot.db.integer("SELECT count(*) FROM tags WHERE branch NOT IN (SELECT id FROM branches)")
        if let tags, tags > 0 { problem("\(tags) tags are of branches that don't exist") }
    }

    mutating func notes() throws {
        let rows = try snapshot.db.rows("SELECT \(NoteRow.columns) FROM notes ORDER BY id")
        while let row = try rows.next() {
            do { _ = try NoteRow(row) } catch let error as StoreError { problem(error.message) }
        }
    }

    mutating func chain() throws {
        var expected = snapshot.floor + 1
        var hash = try Meta.floorHash(snapshot.db)
        let cursor = try snapshot.db.rows(
            """
            SELECT \(CommitRow.columns), preconditions, provenance, reads FROM commits
            WHERE revision > ? AND revision <= ? ORDER BY revision
            """, [snapshot.floor, snapshot.visible])
        while let row = try cursor.next() {
            let revision: Revision = try row[0]
            if revision != expected {
                problem("revision \(expected) is missing: the next commit is \(revision)")
            }
            result.commits += 1
            let stored = [UInt8](try row[8] as Data)
            do {
                let computed = try self.hash(of: row, after: hash)
                // The next commit is checked against what is stored here, so that one fault is told once.
                if computed != stored { problem("revision \(revision) is not what its hash was computed from") }
            } catch is CanonicalDecoder.Malformed {
                problem("revision \(revision) can't be read")
            } catch let error as StoreError {
                problem("revision \(revision): \(error.message)")
            }
            hash = stored.count == 32 ? stored : CommitHash.seed
            expected = revision + 1
        }
        if expected != snapshot.visible + 1 {
            problem("the commits end at revision \(expected - 1), not at \(snapshot.visible)")
        }
    }

    private mutating func hash(of row: StoredRow, after previous: [UInt8]) throws -> [UInt8] {
        let info = try CommitRow.info(row, snapshot.branches)
        let branch: Int64 = try row[1]
        return CommitHash.next(
            after: previous, info: info, fork: try fork(info), preconditions: try CommitRow.preconditions(try row[9]),
            reads: try CommitRow.reads(try row[11]), records: try records(info.revision, branch),
            provenance: try CommitRow.provenance(try row[10]))
    }

    private func fork(_ info: CommitInfo) throws -> Fork? {
        guard let branch = snapshot.branches.byName[info.branch], branch.created == info.revision,
            let parent = branch.parent
        else { return nil }
        return Fork(
            name: branch.name, parent: try snapshot.branches.name(parent), at: branch.fork, context: info.context,
            message: info.message)
    }

    private mutating func records(_ revision: Revision, _ branch: Int64) throws -> [Record] {
        let cursor = try snapshot.db.rows(
            """
            SELECT \(RecordRow.columns), branch FROM changes
            WHERE position >= ?2 AND position <= ?3 ORDER BY position
            """, [Int.max, LogCursor(revision: revision, ordinal: 0).position, LogCursor.end(of: revision).position])
        var records: [Record] = []
        while let row = try cursor.next() {
            let record = try RecordRow.record(row)
            if Int(record.ordinal) != records.count {
                problem("revision \(revision) lacks its change \(records.count)")
            }
            if try row[RecordRow.columnCount] as Int64 != branch {
                problem("revision \(revision) holds a change on another branch")
            }
            records.append(record)
        }
        return records
    }

    mutating func changes() throws {
        let span: Arguments = [LogCursor.end(of: snapshot.visible).position]
        result.changes = try snapshot.db.integer("SELECT count(*) FROM changes WHERE position <= ?", span) ?? 0
        let cursor = try snapshot.db.rows(
            """
            SELECT DISTINCT position >> 20 FROM changes WHERE position > ? AND position <= ?
            AND NOT EXISTS (SELECT 1 FROM commits WHERE revision = position >> 20) LIMIT 100
            """, [LogCursor.end(of: snapshot.floor).position] + span)
        while let row = try cursor.next() { problem("revision \(try row[0] as Int64) has changes but no commit") }
        let unknown = try snapshot.db.integer(
            "SELECT count(*) FROM changes WHERE branch NOT IN (SELECT id FROM branches)")
        if let unknown, unknown > 0 { problem("\(unknown) changes are on branches that don't exist") }
    }
}
