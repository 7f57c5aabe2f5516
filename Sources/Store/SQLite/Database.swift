import CSQLite
import Glibc
import MembusModel

/// One connection of SQLite's, and the statements that it has prepared. Whoever uses it is alone with it: see
/// ``DatabaseQueue``.
package final class Database {
    package let sqliteConnection: OpaquePointer
    private var cached: [String: Statement] = [:]

    /// - Parameters:
    ///   - path: as ``SQLiteName`` makes it.
    ///   - isReadOnly: it must be there, too.
    ///   - isURI: the path is one.
    package init(path: String, isReadOnly: Bool, isURI: Bool, patience: Duration) throws {
        var opened: OpaquePointer?
        // One thread at a time uses it: SQLite needs no mutex of its own.
        var flags =
            SQLITE_OPEN_NOMUTEX | (isReadOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)
        if isURI { flags |= SQLITE_OPEN_URI }
        let code = sqlite3_open_v2(path, &opened, flags, nil)
        guard code == SQLITE_OK, let opened else {
            // What could not be opened has words for it, and is closed too.
            let error = opened.map { DatabaseError(code, on: $0) } ?? DatabaseError(ResultCode(rawValue: code))
            sqlite3_close_v2(opened)
            throw error
        }
        sqliteConnection = opened
        sqlite3_extended_result_codes(opened, 1)
        sqlite3_busy_timeout(opened, Int32(clamping: patience.wholeMilliseconds))
    }

    fileprivate private(set) var isClosed = false

    /// - Throws: ``DatabaseError`` while somebody holds a statement: the file is open as before then.
    fileprivate func close() throws {
        if isClosed { return }
        cached = [:]
        let code = sqlite3_close(sqliteConnection)
        guard code == SQLITE_OK else { throw DatabaseError(code, on: sqliteConnection) }
        isClosed = true
    }

    deinit {
        cached = [:]
        // Statements that somebody still holds keep the file open until they go.
        if !isClosed { sqlite3_close_v2(sqliteConnection) }
    }

    // MARK: Statements

    package func makeStatement(_ sql: String) throws -> Statement { try Statement(sql, on: sqliteConnection) }

    /// The statement of this text, prepared when it is first asked for. It is not to be run by two at a time.
    package func cachedStatement(_ sql: String) throws -> Statement {
        if let statement = cached[sql] { return statement }
        let statement = try makeStatement(sql)
        cached[sql] = statement
        return statement
    }

    /// Runs all statements of a text, which are not kept; the arguments are those of the first. What a statement gives
    /// is passed over.
    package func execute(_ sql: String, _ arguments: Arguments = []) throws {
        var arguments = arguments
        try sql.withCString { start in
            var rest: UnsafePointer<CChar>? = start
            while let text = rest, text.pointee != 0 {
                guard let statement = try Statement(text, rest: &rest, on: sqliteConnection) else { continue }
                try statement.execute(arguments)
                arguments = []
            }
            if !arguments.values.isEmpty { throw DatabaseError(.error, "there is no statement", sql: sql) }
        }
    }

    // MARK: Transactions

    package var isInsideTransaction: Bool { sqlite3_get_autocommit(sqliteConnection) == 0 }
    /// Rows that the last statement changed.
    package var changesCount: Int { Int(sqlite3_changes(sqliteConnection)) }

    /// All that `body` writes, or nothing.
    package func inTransaction(_ body: () throws -> Void) throws {
        try execute("BEGIN IMMEDIATE TRANSACTION")
        do {
            try body()
            try execute("COMMIT TRANSACTION")
        } catch {
            if isInsideTransaction { try? execute("ROLLBACK TRANSACTION") }
            throw error
        }
    }

    enum CheckpointMode {
        /// As much as readers and the writer let it.
        case passive
        /// All of it, and the log's file is cut.
        case truncate
    }

    /// - Returns: frames in the log, and how many of them are in the file now.
    @discardableResult
    func checkpoint(_ mode: CheckpointMode) throws -> (all: Int64, copied: Int64) {
        var (all, copied) = (Int32(-1), Int32(-1))
        let number = mode == .passive ? SQLITE_CHECKPOINT_PASSIVE : SQLITE_CHECKPOINT_TRUNCATE
        let code = sqlite3_wal_checkpoint_v2(sqliteConnection, nil, number, &all, &copied)
        guard code == SQLITE_OK else { throw DatabaseError(code, on: sqliteConnection) }
        return (Int64(all), Int64(copied))
    }

    func tableExists(_ name: String) throws -> Bool {
        try integer("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", [name]) != nil
    }
}

/// Has those who use a connection take turns.
package final class DatabaseQueue: Sendable {
    let path: String
    private let turns = Turns()
    // Safe: used within a turn only, but for what SQLite lets any thread do.
    nonisolated(unsafe) private let database: Database

    /// A store in memory, which goes with this.
    package convenience init() throws { try self.init(path: ":memory:") }

    /// - Parameters:
    ///   - path: as ``SQLiteName`` makes it.
    ///   - patience: how long a statement waits for others' locks.
    package init(path: String, isReadOnly: Bool = false, isURI: Bool = false, patience: Duration = .zero) throws {
        self.path = path
        database = try Database(path: path, isReadOnly: isReadOnly, isURI: isURI, patience: patience)
    }

    package func inDatabase<T>(_ body: (Database) throws -> T) rethrows -> T {
        turns.take()
        precondition(!database.isClosed, "a database is used while it is open")
        defer {
            precondition(!database.isInsideTransaction, "a transaction was left open")
            turns.giveBack()
        }
        return try body(database)
    }

    /// Ends the statement under way, from any thread, while it is open.
    package func interrupt() { sqlite3_interrupt(database.sqliteConnection) }

    /// Lets go of the file. Nobody may use the database afterwards.
    /// - Throws: ``DatabaseError`` while somebody holds a statement of it.
    package func close() throws {
        turns.take()
        defer { turns.giveBack() }
        try database.close()
    }
}

/// A mutex of the system's, which tells who would wait for himself.
private final class Turns: Sendable {
    // Safe: the system's mutex is for use by many.
    nonisolated(unsafe) private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)

    init() {
        var attributes = pthread_mutexattr_t()
        pthread_mutexattr_init(&attributes)
        pthread_mutexattr_settype(&attributes, Int32(PTHREAD_MUTEX_ERRORCHECK))
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, &attributes)
        pthread_mutexattr_destroy(&attributes)
    }
    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    func take() { precondition(pthread_mutex_lock(mutex) == 0, "a database is used within its own turn") }
    func giveBack() { pthread_mutex_unlock(mutex) }
}
