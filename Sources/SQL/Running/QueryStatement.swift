import CSQL
import CSQLite
import MembusModel

/// A query's one statement.
final class QueryStatement {
    private let statement: OpaquePointer
    private let connection: EmptyConnection
    private let failures: QueryFailures

    init(_ text: String, on connection: EmptyConnection, _ failures: QueryFailures) throws {
        self.connection = connection
        self.failures = failures
        statement = try text.withCString { start in
            var rest: UnsafePointer<CChar>? = start
            guard let first = try Self.next(&rest, on: connection, failures) else {
                throw Refusal(.invalidArgument, "the query holds no statement", hint: "write one SELECT")
            }
            do {
                if let second = try Self.next(&rest, on: connection, failures) {
                    sqlite3_finalize(second)
                    throw Refusal(
                        .invalidArgument, "the query holds more than one statement", hint: "write one SELECT")
                }
                try Self.checkReading(first)
            } catch {
                sqlite3_finalize(first)
                throw error
            }
            return first
        }
    }
    deinit { sqlite3_finalize(statement) }

    /// - Returns: `nil`: nothing but space and comments is left.
    private static func next(
        _ rest: inout UnsafePointer<CChar>?, on connection: EmptyConnection, _ failures: QueryFailures
    ) throws -> OpaquePointer? {
        while let text = rest, text.pointee != 0 {
            var prepared: OpaquePointer?
            let code = sqlite3_prepare_v3(connection.handle, text, -1, 0, &prepared, &rest)
            guard code == SQLITE_OK else { throw failures.refusal(code, connection) }
            if let prepared { return prepared }
        }
        return nil
    }

    private static func checkReading(_ statement: OpaquePointer) throws(Refusal) {
        guard sqlite3_stmt_readonly(statement) != 0, sqlite3_column_count(statement) > 0 else {
            throw Refusal(.invalidArgument, "a query only reads", hint: "write one SELECT")
        }
        guard sqlite3_bind_parameter_count(statement) == 0 else {
            throw Refusal(
                .invalidArgument, "the query holds a parameter, for which there is no value",
                hint: "write the value itself")
        }
    }

    func result(at position: Position, within limits: SQLLimits) throws -> SQLResult {
        let count = sqlite3_column_count(statement)
        let columns = (0..<count).map { sqlite3_column_name(statement, $0).map { String(cString: $0) } ?? "" }
        var result = SQLResult(at: position, columns: columns)
        var bytes = 0
        while true {
            let code = sqlite3_step(statement)
            if code == SQLITE_DONE { return result }
            guard code == SQLITE_ROW else { throw failures.refusal(code, connection) }
            let row = result.rows.count < limits.rows ? (0..<count).map(cell) : []
            bytes += row.reduce(0) { $0 + $1.footprint }
            if row.isEmpty || bytes > limits.resultBytes && !result.rows.isEmpty {
                result.isCut = true
                return result
            }
            result.rows.append(row)
        }
    }

    private func cell(_ column: Int32) -> SQLCell {
        switch sqlite3_column_type(statement, column) {
        case SQLITE_INTEGER: .integer(sqlite3_column_int64(statement, column))
        case SQLITE_FLOAT: .real(sqlite3_column_double(statement, column))
        case SQLITE_TEXT: .text(String(decoding: bytes(column), as: UTF8.self))
        case SQLITE_BLOB: .blob([UInt8](bytes(column)))
        default: .null
        }
    }

    private func bytes(_ column: Int32) -> UnsafeRawBufferPointer {
        let start = sqlite3_column_blob(statement, column)
        return UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(statement, column)))
    }
}

extension SQLCell {
    /// About what it takes, in bytes.
    fileprivate var footprint: Int {
        switch self {
        case .null, .integer, .real: 16
        case .text(let text): 16 + text.utf8.count
        case .blob(let bytes): 16 + bytes.count
        }
    }
}

/// Why a query failed, from what SQLite says and from what was noted meanwhile.
final class QueryFailures {
    private let run: QueryRun
    private let query: SQLQuery
    private let temporary: UnsafePointer<membus_temporary>

    init(_ run: QueryRun, _ query: SQLQuery, _ temporary: UnsafePointer<membus_temporary>) {
        self.run = run
        self.query = query
        self.temporary = temporary
    }

    func refusal(_ code: Int32, _ connection: EmptyConnection) -> any Error {
        if let reason = run.watch.reason { return reason }
        if let failure = run.failure { return failure }
        // SQLite repeats the query's own words.
        let all = String(cString: sqlite3_errmsg(connection.handle))
        let words = (all.utf8.count > 500 ? String(all.unicodeScalars.prefix(400)) + "…" : all)
            .escapingControlCharacters
        switch code & 0xFF {
        case SQLITE_FULL where temporary.pointee.is_over != 0:
            return Refusal(
                .limitExceeded,
                "the query would take more than \(query.limits.temporaryBytes) bytes of temporary files",
                hint: "have it sort or group less", subject: "temporary files")
        case SQLITE_FULL, SQLITE_IOERR, SQLITE_CANTOPEN:
            return Refusal(
                .diskFull, "the query's temporary files could not be written: \(words)",
                hint: "free space where temporary files lie; the memory itself is as it was")
        case SQLITE_TOOBIG:
            return Refusal(
                .limitExceeded,
                "the query makes a text or blob of more than \(query.limits.valueBytes) bytes: \(words)",
                hint: "cut it to less, by substr() say", subject: "value")
        case SQLITE_NOMEM:
            return Refusal(
                .limitExceeded, "there is not enough memory for the query", hint: "have it hold less at a time",
                subject: "memory")
        case SQLITE_INTERRUPT:
            return Refusal(.busy, "the query was interrupted")
        case SQLITE_AUTH:
            return Refusal(
                .invalidArgument, "\(connection.denied ?? "the query is not allowed"): \(words)",
                hint: "write one SELECT of records, links, commits, changes, reads, branches, tags or search()")
        default:
            return Refusal(.invalidArgument, words + place(connection), hint: "correct the query")
        }
    }

    private func place(_ connection: EmptyConnection) -> String {
        let offset = sqlite3_error_offset(connection.handle)
        return offset < 0 ? "" : " at \(QueryText.place(of: Int(offset), in: query.text))"
    }
}
