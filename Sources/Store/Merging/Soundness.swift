import MembusModel

/// Whether something that an agent has read was undone or quarantined since, in a state.
///
/// Looked at is what the transaction itself names as read or required, what its agent is on record to have read in its context,
/// and what it has read in its session in no context. Versions count, not keys: who has read what came back instead is sound
/// again, in another context.
struct Soundness {
    let db: Database
    let branches: BranchTable
    let state: ShownState
    let known: KnownUnsound

    /// - Returns: a key that was read in a version that is undone or quarantined by now, and by which commit.
    /// - Throws: ``Refusal``: there is much to look at, and the next time goes on where this one was.
    func unsound(_ transaction: Transaction, by author: Author) throws -> (key: Key, revision: Revision)? {
        guard let oldest = try known.oldestEnded(in: db) else { return nil }
        for case .at(let key, let revision) in transaction.preconditions where revision > 0 {
            if let ending = try ending(of: VersionName(key, at: revision)) { return (key, ending) }
        }
        // These are no more than fit into a request.
        var own = 0
        for read in transaction.reads {
            let names = try known.ended(
                read, on: read.branch ?? transaction.branch, before: state.revision + 1, in: db, branches, &own)
            if let found = try ending(among: names) { return found }
        }
        var left = KnownUnsound.mostLookedAt
        let session = author.session?.id.stored
        let readers = [
            KnownUnsound.Reader(author.agent, transaction.context, session: session),
            KnownUnsound.Reader(author.agent, "", session: session),
        ]
        for reader in transaction.context.isEmpty ? [readers[1]] : readers {
            let names = try known.read(by: reader, since: oldest, upTo: state.revision, in: db, branches, &left)
            if let found = try ending(among: names) { return found }
        }
        return nil
    }

    private func ending(among names: some Sequence<VersionName>) throws -> (key: Key, revision: Revision)? {
        for name in names { if let revision = try ending(of: name) { return (name.key, revision) } }
        return nil
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

/// What agents have read of what was ever undone or quarantined, on any branch: of each, a walk over the notes and the commits
/// of one context, which goes on where it was left, so that each is looked at once. Memory only: what is undone anew, or a batch
/// that failed, begins it anew from the file.
///
/// Used by the thread that commits.
final class KnownUnsound {
    /// So much is looked at for one transaction.
    static let mostLookedAt = 20_000
    private static let mostReaders = 1000
    private static let mostLists = 4096
    private static let commitsAtOnce: Revision = 20_000

    struct Reader: Hashable {
        let agent: ByBytes
        let context: ByBytes
        /// Where no context is named: what one session does has nothing to do with what another does.
        let session: Int64?

        init(_ agent: String, _ context: String, session: Int64?) {
            self.agent = ByBytes(agent)
            self.context = ByBytes(context)
            self.session = context.isEmpty ? session : nil
        }
    }

    private struct Walk {
        /// The last that was looked at.
        var note: Int64 = 0
        var noteHead: Revision
        var commit: Revision
        /// How much was looked at of the next one.
        var reads = 0
        var found: Set<VersionName> = []
        /// Lists that were looked at: many agents list the same state again and again.
        var lists: Set<ReadVersion> = []
    }
    private var walks: [Reader: Walk] = [:]
    /// The oldest version that was ever undone or quarantined; `nil`: not known yet.
    private var oldest: Revision??

    func forget() { (walks, oldest) = ([:], nil) }

    /// `nil`: there is none.
    func oldestEnded(in db: Database) throws -> Revision? {
        if let oldest { return oldest }
        let found = try db.integer(
            """
            SELECT min(version) FROM (
              SELECT min(version) AS version FROM reverted UNION ALL SELECT min(version) FROM quarantined)
            """)
        oldest = .some(found)
        return found
    }

    func read(
        by reader: Reader, since oldest: Revision, upTo head: Revision, in db: Database, _ branches: BranchTable,
        _ left: inout Int
    ) throws -> Set<VersionName> {
        // Nothing older can have read it.
        var walk = walks.removeValue(forKey: reader) ?? Walk(noteHead: oldest, commit: oldest)
        defer {
            if walks.count >= Self.mostReaders { walks = [:] }
            walks[reader] = walk
        }
        try lookAtNotes(of: reader, in: db, branches, &walk, &left)
        try lookAtCommits(of: reader, upTo: head, in: db, branches, &walk, &left)
        return walk.found
    }

    private func lookAtNotes(
        of reader: Reader, in db: Database, _ branches: BranchTable, _ walk: inout Walk, _ left: inout Int
    ) throws {
        let rows = try db.rows(
            """
            SELECT \(NoteRow.columns) FROM notes
            WHERE agent = ? AND context = ? AND head >= ? AND id > ? AND (context <> '' OR session IS ?) ORDER BY head, id
            """, [reader.agent.text, reader.context.text, walk.noteHead, walk.note, reader.session])
        while let row = try rows.next() {
            let note = try NoteRow(row)
            left -= 1
            try look(
                at: note.reads.map { ($0.read, $0.branch) }, before: note.head + 1, in: db, branches, &walk, &left)
            (walk.noteHead, walk.note) = (note.head, note.id)
        }
    }

    /// What the agent's commits in this context are on record to have read.
    private func lookAtCommits(
        of reader: Reader, upTo head: Revision, in db: Database, _ branches: BranchTable, _ walk: inout Walk,
        _ left: inout Int
    ) throws {
        while walk.commit < head {
            let last = min(head, walk.commit + Self.commitsAtOnce)
            let rows = try db.rows(
                """
                SELECT revision, branch, reads FROM commits
                WHERE revision > ? AND revision <= ? AND agent = ? AND context = ? AND (context <> '' OR session IS ?)
                  AND reads IS NOT NULL ORDER BY revision
                """, [walk.commit, last, reader.agent.text, reader.context.text, reader.session])
            while let row = try rows.next() {
                let (revision, branch): (Revision, BranchName) = (try row[0], try branches.name(try row[1]))
                left -= 1
                let reads = try CommitRow.reads(try row[2]).map { ($0, $0.branch ?? branch) }
                try look(at: reads, before: revision, in: db, branches, &walk, &left)
                walk.commit = revision
            }
            left -= Int(last - walk.commit) / 16
            walk.commit = last
            if left <= 0, last < head { throw Self.unfinished }
        }
    }

    private func look(
        at reads: [(ReadVersion, BranchName)], before revision: Revision, in db: Database, _ branches: BranchTable,
        _ walk: inout Walk, _ left: inout Int
    ) throws {
        for (read, branch) in reads[min(walk.reads, reads.count)...] {
            if left <= 0 { throw Self.unfinished }
            walk.reads += 1
            if read.key == nil {
                let list = ReadVersion(read.subject, on: branch, cut: read.cut > 0 ? read.cut : revision - 1)
                if walk.lists.contains(list) { continue }
                if walk.lists.count == Self.mostLists { walk.lists = [] }
                walk.lists.insert(list)
            }
            walk.found.formUnion(try ended(read, on: branch, before: revision, in: db, branches, &left))
        }
        walk.reads = 0
    }

    private static var unfinished: Refusal {
        Refusal(
            .busy, "whether what was read in this context is still sound is being looked for",
            hint: "try again: it goes on where it is")
    }

    /// What a read has seen of what was ever undone or quarantined.
    func ended(
        _ read: ReadVersion, on branch: BranchName, before revision: Revision, in db: Database, _ branches: BranchTable,
        _ left: inout Int
    ) throws -> [VersionName] {
        guard let branch = branches.byName[branch] else { return [] }
        left -= 1
        let cut = read.cut > 0 ? read.cut : revision - 1
        switch read.subject {
        case .key(let key):
            if read.version > 0 {
                let name = VersionName(key, at: read.version)
                return try wasEnded(name, in: db) ? [name] : []
            }
            // Its deletion is a version, too.
            return try shown(key, on: branch, at: cut, in: db, branches).map { [$0] } ?? []
        case .topic(let topic):
            let range = KeyRange(topic)
            var keys: Set<Key> = []
            for table in ["reverted", "quarantined"] {
                let rows = try db.rows(
                    "SELECT DISTINCT key FROM \(table) WHERE key >= ? AND key < ? AND version <= ?",
                    [range.from, range.below, cut])
                while let row = try rows.next() { keys.insert(Key(unchecked: try row[0])) }
            }
            left -= 2 * keys.count
            return try keys.sorted().compactMap { try shown($0, on: branch, at: cut, in: db, branches) }
        }
    }

    private func shown(
        _ key: Key, on branch: Branch, at revision: Revision, in db: Database, _ branches: BranchTable
    ) throws -> VersionName? {
        let place = try NewestVersion.place(db, key.text, branches.levels(of: branch, at: revision))
        guard let name = place.map({ VersionName(key, at: $0.revision) }) else { return nil }
        return try wasEnded(name, in: db) ? name : nil
    }

    private func wasEnded(_ name: VersionName, in db: Database) throws -> Bool {
        try db.integer(
            """
            SELECT EXISTS(SELECT 1 FROM reverted WHERE key = ?1 AND version = ?2)
              OR EXISTS(SELECT 1 FROM quarantined WHERE key = ?1 AND version = ?2)
            """, [name.key.text, name.revision]) == 1
    }
}
