import CSQLite
import Glibc

/// SQLite's number for what happened. An extended one tells in its upper bytes why.
package struct ResultCode: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    package let rawValue: Int32
    package init(rawValue: Int32) { self.rawValue = rawValue }

    /// Without the why.
    package var primary: ResultCode { ResultCode(rawValue: rawValue & 0xFF) }
    package var description: String { "\(rawValue) (\(String(cString: sqlite3_errstr(rawValue))))" }

    static let error = ResultCode(rawValue: SQLITE_ERROR)
    static let busy = ResultCode(rawValue: SQLITE_BUSY)
    static let locked = ResultCode(rawValue: SQLITE_LOCKED)
    static let interrupt = ResultCode(rawValue: SQLITE_INTERRUPT)
    static let full = ResultCode(rawValue: SQLITE_FULL)
    static let readOnly = ResultCode(rawValue: SQLITE_READONLY)
    static let permission = ResultCode(rawValue: SQLITE_PERM)
    static let authorization = ResultCode(rawValue: SQLITE_AUTH)
    static let cannotOpen = ResultCode(rawValue: SQLITE_CANTOPEN)
    static let notADatabase = ResultCode(rawValue: SQLITE_NOTADB)
    static let corrupt = ResultCode(rawValue: SQLITE_CORRUPT)
    static let tooBig = ResultCode(rawValue: SQLITE_TOOBIG)
    static let inputOutput = ResultCode(rawValue: SQLITE_IOERR)
    // Swift does not import the macros of these.
    static let write = ResultCode(rawValue: SQLITE_IOERR | 3 << 8)
    static let sync = ResultCode(rawValue: SQLITE_IOERR | 4 << 8)
    static let directorySync = ResultCode(rawValue: SQLITE_IOERR | 5 << 8)
    static let corruptFileSystem = ResultCode(rawValue: SQLITE_IOERR | 33 << 8)
    static let readOnlyDirectory = ResultCode(rawValue: SQLITE_READONLY | 6 << 8)
}

/// What SQLite refused.
package struct DatabaseError: Error, CustomStringConvertible {
    /// As SQLite told it.
    package let extendedCode: ResultCode
    package let message: String?
    let sql: String?

    init(_ code: ResultCode, _ message: String? = nil, sql: String? = nil) {
        extendedCode = code
        self.message = message
        self.sql = sql
    }

    /// What a call was refused with. The connection has the reason and the words, until the next call on it, if it
    /// was told: not of what is plainly too long, say.
    init(_ code: Int32, on connection: OpaquePointer?, sql: String? = nil) {
        let (code, told) = (ResultCode(rawValue: code), ResultCode(rawValue: sqlite3_extended_errcode(connection)))
        if told.primary == code.primary {
            self.init(told, String(cString: sqlite3_errmsg(connection)), sql: sql)
        } else {
            self.init(code, sql: sql)
        }
    }

    var code: ResultCode { extendedCode.primary }
    /// The file is no database, or not the one that it should be: another has to be made.
    package var isDamage: Bool { [.corrupt, .notADatabase, .error].contains(code) }
    package var description: String {
        "SQLite \(extendedCode)" + (message.map { ": \($0)" } ?? "") + (sql.map { " (in \($0))" } ?? "")
    }
}
