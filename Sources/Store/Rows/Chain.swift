import FoundationEssentials
import Glibc
import MembusModel

/// The chain of revisions in a file: dense from the floor's next to the head.
enum Chain {
    /// The newest revision on disk, with its full hash; the floor if nothing is above it.
    static func head(_ db: Database) throws -> (revision: Revision, hash: [UInt8]) {
        let floor = try Meta.floor(db)
        let newest = try db.first("SELECT revision, hash FROM commits ORDER BY revision DESC LIMIT 1") {
            row -> (Revision, [UInt8]) in (try row[0], [UInt8](try row[1] as Data))
        }
        if let newest, newest.0 > floor { return newest }
        return (floor, try Meta.floorHash(db))
    }

    /// The full hash of a kept revision, the floor included; `nil` for others.
    static func hash(_ db: Database, of revision: Revision) throws -> [UInt8]? {
        let floor = try Meta.floor(db)
        if revision == floor { return try Meta.floorHash(db) }
        if revision < floor { return nil }
        return try db.first("SELECT hash FROM commits WHERE revision = ?", [revision]) { [UInt8](try $0[0] as Data) }
    }

    /// The place of a revision; below the floor too, where only 8 bytes of the hash are kept.
    static func position(_ db: Database, of revision: Revision) throws -> Position? {
        if let hash = try hash(db, of: revision) { return Position(revision: revision, hash: shortHash(hash)) }
        if revision == 0 { return .origin }
        guard revision < (try Meta.floor(db)) else { return nil }
        let unswept = try db.first("SELECT hash FROM commits WHERE revision = ?", [revision]) {
            shortHash([UInt8](try $0[0] as Data))
        }
        return try (unswept ?? HashArchive.hash(db, of: revision)).map { Position(revision: revision, hash: $0) }
    }
}
