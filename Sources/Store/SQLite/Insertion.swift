import Foundation
import GRDB
import GRDBSQLite

/// A statement that inserts one row after another. GRDB finds a statement by its whole text and boxes each
/// argument, which at tens of thousands of rows a second costs as much as SQLite does; here the statement is
/// found once per batch, and arguments go straight to SQLite. Bind every column, in order, then run.
struct Insertion {
    private let statement: Statement
    private var column: Int32 = 0

    init(_ db: Database, _ sql: String) throws { statement = try db.cachedStatement(sql: sql) }

    // MARK: The next column

    mutating func bind(_ value: Int64) {
        column += 1
        sqlite3_bind_int64(statement.sqliteStatement, column, value)
    }

    mutating func bind(_ value: Int64?) {
        if let value { bind(value) } else { bindNull() }
    }

    mutating func bindNull() {
        column += 1
        sqlite3_bind_null(statement.sqliteStatement, column)
    }

    mutating func bind(_ text: String) {
        column += 1
        var text = text
        text.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) { characters in
                guard let start = characters.baseAddress else {
                    // No pointer would mean NULL.
                    _ = sqlite3_bind_text(statement.sqliteStatement, column, "", 0, Self.copied)
                    return
                }
                _ = sqlite3_bind_text(statement.sqliteStatement, column, start, Int32(characters.count), Self.copied)
            }
        }
    }

    mutating func bind(blob: [UInt8]) {
        column += 1
        blob.withUnsafeBytes {
            _ = sqlite3_bind_blob(statement.sqliteStatement, column, $0.baseAddress, Int32($0.count), Self.copied)
        }
    }

    mutating func bind(blob: Data?) {
        guard let blob else { return bindNull() }
        column += 1
        blob.withUnsafeBytes {
            _ = sqlite3_bind_blob(statement.sqliteStatement, column, $0.baseAddress, Int32($0.count), Self.copied)
        }
    }

    /// Inserts the row that is bound, and is ready for the next one.
    mutating func run() throws {
        precondition(
            column == sqlite3_bind_parameter_count(statement.sqliteStatement), "every column of a row is bound")
        column = 0
        let code = sqlite3_step(statement.sqliteStatement)
        // Read before the reset, which repeats the code but may change the words.
        let error = code == SQLITE_DONE ? nil : failure(code)
        sqlite3_reset(statement.sqliteStatement)
        if let error { throw error }
    }

    private func failure(_ code: Int32) -> DatabaseError {
        let db = sqlite3_db_handle(statement.sqliteStatement)
        return DatabaseError(
            resultCode: ResultCode(rawValue: sqlite3_extended_errcode(db)), message: String(cString: sqlite3_errmsg(db)),
            sql: statement.sql)
    }

    /// SQLite's SQLITE_TRANSIENT, which Swift does not import: it takes a copy before the call returns.
    private static var copied: sqlite3_destructor_type { unsafeBitCast(-1, to: sqlite3_destructor_type.self) }
}
