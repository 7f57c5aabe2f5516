import CSQL
import CSQLite
import MembusModel

/// A connection in memory that holds our tables and nothing else. There is nothing behind them that a query could get at:
/// no file can be opened, and what is not reading is refused before it is run.
final class EmptyConnection {
    let handle: OpaquePointer
    private let guardian: Guardian

    /// What the query was not allowed.
    var denied: String? { guardian.denied }

    init(_ run: QueryRun, _ limits: SQLLimits) throws {
        guardian = Guardian(run.watch)
        var opened: OpaquePointer?
        guard let files = membus_sql_files() else { throw Self.failed(SQLITE_NOMEM) }
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_MEMORY
        let code = sqlite3_open_v2(":memory:", &opened, flags, files)
        guard code == SQLITE_OK, let opened else {
            sqlite3_close_v2(opened)
            throw Self.failed(code)
        }
        handle = opened
        sqlite3_extended_result_codes(handle, 1)
        try check(membus_sql_harden(handle))
        try check(sqlite3_exec(handle, "PRAGMA temp_store = FILE", nil, nil, nil))
        try check(membus_sql_functions(handle))
        try check(membus_keys_install(run.state.connection))
        for (name, table) in Self.tables(run) { try check(TableModule.add(table, named: name, to: handle)) }
        try check(meet())
        limit(limits)
        watch(run.watch)
        guardian.begin(handle)
    }

    deinit {
        // Its tables and their statements go with it, so that the store's transaction can end.
        sqlite3_close_v2(handle)
    }

    private static func tables(_ run: QueryRun) -> [(name: String, table: QueryTable)] {
        [
            ("records", RecordsTable(run)), ("links", LinksTable(run)), ("commits", CommitsTable(run)),
            ("changes", ChangesTable(run)), ("reads", ReadsTable(run)), ("branches", BranchesTable(run)),
            ("tags", TagsTable(run)), ("search", SearchTable(run)),
        ]
    }

    /// Has SQLite learn the tables' columns while nothing is refused yet: to it that is as if each were made.
    private func meet() -> Int32 {
        var prepared: OpaquePointer?
        defer { sqlite3_finalize(prepared) }
        let tables = Guardian.tables.sorted().map { $0 == "search" || $0.hasPrefix("json") ? "\($0)('')" : $0 }
        let all = tables.map { "SELECT 1 FROM \($0)" }.joined(separator: " UNION ALL ")
        return sqlite3_prepare_v2(handle, all, -1, &prepared, nil)
    }

    private func check(_ code: Int32) throws { if code != SQLITE_OK { throw Self.failed(code) } }

    private static func failed(_ code: Int32) -> Refusal {
        Refusal(
            .storeFailed, "no query can be run: SQLite \(code) (\(String(cString: sqlite3_errstr(code))))",
            hint: "see the broker's log")
    }

    private func limit(_ limits: SQLLimits) {
        let limits: [(Int32, Int)] = [
            (SQLITE_LIMIT_LENGTH, limits.valueBytes), (SQLITE_LIMIT_SQL_LENGTH, limits.textBytes),
            (SQLITE_LIMIT_COLUMN, 200), (SQLITE_LIMIT_EXPR_DEPTH, 200), (SQLITE_LIMIT_COMPOUND_SELECT, 50),
            (SQLITE_LIMIT_VDBE_OP, 250_000), (SQLITE_LIMIT_FUNCTION_ARG, 100), (SQLITE_LIMIT_ATTACHED, 0),
            (SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 100), (SQLITE_LIMIT_VARIABLE_NUMBER, 1),
            (SQLITE_LIMIT_TRIGGER_DEPTH, 1), (SQLITE_LIMIT_WORKER_THREADS, 0),
        ]
        for (name, most) in limits { sqlite3_limit(handle, name, Int32(clamping: most)) }
    }

    private func watch(_ watch: QueryWatch) {
        sqlite3_progress_handler(
            handle, 2000,
            { watch in
                // Force unwrap: SQLite gives back what it was given.
                Unmanaged<QueryWatch>.fromOpaque(watch!).takeUnretainedValue().isToEnd() ? 1 : 0
            }, Unmanaged.passUnretained(watch).toOpaque())
    }
}

/// Says what a statement may do, while it is prepared.
private final class Guardian {
    private(set) var denied: String?
    private let watch: QueryWatch
    init(_ watch: QueryWatch) { self.watch = watch }

    static let tables: Set = [
        "records", "links", "commits", "changes", "reads", "branches", "tags", "search", "json_each", "json_tree",
    ]
    /// They load, read or write files, or know of what lies beneath tables.
    private static let functions: Set = [
        "load_extension", "readfile", "writefile", "edit", "fsdir", "lsmode", "sqlite_log", "membus_unseen",
    ]
    private static let families = ["fts", "rtree", "geopoly", "sqlite_rename", "sqlite_drop", "sqlite_add"]

    func begin(_ handle: OpaquePointer) {
        sqlite3_set_authorizer(
            handle,
            { guardian, action, first, second, _, _ in
                // Force unwrap: SQLite gives back what it was given.
                let guardian = Unmanaged<Guardian>.fromOpaque(guardian!).takeUnretainedValue()
                return guardian.allows(action, first, second) ? SQLITE_OK : SQLITE_DENY
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    private func allows(_ action: Int32, _ first: UnsafePointer<CChar>?, _ second: UnsafePointer<CChar>?) -> Bool {
        // While a statement is prepared nothing else asks.
        if watch.isToEnd() { return false }
        switch action {
        case SQLITE_SELECT, SQLITE_RECURSIVE: return true
        case SQLITE_READ:
            let table = first.map { String(cString: $0) } ?? ""
            // Of what a query makes itself SQLite says so only where no column is read, as for count(*).
            let isBare = second.map { $0.pointee == 0 } ?? true
            if Self.tables.contains(table) || isBare { return true }
            denied = denied ?? "there is no table \(table)"
        case SQLITE_FUNCTION:
            let function = second.map { String(cString: $0).lowercased() } ?? ""
            if !Self.functions.contains(function), !Self.families.contains(where: function.hasPrefix) { return true }
            denied = denied ?? "the function \(function) is not for queries"
        default: denied = denied ?? "a query only reads"
        }
        return false
    }
}
