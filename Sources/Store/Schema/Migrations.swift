/// One step from a version of the file to the next, in three parts, so that the long one can run in small
/// pieces while the broker serves:
///
/// 1. *expand* adds what the new version needs, in one transaction which also sets the version;
/// 2. *backfill* fills it, a bounded piece per call, until it says that nothing is left;
/// 3. *contract* removes what is no longer needed.
///
/// A crash between them is continued at the next start: `meta` remembers the version that is under way.
struct Migration: Sendable {
    var version: Int
    var expand: @Sendable (Database) throws -> Void
    /// Returns whether more is to be done.
    var backfill: @Sendable (Database) throws -> Bool = { _ in false }
    var contract: @Sendable (Database) throws -> Void = { _ in }

    static let all = [
        Migration(version: 1, expand: { try $0.execute(Schema.first) }),
        Migration(version: 2, expand: { try $0.execute(Schema.second) }),
        // Of what was swept before, nobody knows what it was.
        Migration(
            version: 3,
            expand: { db in
                try db.execute(Schema.dropped)
                if let swept = try Meta.integer(db, .swept) { try Meta.set(db, .droppedUpTo, swept) }
            }),
        Migration(version: 4, expand: { try $0.execute(Schema.branchOrder) }),
        Migration(version: 5, expand: { try $0.execute(Schema.provenance) }),
        Migration(
            version: 6,
            expand: { db in
                try db.execute(Schema.quarantine)
                try db.execute(Schema.branchLife)
                try db.execute(Schema.recording)
                try OldReads(db: db).move()
            }),
        Migration(version: 7, expand: { try $0.execute(Schema.vectors) }),
    ]
}

struct Migrator {
    var migrations = Migration.all

    /// Adds what is missing. Quick whatever the file holds, but for an index: a second for a million rows. The rest is
    /// ``step(_:)``'s.
    func expand(_ db: Database, from version: Int) throws {
        for migration in migrations where migration.version > version {
            // One under way at a time: the next one's expansion may build on the last one's backfill.
            while try step(db) {}
            try db.inTransaction {
                try migration.expand(db)
                try Meta.set(db, .migrating, Int64(migration.version))
                try db.execute("PRAGMA application_id = \(Schema.applicationID)")
                try db.execute("PRAGMA user_version = \(migration.version)")
            }
        }
    }

    /// A bounded piece of what an expansion left to do.
    /// - Returns: whether more is to be done.
    func step(_ db: Database) throws -> Bool {
        guard try db.tableExists("meta"), let version = try Meta.integer(db, .migrating),
            let migration = migrations.first(where: { $0.version == version })
        else { return false }
        try db.inTransaction {
            if try !migration.backfill(db) {
                try migration.contract(db)
                try Meta.remove(db, .migrating)
            }
        }
        return try Meta.integer(db, .migrating) != nil
    }
}
