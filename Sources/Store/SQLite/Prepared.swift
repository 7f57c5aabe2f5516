import CSQLite
import FoundationEssentials
import Glibc

/// A statement that is run over and over and gives no rows. ``Database/run(_:_:)`` finds a statement by its whole text and
/// boxes each argument, which for one commit after another costs as much as SQLite does; here the statement is found once,
/// and arguments go straight to SQLite. Bind all of them, in order, then run.
package struct Prepared {
    private let statement: Statement
    private var column: Int32 = 0
    private var isBorrowing = false
    /// Why an argument could not be bound: too long for SQLite, or no memory to copy it.
    private var refused: Int32 = SQLITE_OK

    package init(_ db: Database, _ sql: String) throws { statement = try db.makeStatement(sql) }

    // MARK: The next argument

    package mutating func bind(_ value: Int64) {
        column += 1
        note(sqlite3_bind_int64(statement.sqliteStatement, column, value))
    }

    package mutating func bind(_ value: Int64?) {
        if let value { bind(value) } else { bindNull() }
    }

    package mutating func bindNull() {
        column += 1
        note(sqlite3_bind_null(statement.sqliteStatement, column))
    }

    package mutating func bind(_ text: String) {
        column += 1
        var text = text
        note(SQLValue.bind(&text, to: statement.sqliteStatement, at: column))
    }

    package mutating func bind(blob: [UInt8]) {
        column += 1
        note(blob.withUnsafeBytes { SQLValue.bind($0, to: statement.sqliteStatement, at: column) })
    }

    mutating func bind(blob: Data?) {
        guard let blob else { return bindNull() }
        column += 1
        note(blob.withUnsafeBytes { SQLValue.bind($0, to: statement.sqliteStatement, at: column) })
    }

    /// Bytes that stay where they are until ``run()`` has returned: SQLite takes no copy of them.
    mutating func bind(borrowedText bytes: UnsafeBufferPointer<UInt8>) {
        guard let start = UnsafeRawPointer(bytes.baseAddress) else { return bind("") }
        column += 1
        isBorrowing = true
        note(
            sqlite3_bind_text64(
                statement.sqliteStatement, column, start.assumingMemoryBound(to: CChar.self), UInt64(bytes.count), nil,
                SQLValue.utf8))
    }

    /// The same for bytes that are no text. None are NULL.
    package mutating func bind(borrowedBlob bytes: UnsafeRawBufferPointer) {
        if bytes.isEmpty { return bindNull() }
        column += 1
        isBorrowing = true
        note(sqlite3_bind_blob64(statement.sqliteStatement, column, bytes.baseAddress, UInt64(bytes.count), nil))
    }

    /// What could not be bound must not be written as what stood there before.
    private mutating func note(_ code: Int32) {
        if code != SQLITE_OK, refused == SQLITE_OK { refused = code }
    }

    /// Does it with what is bound, and is ready for the next time.
    package mutating func run() throws {
        precondition(
            column == sqlite3_bind_parameter_count(statement.sqliteStatement), "every argument is bound")
        defer {
            column = 0
            if isBorrowing || refused != SQLITE_OK { sqlite3_clear_bindings(statement.sqliteStatement) }
            isBorrowing = false
            refused = SQLITE_OK
        }
        if refused != SQLITE_OK { throw DatabaseError(ResultCode(rawValue: refused), sql: statement.sql) }
        let code = sqlite3_step(statement.sqliteStatement)
        // Read before the reset, which repeats the code but may change the words; and errno before anything else.
        let error = code == SQLITE_DONE ? nil : refusal(code, errno)
        sqlite3_reset(statement.sqliteStatement)
        if let error { throw error }
    }

    /// - Parameter system: what the system said at last; SQLite itself does not keep it when COMMIT fails.
    private func refusal(_ code: Int32, _ system: Int32) -> DatabaseError {
        let error = statement.failure(code)
        if error.extendedCode == .write, let why = usedUp(system) {
            return DatabaseError(.full, why, sql: statement.sql)
        }
        return error
    }
}

/// Why a file takes no more, as the system said: to SQLite only ENOSPC is a full disk; to whoever runs into a quota it
/// is no less full.
func usedUp(_ system: Int32) -> String? {
    switch system {
    case EDQUOT: "the disk quota is used up"
    case EFBIG: "a file is as large as this process may make it"
    default: nil
    }
}
