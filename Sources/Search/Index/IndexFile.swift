import CSQLite
import FoundationEssentials
import Glibc
import MembusModel
import MembusStore
import MembusSystem

// The index's file, beside the store. It can be thrown away at any moment.
//
//   meta       what it is of: lineage, and the place in history up to which it holds everything; how many rows of postings there are
//   versions   the columns, a row for each flush
//   postings   a term's postings of a span of units; of many small rows of a term one is made
//   sent       which vectors came with a version

/// One connection of it, used by one thread at a time.
final class IndexFile {
    let db: Database
    let path: String
    /// A flush is open: all of it is written, or nothing.
    private(set) var isWriting = false

    /// What other formats hold is not looked at.
    static let format: Int64 = 3

    /// - Throws: whatever keeps it from being used, damage among it.
    init(_ path: String) throws {
        self.path = path
        // SQLite's names of what is no file.
        if !path.hasPrefix(":") { try PrivateFile.make(path) }
        db = try Database(path: path, isReadOnly: false, isURI: false, patience: .seconds(5))
        try db.execute(
            """
            PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -8192;
            PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 4000
            """)
        if try db.word("PRAGMA user_version") == "0" { try make() }
        guard try db.word("PRAGMA user_version") == "\(Self.format)" else {
            throw SearchFault("the index at \(path) is of another format")
        }
    }

    private func make() throws {
        try db.inTransaction {
            try db.execute(
                """
                CREATE TABLE meta(key TEXT PRIMARY KEY NOT NULL, value ANY NOT NULL) STRICT, WITHOUT ROWID;
                CREATE TABLE versions(
                  first INTEGER PRIMARY KEY, columns BLOB NOT NULL, sum INTEGER NOT NULL
                ) STRICT;
                -- Versions that compaction has dropped, though nothing in the index says what replaced them.
                CREATE TABLE forgotten(version INTEGER PRIMARY KEY) STRICT;
                CREATE TABLE postings(
                  term BLOB NOT NULL,
                  first INTEGER NOT NULL,  -- unit
                  span INTEGER NOT NULL,   -- from there to the last
                  block BLOB NOT NULL,
                  places BLOB,             -- NULL: none
                  sum INTEGER NOT NULL,    -- of it all: SQLite looks at its own bytes alone
                  PRIMARY KEY(term, first)
                ) STRICT, WITHOUT ROWID;
                CREATE TABLE sent(
                  version INTEGER NOT NULL,
                  space TEXT NOT NULL,
                  dimensions INTEGER NOT NULL,
                  contents BLOB NOT NULL,  -- 16 bytes of each vector
                  sum INTEGER NOT NULL,
                  PRIMARY KEY(version, space)
                ) STRICT, WITHOUT ROWID;
                PRAGMA user_version = \(Self.format)
                """)
        }
    }

    static func remove(_ path: String) {
        for name in [path, path + "-wal", path + "-shm"] { unlink(name) }
    }

    /// Of its file and log.
    var bytes: Int64 {
        var status = stat()
        return logBytes + (stat(path, &status) == 0 ? Int64(status.st_size) : 0)
    }

    private var logBytes: Int64 {
        var status = stat()
        return stat(path + "-wal", &status) == 0 ? Int64(status.st_size) : 0
    }

    /// A flush touches nearly all of a small file: its log would stay as large.
    func shortenLog() throws {
        if logBytes > Self.mostLogBytes { try db.execute("PRAGMA wal_checkpoint(TRUNCATE)") }
    }
    private static let mostLogBytes: Int64 = 4 << 20

    // MARK: What it is of

    func meta(_ key: String) throws -> Int64? { try db.integer("SELECT value FROM meta WHERE key = ?", [key]) }

    func set(_ key: String, _ value: Int64) throws {
        try db.run("INSERT OR REPLACE INTO meta VALUES(?, ?)", [key, value])
    }

    var position: Position {
        get throws {
            guard let revision = try meta("revision"), let hash = try meta("hash") else { return .origin }
            return Position(revision: revision, hash: UInt64(bitPattern: hash))
        }
    }

    func set(_ position: Position) throws {
        try set("revision", position.revision)
        try set("hash", Int64(bitPattern: position.hash))
    }

    // MARK: Writing

    func begin() throws {
        try db.run("BEGIN IMMEDIATE TRANSACTION")
        isWriting = true
    }

    func commit() throws {
        try db.run("COMMIT TRANSACTION")
        isWriting = false
    }

    func rollBack() {
        if db.isInsideTransaction { try? db.run("ROLLBACK TRANSACTION") }
        isWriting = false
    }

    func insert(_ columns: [UInt8], from first: Int) throws {
        let sum = columns.withUnsafeBytes { Checksum.of($0) }
        try db.run("INSERT INTO versions VALUES(?, ?, ?)", [first, Data(columns), sum])
    }

    func insert(forgotten versions: [UInt32]) throws {
        try db.inTransaction {
            for version in versions { try db.run("INSERT OR IGNORE INTO forgotten VALUES(?)", [Int64(version)]) }
        }
    }

    func insert(_ sent: SentVectors.Sent) throws {
        let contents = sent.contents.flatMap(\.bytes)
        try db.run(
            "INSERT INTO sent VALUES(?, ?, ?, ?, ?)",
            [
                Int64(sent.version), sent.space.name.text, sent.space.dimensions, Data(contents),
                Self.sum(of: sent, contents),
            ])
    }

    private static func sum(of sent: SentVectors.Sent, _ contents: [UInt8]) -> Int64 {
        contents.withUnsafeBytes { contents in
            Array(sent.space.name.text.utf8).withUnsafeBytes {
                Checksum.of(contents, $0, numbers: (sent.version, UInt32(truncatingIfNeeded: sent.space.dimensions)))
            }
        }
    }

    /// Calls `body` with the vectors of versions, by their versions.
    func readSent(_ body: (SentVectors.Sent) throws -> Void) throws {
        let rows = try db.rows("SELECT version, space, dimensions, contents, sum FROM sent ORDER BY version, space")
        while let row = try rows.next() {
            let (version, dimensions): (Int64, Int) = (try row[0], try row[2])
            let (contents, sum): (Data, Int64) = (try row[3], try row[4])
            let names = stride(from: 0, to: contents.count / 16 * 16, by: 16).map { start in
                contents.withUnsafeBytes {
                    ContentName(named: UnsafeRawBufferPointer(rebasing: $0[start..<start + 16]))
                }
            }
            let sent = SentVectors.Sent(
                version: UInt32(truncatingIfNeeded: version), space: SpaceName(try row[1], dimensions), contents: names)
            guard (1...Vectors.mostDimensions).contains(dimensions), sum == Self.sum(of: sent, Array(contents)) else {
                throw SearchFault("a row of sent vectors is damaged")
            }
            try body(sent)
        }
    }

    func readForgotten(_ body: (UInt32) throws -> Void) throws {
        let rows = try db.rows("SELECT version FROM forgotten")
        while let row = try rows.next() { try body(UInt32(truncatingIfNeeded: try row[0] as Int64)) }
    }

    /// Calls `body` with the columns of each flush, in their order.
    func readColumns(_ body: (_ first: Int, UnsafeRawBufferPointer) throws -> Void) throws {
        let rows = try db.rows("SELECT first, columns, sum FROM versions ORDER BY first")
        while let row = try rows.next() {
            let (first, columns, sum): (Int, Data, Int64) = (try row[0], try row[1], try row[2])
            try columns.withUnsafeBytes { bytes in
                guard sum == Checksum.of(bytes) else { throw SearchFault("a row of versions is damaged") }
                try body(first, bytes)
            }
        }
    }
}
