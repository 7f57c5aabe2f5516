import Glibc
import MembusModel

/// One SQLite connection. Everything happens inside its serial queue, so that what is reached only from
/// there (statements, the writer's state) has one user at a time.
///
/// A store in memory has one connection for all roles.
final class Connection: Sendable {
    enum Role {
        /// Writes; never checkpoints by itself, since that would stall a commit.
        case writer
        case reader
        /// Waits for others for 30 ms at most.
        case checkpointer
    }

    let queue: DatabaseQueue

    private init(_ queue: DatabaseQueue) { self.queue = queue }

    static func open(_ path: String, as role: Role) throws(StoreError) -> Connection {
        do {
            let queue = try DatabaseQueue(
                path: SQLiteName.of(path), isReadOnly: role == .reader, patience: .seconds(10))
            try queue.inDatabase { db in
                // First of all: a file of another program, or of a newer version, is left as it is.
                if role == .writer, try Opening.version(of: db, named: path) == 0 { try FreeSpace.prepare(db) }
                try Settings.apply(to: db, role: role)
            }
            return Connection(queue)
        } catch {
            throw StoreError(error, while: "opening \(path)", at: .opening)
        }
    }

    /// To look at a file that may be somebody else's.
    convenience init(looking: Looking) throws {
        let queue = try looking.open()
        try queue.inDatabase { try Settings.apply(to: $0, role: .reader) }
        self.init(queue)
    }

    /// Whether the file, its log and the log's index take a transaction: tells now what the first commit would meet.
    func checkWriting() throws(StoreError) {
        do {
            try queue.inDatabase { try $0.execute("BEGIN IMMEDIATE TRANSACTION; ROLLBACK TRANSACTION") }
        } catch {
            throw StoreError(error, while: "looking whether \(queue.path) can be written", at: .opening)
        }
    }

    static func inMemory() throws(StoreError) -> Connection {
        do {
            let queue = try DatabaseQueue()
            try queue.inDatabase { try FreeSpace.prepare($0) }
            return Connection(queue)
        } catch {
            throw StoreError(error, while: "opening a store in memory", at: .opening)
        }
    }

    func perform<T>(_ doing: String, _ body: (Database) throws -> T) throws(StoreError) -> T {
        do { return try queue.inDatabase(body) } catch { throw StoreError(error, while: doing) }
    }

    /// Runs `body` on one unchanging state of the file.
    func snapshot<T>(_ doing: String, _ body: (Database) throws -> T) throws(Refusal) -> T {
        do {
            return try queue.inDatabase { db in
                try db.run("BEGIN DEFERRED TRANSACTION")
                defer { try? db.run("ROLLBACK TRANSACTION") }
                return try body(db)
            }
        } catch let refusal as Refusal {
            throw refusal
        } catch {
            throw StoreError(error, while: doing).refusal
        }
    }
}

private enum Settings {
    static func apply(to db: Database, role: Connection.Role) throws {
        if role != .reader { try check(db, "journal_mode", set: "WAL", expect: "wal") }
        try db.execute("PRAGMA temp_store = MEMORY")
        switch role {
        case .writer:
            try db.execute("PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -8192")
            try check(db, "synchronous", set: "FULL", expect: "2")
        case .checkpointer:
            // The writer stands still while this connection waits for readers to cut the log, so it hardly does.
            try db.execute("PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -256; PRAGMA busy_timeout = 30")
            try check(db, "synchronous", set: "FULL", expect: "2")
        case .reader:
            try db.execute("PRAGMA cache_size = -2048")
        }
    }

    private static func check(_ db: Database, _ pragma: String, set: String, expect: String) throws {
        try db.execute("PRAGMA \(pragma) = \(set)")
        let value = try db.word("PRAGMA \(pragma)") ?? "nothing"
        guard value.lowercased() == expect else {
            throw StoreError(
                .failed, "SQLite has \(pragma) at \(value) where \(set) is needed",
                hint: "keep the data directory on a local file system that supports SQLite's write-ahead log")
        }
    }
}
