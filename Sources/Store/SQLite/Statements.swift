import Foundation
import GRDB
import MembusModel

// Short ways to run SQL whose text is a constant: statements are prepared once per connection. A statement
// may not be stepped twice at a time, so rows are read to the end, or their cursor dropped, before the same
// text is used again.

extension Database {
    func run(_ sql: String, _ arguments: StatementArguments = []) throws {
        try cachedStatement(sql: sql).execute(arguments: arguments)
    }

    func rows(_ sql: String, _ arguments: StatementArguments = []) throws -> StoredRows {
        StoredRows(try Row.fetchCursor(cachedStatement(sql: sql), arguments: arguments))
    }

    /// The first row, taken apart by `body` before the statement is reset.
    func first<T>(_ sql: String, _ arguments: StatementArguments = [], _ body: (StoredRow) throws -> T) throws -> T? {
        let rows = try rows(sql, arguments)
        // The row's columns are gone once the cursor is.
        return try withExtendedLifetime(rows) { try rows.next().map(body) }
    }

    func integer(_ sql: String, _ arguments: StatementArguments = []) throws -> Int64? {
        try first(sql, arguments) { row -> Int64? in try row[0] } ?? nil
    }
}

/// Rows, each valid until the next is asked for.
struct StoredRows {
    private let cursor: RowCursor
    init(_ cursor: RowCursor) { self.cursor = cursor }
    func next() throws -> StoredRow? { try cursor.next().map(StoredRow.init) }
}

/// A row whose columns may hold anything: what the schema forbids can stand in a damaged file, and there GRDB's own
/// subscripts end the process.
struct StoredRow {
    private let row: Row
    init(_ row: Row) { self.row = row }

    subscript<Value: DatabaseValueConvertible & StatementColumnConvertible>(_ column: Int) -> Value {
        get throws { try row.decode(Value.self, atIndex: column) }
    }
}

extension UInt64 {
    /// SQLite's integers are signed: ids and hashes are stored by their bits.
    var stored: Int64 { Int64(bitPattern: self) }
    init(stored: Int64) { self.init(bitPattern: stored) }
}
