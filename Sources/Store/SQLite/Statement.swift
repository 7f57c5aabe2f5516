import CSQLite
import FoundationEssentials

/// A prepared statement.
package final class Statement {
    package let sqliteStatement: OpaquePointer
    let sql: String

    /// One that is kept: SQLite sets memory aside for it that does not run short.
    convenience init(_ sql: String, on connection: OpaquePointer) throws {
        var rest: UnsafePointer<CChar>?
        let prepared = try sql.withCString { text in
            try Self.prepare(text, &rest, connection, UInt32(SQLITE_PREPARE_PERSISTENT))
        }
        guard let prepared else { throw DatabaseError(.error, "there is no statement", sql: sql) }
        self.init(prepared, sql)
    }

    /// The first statement of a text; `nil` if it has none, but for a comment, say.
    /// - Parameter rest: where the next one begins.
    convenience init?(
        _ text: UnsafePointer<CChar>, rest: inout UnsafePointer<CChar>?, on connection: OpaquePointer
    ) throws {
        guard let prepared = try Self.prepare(text, &rest, connection) else { return nil }
        self.init(prepared, String(cString: text))
    }

    private init(_ prepared: OpaquePointer, _ sql: String) {
        sqliteStatement = prepared
        self.sql = sql
    }
    deinit { sqlite3_finalize(sqliteStatement) }

    private static func prepare(
        _ text: UnsafePointer<CChar>, _ rest: inout UnsafePointer<CChar>?, _ connection: OpaquePointer,
        _ flags: UInt32 = 0
    ) throws -> OpaquePointer? {
        var prepared: OpaquePointer?
        let code = sqlite3_prepare_v3(connection, text, -1, flags, &prepared, &rest)
        guard code == SQLITE_OK else { throw DatabaseError(code, on: connection, sql: String(cString: text)) }
        return prepared
    }

    /// What a call was refused with. It is asked for before the next call.
    package func failure(_ code: Int32) -> DatabaseError {
        DatabaseError(code, on: sqlite3_db_handle(sqliteStatement), sql: sql)
    }

    /// Ready to be run with these.
    package func setArguments(_ arguments: Arguments) throws {
        sqlite3_reset(sqliteStatement)
        let count = sqlite3_bind_parameter_count(sqliteStatement)
        guard count == arguments.values.count else {
            throw DatabaseError(
                .error, "there are \(arguments.values.count) arguments for \(count) places", sql: sql)
        }
        for (index, value) in arguments.values.enumerated() {
            let code = value.bind(to: sqliteStatement, at: Int32(index + 1))
            guard code == SQLITE_OK else { throw failure(code) }
        }
    }

    /// Runs it to its end; rows are passed over.
    package func execute(_ arguments: Arguments = []) throws {
        try setArguments(arguments)
        var code = sqlite3_step(sqliteStatement)
        while code == SQLITE_ROW { code = sqlite3_step(sqliteStatement) }
        // Read before the reset, which the statement's next user would otherwise be told of.
        let error = code == SQLITE_DONE ? nil : failure(code)
        sqlite3_reset(sqliteStatement)
        if let error { throw error }
    }
}

/// What stands for a `?`.
package enum SQLValue: Sendable {
    case null
    case integer(Int64)
    case text(String)
    case blob(Data)

    /// - Returns: SQLite's code. It takes a copy.
    func bind(to statement: OpaquePointer, at column: Int32) -> Int32 {
        switch self {
        case .null: return sqlite3_bind_null(statement, column)
        case .integer(let value): return sqlite3_bind_int64(statement, column, value)
        case .text(var text): return Self.bind(&text, to: statement, at: column)
        case .blob(let data): return data.withUnsafeBytes { Self.bind($0, to: statement, at: column) }
        }
    }

    // To SQLite, no pointer means NULL, however many bytes are said to be there.

    static func bind(_ text: inout String, to statement: OpaquePointer, at column: Int32) -> Int32 {
        text.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) { characters in
                guard let start = characters.baseAddress else {
                    return sqlite3_bind_text64(statement, column, "", 0, copied, utf8)
                }
                return sqlite3_bind_text64(statement, column, start, UInt64(characters.count), copied, utf8)
            }
        }
    }

    static func bind(_ blob: UnsafeRawBufferPointer, to statement: OpaquePointer, at column: Int32) -> Int32 {
        if blob.isEmpty { return sqlite3_bind_zeroblob(statement, column, 0) }
        return sqlite3_bind_blob64(statement, column, blob.baseAddress, UInt64(blob.count), copied)
    }

    static let utf8 = UInt8(SQLITE_UTF8)
    /// SQLite's SQLITE_TRANSIENT, which Swift does not import: it takes a copy before the call returns.
    private static var copied: sqlite3_destructor_type { unsafeBitCast(-1, to: sqlite3_destructor_type.self) }
}

/// What can stand for a `?`.
package protocol SQLConvertible {
    var sqlValue: SQLValue { get }
}

extension SQLValue: SQLConvertible { package var sqlValue: SQLValue { self } }
extension Int64: SQLConvertible { package var sqlValue: SQLValue { .integer(self) } }
extension Int: SQLConvertible { package var sqlValue: SQLValue { .integer(Int64(self)) } }
extension Bool: SQLConvertible { package var sqlValue: SQLValue { .integer(self ? 1 : 0) } }
extension String: SQLConvertible { package var sqlValue: SQLValue { .text(self) } }
extension Data: SQLConvertible { package var sqlValue: SQLValue { .blob(self) } }

/// Values for the `?` of a statement, in order.
package struct Arguments: ExpressibleByArrayLiteral {
    fileprivate(set) var values: [SQLValue]
    package init(arrayLiteral elements: (any SQLConvertible)?...) { values = elements.map { $0?.sqlValue ?? .null } }

    static func + (a: Arguments, b: Arguments) -> Arguments {
        var both = a
        both.values += b.values
        return both
    }
}
