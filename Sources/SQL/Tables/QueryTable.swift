import CSQL
import CSQLite

/// A table of ours, as its kind answers SQLite.
class QueryTable {
    let run: QueryRun
    init(_ run: QueryRun) { self.run = run }

    /// As CREATE TABLE says it.
    var declaration: String { preconditionFailure("a table says what its columns are") }
    /// Chooses a way through the rows, and says which of the constraints it uses.
    func plan(_ question: inout PlanQuestion) throws {}
    func makeCursor() throws -> TableCursor { preconditionFailure("a table has rows") }
}

/// Goes through the rows of a table. What it gives may be more than was asked for: SQLite looks at each row itself.
class TableCursor {
    let run: QueryRun
    init(_ run: QueryRun) { self.run = run }

    fileprivate(set) final var isAtEnd = true
    /// Of the row that it is at: the same whichever way led there, and no other row's. By it SQLite tells what it has
    /// seen already, where several constraints are tried one after the other.
    var rowNumber: Int64 { 0 }

    /// From the first row that may be wanted on.
    func start(_ plan: Plan, _ constraints: Constraints) throws {}
    /// - Returns: whether there is a next row.
    func next() throws -> Bool { false }
    func write(_ column: Int32, to result: ResultColumn) throws {}

    fileprivate final func begin(_ plan: Plan, _ constraints: Constraints) throws {
        isAtEnd = true
        try start(plan, constraints)
        try advance()
    }

    fileprivate final func advance() throws {
        isAtEnd = try !next()
        if !isAtEnd { run.tally?.rows += 1 }
    }
}

/// Between SQLite's calls and the tables.
enum TableModule {
    /// - Returns: SQLite's code. The connection keeps the table.
    static func add(_ table: QueryTable, named name: String, to connection: OpaquePointer) -> Int32 {
        sqlite3_create_module_v2(connection, name, module, Unmanaged.passRetained(table).toOpaque()) { table in
            if let table { Unmanaged<QueryTable>.fromOpaque(table).release() }
        }
    }

    // Safe: it is filled once, and nobody writes to it afterwards.
    nonisolated(unsafe) private static let module: UnsafeMutablePointer<sqlite3_module> = {
        let module = UnsafeMutablePointer<sqlite3_module>.allocate(capacity: 1)
        var calls = sqlite3_module()
        // Without xCreate it is there by its name alone, and can't be made by anybody.
        calls.iVersion = 1
        calls.xConnect = { connection, table, _, _, made, message in connect(connection, table, made, message) }
        calls.xBestIndex = { table, info in best(table, info) }
        calls.xDisconnect = { table in
            sqlite3_free(table)
            return SQLITE_OK
        }
        calls.xOpen = { table, made in open(table, made) }
        calls.xClose = { cursor in close(cursor) }
        calls.xFilter = { cursor, plan, words, count, values in filter(cursor, plan, words, count, values) }
        calls.xNext = { cursor in attempt(cursor) { try $0.advance() } }
        calls.xEof = { cursor in owner(cursor).isAtEnd ? 1 : 0 }
        calls.xColumn = { cursor, result, column in
            attempt(cursor) { if let result { try $0.write(column, to: ResultColumn(result)) } }
        }
        calls.xRowid = { cursor, row in
            row?.pointee = owner(cursor).rowNumber
            return SQLITE_OK
        }
        module.initialize(to: calls)
        return module
    }()

    // MARK: Tables

    private static func connect(
        _ connection: OpaquePointer?, _ table: UnsafeMutableRawPointer?,
        _ made: UnsafeMutablePointer<UnsafeMutablePointer<sqlite3_vtab>?>?,
        _ message: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
    ) -> Int32 {
        guard let connection, let table else { return SQLITE_MISUSE }
        let code = sqlite3_declare_vtab(
            connection, Unmanaged<QueryTable>.fromOpaque(table).takeUnretainedValue().declaration)
        guard code == SQLITE_OK else {
            message?.pointee = membus_sql_copy(String(cString: sqlite3_errmsg(connection)))
            return code
        }
        guard let memory = sqlite3_malloc64(UInt64(MemoryLayout<membus_table>.size)) else { return SQLITE_NOMEM }
        let bound = memory.bindMemory(to: membus_table.self, capacity: 1)
        bound.initialize(to: membus_table(base: sqlite3_vtab(), owner: table))
        made?.pointee = UnsafeMutableRawPointer(bound).assumingMemoryBound(to: sqlite3_vtab.self)
        return membus_sql_harmless(connection)
    }

    private static func table(_ table: UnsafeMutablePointer<sqlite3_vtab>?) -> QueryTable {
        // Force unwraps: SQLite gives back what it was given.
        let owner = UnsafeMutableRawPointer(table!).assumingMemoryBound(to: membus_table.self).pointee.owner!
        return Unmanaged<QueryTable>.fromOpaque(owner).takeUnretainedValue()
    }

    private static func best(
        _ pointer: UnsafeMutablePointer<sqlite3_vtab>?, _ info: UnsafeMutablePointer<sqlite3_index_info>?
    ) -> Int32 {
        guard let info else { return SQLITE_MISUSE }
        let table = table(pointer)
        var question = PlanQuestion(info)
        do {
            try table.plan(&question)
            return question.finish()
        } catch is Unusable {
            return SQLITE_CONSTRAINT
        } catch {
            return table.run.note(error)
        }
    }

    // MARK: Cursors

    private static func open(
        _ pointer: UnsafeMutablePointer<sqlite3_vtab>?,
        _ made: UnsafeMutablePointer<UnsafeMutablePointer<sqlite3_vtab_cursor>?>?
    ) -> Int32 {
        let table = table(pointer)
        do {
            let cursor = try table.makeCursor()
            guard let memory = sqlite3_malloc64(UInt64(MemoryLayout<membus_cursor>.size)) else { return SQLITE_NOMEM }
            let bound = memory.bindMemory(to: membus_cursor.self, capacity: 1)
            bound.initialize(
                to: membus_cursor(base: sqlite3_vtab_cursor(), owner: Unmanaged.passRetained(cursor).toOpaque()))
            made?.pointee = UnsafeMutableRawPointer(bound).assumingMemoryBound(to: sqlite3_vtab_cursor.self)
            return SQLITE_OK
        } catch {
            return table.run.note(error)
        }
    }

    private static func close(_ cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>?) -> Int32 {
        reference(cursor).release()
        sqlite3_free(cursor)
        return SQLITE_OK
    }

    private static func filter(
        _ cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>?, _ plan: Int32, _ words: UnsafePointer<CChar>?,
        _ count: Int32, _ values: UnsafeMutablePointer<OpaquePointer?>?
    ) -> Int32 {
        attempt(cursor) { cursor in
            let values = UnsafeBufferPointer(start: UnsafePointer(values), count: Int(count))
            try cursor.begin(Plan(rawValue: plan), Constraints(words, values))
        }
    }

    private static func attempt(
        _ pointer: UnsafeMutablePointer<sqlite3_vtab_cursor>?, _ body: (TableCursor) throws -> Void
    ) -> Int32 {
        let cursor = owner(pointer)
        do {
            try body(cursor)
            return SQLITE_OK
        } catch {
            return cursor.run.note(error)
        }
    }

    private static func owner(_ cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>?) -> TableCursor {
        reference(cursor).takeUnretainedValue()
    }

    private static func reference(_ cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>?) -> Unmanaged<TableCursor> {
        // Force unwraps: SQLite gives back what it was given.
        let owner = UnsafeMutableRawPointer(cursor!).assumingMemoryBound(to: membus_cursor.self).pointee.owner!
        return Unmanaged.fromOpaque(owner)
    }
}
