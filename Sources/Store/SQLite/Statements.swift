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

    func rows(_ sql: String, _ arguments: StatementArguments = []) throws -> RowCursor {
        try Row.fetchCursor(cachedStatement(sql: sql), arguments: arguments)
    }

    /// The first row, taken apart by `body` before the statement is reset.
    func first<T>(_ sql: String, _ arguments: StatementArguments = [], _ body: (Row) throws -> T) throws -> T? {
        let cursor = try rows(sql, arguments)
        // The row's columns are gone once the cursor is.
        return try withExtendedLifetime(cursor) { try cursor.next().map(body) }
    }

    func integer(_ sql: String, _ arguments: StatementArguments = []) throws -> Int64? {
        try first(sql, arguments) { row -> Int64? in row[0] } ?? nil
    }
}

extension UInt64 {
    /// SQLite's integers are signed: ids and hashes are stored by their bits.
    var stored: Int64 { Int64(bitPattern: self) }
    init(stored: Int64) { self.init(bitPattern: stored) }
}
