import FoundationEssentials
import Glibc
import MembusModel

/// The few facts about the whole store.
enum Meta: String {
    case lineage
    /// The oldest revision that reads are exact at, and the full hash of its commit.
    case floor
    case floorHash = "floor_hash"
    /// Up to this position, what the floor has passed is dropped.
    case swept
    /// Notes that came before then, in milliseconds, are forgotten.
    case notesForgotten = "notes_forgotten"
    /// Of the last commit when the floor rose last.
    case time
    /// How old history is: ``HistoryAges``. Each store's own.
    case ages
    /// Something that had held history is gone: what was swept before is looked through again, and so far it was.
    case sweptAgain = "swept_again"
    /// Up to this position anything may have been dropped: see ``DroppedPlaces``.
    case droppedUpTo = "dropped_up_to"
    /// The version whose migration is under way.
    case migrating

    static func integer(_ db: Database, _ key: Meta) throws -> Int64? {
        try db.integer("SELECT value FROM meta WHERE key = ?", [key.rawValue])
    }

    static func set(_ db: Database, _ key: Meta, _ value: Int64) throws {
        try db.run("INSERT OR REPLACE INTO meta VALUES(?, ?)", [key.rawValue, value])
    }

    static func bytes(_ db: Database, _ key: Meta) throws -> [UInt8]? {
        try db.first("SELECT value FROM meta WHERE key = ?", [key.rawValue]) { row -> Data? in try row[0] }
            .flatMap { $0.map { [UInt8]($0) } }
    }

    static func set(_ db: Database, _ key: Meta, _ value: [UInt8]) throws {
        try db.run("INSERT OR REPLACE INTO meta VALUES(?, ?)", [key.rawValue, Data(value)])
    }

    static func remove(_ db: Database, _ key: Meta) throws {
        try db.run("DELETE FROM meta WHERE key = ?", [key.rawValue])
    }

    static func floor(_ db: Database) throws -> Revision { try integer(db, .floor) ?? 0 }
    static func floorHash(_ db: Database) throws -> [UInt8] { try bytes(db, .floorHash) ?? CommitHash.seed }
}
