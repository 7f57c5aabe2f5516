import CSQLite
import FoundationEssentials
import MembusModel

// Short ways to run SQL whose text is a constant: statements are prepared once per connection. A statement
// may not be stepped twice at a time, so rows are read to the end, or their cursor dropped, before the same
// text is used again.

extension Database {
    package func run(_ sql: String, _ arguments: Arguments = []) throws {
        try cachedStatement(sql).execute(arguments)
    }

    package func rows(_ sql: String, _ arguments: Arguments = []) throws -> StoredRows {
        let statement = try cachedStatement(sql)
        try statement.setArguments(arguments)
        return StoredRows(statement, of: self)
    }

    /// The first row, taken apart by `body` before the statement is reset.
    package func first<T>(_ sql: String, _ arguments: Arguments = [], _ body: (StoredRow) throws -> T) throws -> T? {
        try rows(sql, arguments).next().map(body)
    }

    /// The first row's first column, as a text whatever it is: what a pragma says. It is prepared anew, since some
    /// pragmas are answered by what was so when they were prepared.
    package func word(_ sql: String) throws -> String? {
        let rows = StoredRows(try makeStatement(sql), of: self)
        guard try rows.next() != nil else { return nil }
        return sqlite3_column_text(rows.statement.sqliteStatement, 0).map { String(cString: $0) }
    }

    package func integer(_ sql: String, _ arguments: Arguments = []) throws -> Int64? {
        try first(sql, arguments) { row -> Int64? in try row[0] } ?? nil
    }
}

/// Rows, each valid until the next is asked for.
package final class StoredRows {
    fileprivate let statement: Statement
    fileprivate let db: Database
    private var isDone = false

    fileprivate init(_ statement: Statement, of db: Database) {
        self.statement = statement
        self.db = db
    }
    deinit { sqlite3_reset(statement.sqliteStatement) }

    package func next() throws -> StoredRow? {
        if isDone { return nil }
        let code = sqlite3_step(statement.sqliteStatement)
        switch code {
        case SQLITE_ROW: return StoredRow(rows: self)
        case SQLITE_DONE:
            isDone = true
            return nil
        default:
            isDone = true
            // Read before the reset, which the statement's next user would otherwise be told of.
            let error = statement.failure(code)
            sqlite3_reset(statement.sqliteStatement)
            throw error
        }
    }
}

/// A row whose columns may hold anything: what the schema forbids can stand in a damaged file.
package struct StoredRow {
    /// The columns are there for as long as the rows are.
    fileprivate let rows: StoredRows

    /// Where it was read: for what a row alone does not tell.
    var db: Database { rows.db }

    /// - Throws: ``UnexpectedColumn`` if something of another type stands there.
    package subscript<Value: ColumnValue>(_ column: Int) -> Value {
        get throws {
            if let value = Value(of: rows.statement.sqliteStatement, column: Int32(column)) { return value }
            throw UnexpectedColumn(column: column, sql: rows.statement.sql)
        }
    }
}

/// A column holds what no row of ours does.
package struct UnexpectedColumn: Error, CustomStringConvertible {
    let column: Int
    let sql: String
    package var description: String { "column \(column + 1) of a row is of a type that it cannot be (in \(sql))" }
}

/// What a column can be read as.
package protocol ColumnValue {
    /// `nil`: something of another type stands there.
    init?(of row: OpaquePointer, column: Int32)
}

extension Int64: ColumnValue {
    package init?(of row: OpaquePointer, column: Int32) {
        guard sqlite3_column_type(row, column) == SQLITE_INTEGER else { return nil }
        self = sqlite3_column_int64(row, column)
    }
}

extension Int: ColumnValue {
    package init?(of row: OpaquePointer, column: Int32) {
        guard let value = Int64(of: row, column: column) else { return nil }
        self.init(value)
    }
}

extension Bool: ColumnValue {
    package init?(of row: OpaquePointer, column: Int32) {
        guard let value = Int64(of: row, column: column) else { return nil }
        self = value != 0
    }
}

extension String: ColumnValue {
    package init?(of row: OpaquePointer, column: Int32) {
        guard sqlite3_column_type(row, column) == SQLITE_TEXT, let text = sqlite3_column_text(row, column) else {
            return nil
        }
        // The bytes are counted once SQLite has them as text.
        self.init(
            decoding: UnsafeBufferPointer(start: text, count: Int(sqlite3_column_bytes(row, column))), as: UTF8.self)
    }
}

extension Data: ColumnValue {
    package init?(of row: OpaquePointer, column: Int32) {
        guard sqlite3_column_type(row, column) == SQLITE_BLOB else { return nil }
        let bytes = sqlite3_column_blob(row, column)
        // No bytes have no place.
        self = bytes.map { Data(bytes: $0, count: Int(sqlite3_column_bytes(row, column))) } ?? Data()
    }
}

extension Optional: ColumnValue where Wrapped: ColumnValue {
    package init?(of row: OpaquePointer, column: Int32) {
        if sqlite3_column_type(row, column) == SQLITE_NULL {
            self = .none
        } else if let value = Wrapped(of: row, column: column) {
            self = value
        } else {
            return nil
        }
    }
}

extension UInt64 {
    /// SQLite's integers are signed: ids and hashes are stored by their bits.
    var stored: Int64 { Int64(bitPattern: self) }
    init(stored: Int64) { self.init(bitPattern: stored) }
}
