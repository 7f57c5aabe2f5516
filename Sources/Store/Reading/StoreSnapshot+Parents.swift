import MembusModel

extension StoreSnapshot {
    /// The commits that one follows, as far as they are kept.
    func parents(of info: CommitInfo) throws -> [Revision] {
        let branch = try anyBranch(info.branch)
        var parents: [Revision] = []
        // Up to the commit before; a branch's first follows what was inherited.
        for level in branches.levels(of: branch, at: info.revision - 1) {
            guard
                let newest = try db.integer(
                    "SELECT max(revision) FROM commits WHERE branch = ? AND revision <= ?", [level.branch, level.upTo])
            else { continue }
            parents.append(newest)
            break
        }
        let merged = try db.integer(
            """
            SELECT source_revision FROM merges WHERE revision = ?
            AND EXISTS (SELECT 1 FROM commits WHERE commits.revision = source_revision)
            """, [info.revision])
        if let merged, !parents.contains(merged) { parents.append(merged) }
        return parents
    }
}
