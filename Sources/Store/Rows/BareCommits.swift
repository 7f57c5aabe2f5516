import MembusModel

/// Commits that only make a branch, close, protect or tag something: no record is another by them. They stand in the log like
/// any other; whoever asks how far two branches are apart, or what there is to merge, does not count them.
enum BareCommits {
    static func add(_ db: Database, _ revision: Revision, on branch: Int64) throws {
        try db.run("INSERT INTO bare(revision, branch) VALUES(?, ?)", [revision, branch])
    }

    static func count(_ db: Database, on branch: Int64, after first: Revision, upTo last: Revision) throws -> Int64 {
        try db.integer(
            "SELECT count(*) FROM bare WHERE branch = ? AND revision > ? AND revision <= ?", [branch, first, last]) ?? 0
    }

    /// They go with their commits.
    static func dropGone(_ db: Database, from first: Revision, to last: Revision) throws {
        try db.run(
            """
            DELETE FROM bare WHERE revision >= ? AND revision <= ?
            AND NOT EXISTS (SELECT 1 FROM commits WHERE commits.revision = bare.revision)
            """, [first, last])
    }
}
