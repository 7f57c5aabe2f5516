import MembusModel

/// What a file says it is, and whether this version of Membus can work with it.
enum Opening {
    /// - Returns: the file's version; 0 for an empty one.
    static func version(of db: Database, named name: String) throws -> Int {
        let application = Int32(truncatingIfNeeded: try db.integer("PRAGMA application_id") ?? 0)
        let version = Int(try db.integer("PRAGMA user_version") ?? 0)
        if application == 0, version == 0, try db.integer("SELECT count(*) FROM sqlite_master") == 0 { return 0 }
        guard application == Schema.applicationID else {
            throw StoreError(
                .foreign, "\(name) is a SQLite file of another program",
                hint: "name another directory, or move the file away")
        }
        guard version <= Schema.version else {
            throw StoreError(
                .newerVersion, "\(name) has format \(version); this Membus knows formats up to \(Schema.version)",
                hint: "use the newer Membus that wrote it, or restore a backup of the older format")
        }
        return version
    }

    /// Makes the file ready to serve, and tells its lineage. Takes no longer for a large file than for a small one.
    static func prepare(_ db: Database, named name: String, newLineage: UInt64) throws -> Lineage {
        let migrator = Migrator()
        try migrator.expand(db, from: try version(of: db, named: name))
        _ = try migrator.step(db)
        if let lineage = try lineage(of: db) { return lineage }
        try Meta.set(db, .lineage, newLineage.stored)
        return Lineage(newLineage)
    }

    static func lineage(of db: Database) throws -> Lineage? {
        try Meta.integer(db, .lineage).map { Lineage(UInt64(stored: $0)) }
    }
}
