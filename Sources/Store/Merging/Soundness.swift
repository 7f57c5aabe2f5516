import MembusModel

/// Whether something that an agent has read was undone or quarantined since, in a state.
///
/// Looked at is what the transaction itself names as read or required, and what its agent is on record to have read in its
/// context. Versions count, not keys: who has read what came back instead is sound again, in another context.
struct Soundness {
    let db: Database
    let state: ShownState

    /// - Returns: a key that was read in a version that is undone or quarantined by now, and by which commit.
    func unsound(_ transaction: Transaction, by agent: String) throws -> (key: Key, revision: Revision)? {
        for name in transaction.namedVersions {
            if let revision = try ending(of: name) { return (name.key, revision) }
        }
        // From the side of what is undone, or of what was read: SQLite takes the one of which there is an index.
        for table in ["reverted", "quarantined"] {
            let cursor = try db.rows(
                """
                SELECT DISTINCT accesses.key, accesses.version FROM accesses
                JOIN \(table) ON \(table).key = accesses.key AND \(table).version = accesses.version
                WHERE accesses.agent = ? AND accesses.context = ?
                """, [agent, transaction.context])
            while let row = try cursor.next() {
                let name = VersionName(Key(unchecked: try row[0]), at: try row[1])
                if let revision = try ending(of: name) { return (name.key, revision) }
            }
        }
        return try ownReads(transaction, by: agent)
    }

    /// What the agent's commits in this context are on record to have read.
    private func ownReads(_ transaction: Transaction, by agent: String) throws -> (key: Key, revision: Revision)? {
        for table in ["reverted", "quarantined"] {
            // Nothing older can have read it.
            guard let oldest = try db.integer("SELECT min(version) FROM \(table)") else { continue }
            let cursor = try db.rows(
                """
                SELECT DISTINCT reads.key, reads.version FROM reads CROSS JOIN commits ON commits.revision = reads.revision
                WHERE reads.revision > ? AND commits.agent = ? AND commits.context = ?
                AND EXISTS (SELECT 1 FROM \(table) WHERE \(table).key = reads.key AND \(table).version = reads.version)
                """, [oldest, agent, transaction.context])
            while let row = try cursor.next() {
                let name = VersionName(Key(unchecked: try row[0]), at: try row[1])
                if let revision = try ending(of: name) { return (name.key, revision) }
            }
        }
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

extension Transaction {
    /// What it says that it has read.
    fileprivate var namedVersions: [VersionName] {
        var names = reads.filter { $0.version > 0 }.map { VersionName($0.key, at: $0.version) }
        for case .at(let key, let revision) in preconditions where revision > 0 {
            names.append(VersionName(key, at: revision))
        }
        return names
    }
}
