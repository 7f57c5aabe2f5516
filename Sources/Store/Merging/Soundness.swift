import FoundationEssentials
import MembusModel

/// Whether something that an agent has read was undone or quarantined since, in a state.
///
/// Looked at is what the transaction itself names as read or required, and what its agent is on record to have read in its
/// context, or in its session where it names none. Versions count, not keys: who has read what came back instead is sound again,
/// in another context.
struct Soundness {
    let db: Database
    let branches: BranchTable
    let state: ShownState

    private struct End {
        let key: Key
        let revision: Revision
    }

    /// - Returns: a key that was read in a version that is undone or quarantined by now, and by which commit.
    func unsound(_ transaction: Transaction, by author: Author) throws -> (key: Key, revision: Revision)? {
        // Nothing older can have read it.
        let oldest = try db.integer(
            """
            SELECT min(version) FROM (
              SELECT min(version) AS version FROM reverted UNION ALL SELECT min(version) FROM quarantined)
            """)
        guard let oldest else { return nil }
        for case .at(let key, let revision) in transaction.preconditions where revision > 0 {
            if let revision = try ending(of: VersionName(key, at: revision)) { return (key, revision) }
        }
        let found =
            try ending(among: transaction.reads, on: transaction.branch, before: state.revision + 1)
            ?? noted(transaction.context, author, since: oldest)
            ?? committed(transaction.context, author, since: oldest)
        return found.map { ($0.key, $0.revision) }
    }

    private func noted(_ context: String, _ author: Author, since oldest: Revision) throws -> End? {
        let rows = try db.rows(
            """
            SELECT \(NoteRow.columns) FROM notes
            WHERE agent = ? AND context = ? AND head >= ? AND (context <> '' OR session IS ?)
            """, [author.agent, context, oldest, author.session?.id.stored])
        while let row = try rows.next() {
            let note = try NoteRow(row)
            if let found = try ending(among: note.reads.map(\.read), on: .main, before: note.head + 1) { return found }
        }
        return nil
    }

    /// What the agent's commits in this context are on record to have read.
    private func committed(_ context: String, _ author: Author, since oldest: Revision) throws -> End? {
        let rows = try db.rows(
            """
            SELECT revision, branch, reads FROM commits
            WHERE revision > ? AND agent = ? AND context = ? AND (context <> '' OR session IS ?) AND reads IS NOT NULL
            """, [oldest, author.agent, context, author.session?.id.stored])
        while let row = try rows.next() {
            let branch = try branches.name(try row[1])
            if let found = try ending(among: CommitRow.reads(try row[2]), on: branch, before: try row[0]) {
                return found
            }
        }
        return nil
    }

    private func ending(
        among reads: [ReadVersion], on branch: BranchName, before revision: Revision
    ) throws -> End? {
        for read in reads {
            let cut = read.cut > 0 ? read.cut : revision - 1
            guard let branch = branches.byName[read.branch ?? branch] else { continue }
            for name in try names(read, on: branch, at: cut) {
                if let revision = try ending(of: name) { return End(key: name.key, revision: revision) }
            }
        }
        return nil
    }

    /// What a read has seen of what was ever undone or quarantined.
    private func names(_ read: ReadVersion, on branch: Branch, at cut: Revision) throws -> [VersionName] {
        switch read.subject {
        case .key(let key):
            if read.version > 0 { return [VersionName(key, at: read.version)] }
            // Its deletion is a version, too.
            return try shown(key, on: branch, at: cut).map { [$0] } ?? []
        case .topic(let topic):
            let range = KeyRange(topic)
            var keys: Set<Key> = []
            for table in ["reverted", "quarantined"] {
                let rows = try db.rows(
                    "SELECT DISTINCT key FROM \(table) WHERE key >= ? AND key < ? AND version <= ?",
                    [range.from, range.below, cut])
                while let row = try rows.next() { keys.insert(Key(unchecked: try row[0])) }
            }
            return try keys.sorted().compactMap { try shown($0, on: branch, at: cut) }
        }
    }

    private func shown(_ key: Key, on branch: Branch, at revision: Revision) throws -> VersionName? {
        try NewestVersion.place(db, key.text, branches.levels(of: branch, at: revision)).map {
            VersionName(key, at: $0.revision)
        }
    }

    private func ending(of name: VersionName) throws -> Revision? {
        let undone = Undone(db: db)
        if let revert = try undone.revert(of: name, in: state.contained) { return revert }
        let cursor = try db.rows(
            "SELECT revision, branch FROM quarantined WHERE key = ? AND version = ? ORDER BY revision",
            [name.key.text, name.revision])
        while let row = try cursor.next() {
            let (revision, branch): (Revision, Int64) = (try row[0], try row[1])
            guard revision <= state.contained[branch] else { continue }
            // One that was reverted does not count.
            let marked = VersionName(name.key, at: revision)
            if try undone.revert(of: marked, in: state.contained) == nil { return revision }
        }
        return nil
    }
}
