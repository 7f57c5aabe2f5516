import CSQL
import CSQLite
import MembusModel
import MembusStore
import MembusSystem

/// One query while it runs: what its tables share.
final class QueryRun {
    let state: StateRows
    let watch: QueryWatch
    let search: SQLSearch
    let tally: QueryTally?
    /// How many rows `search` has given: two searches give different rows.
    var searched: Int64 = 0
    /// What a table threw. SQLite only carries numbers.
    private(set) var failure: (any Error)?

    init(_ state: StateRows, _ watch: QueryWatch, search: @escaping SQLSearch, tally: QueryTally?) {
        self.state = state
        self.watch = watch
        self.search = search
        self.tally = tally
    }

    /// - Returns: the number for SQLite.
    func note(_ error: any Error) -> Int32 {
        failure = failure ?? error
        return SQLITE_ERROR
    }

    /// For loops that SQLite does not see.
    func goOn() throws { if watch.isToEnd(), let reason = watch.reason { throw reason } }

    func branchName(_ id: Int64) -> String { state.levels.first { $0.branch == id }?.name ?? "" }
}

/// When a query must end.
final class QueryWatch {
    private let limits: SQLLimits
    private let deadline: Instant
    private let cancellation: SQLCancellation?
    private let memory = sqlite3_memory_used()
    /// Why it ended.
    private(set) var reason: Refusal?

    init(_ limits: SQLLimits, _ cancellation: SQLCancellation?) {
        self.limits = limits
        self.cancellation = cancellation
        deadline = .now + limits.time
    }

    func isToEnd() -> Bool {
        if reason != nil { return true }
        if cancellation?.isCancelled == true {
            reason = Refusal(.busy, "the query was cancelled", hint: "ask again if it is still needed")
        } else if deadline < .now {
            reason = Refusal(
                .deadlineExceeded, "the query took longer than \(limits.time)",
                hint: "name keys or revisions in it, or allow more time")
        } else if sqlite3_memory_used() - memory > limits.memoryBytes {
            reason = Refusal(
                .limitExceeded, "the query takes more than \(limits.memoryBytes) bytes of memory",
                hint: "have it hold less at a time", subject: "memory")
        }
        return reason != nil
    }
}

/// The count of temporary files while a query runs on this thread.
enum Temporary {
    static func counted<T>(upTo limit: Int64, _ body: (UnsafePointer<membus_temporary>) throws -> T) rethrows -> T {
        var temporary = membus_temporary(used: 0, limit: limit, is_over: 0)
        return try withUnsafeMutablePointer(to: &temporary) { temporary in
            membus_sql_count(temporary)
            defer { membus_sql_count(nil) }
            return try body(temporary)
        }
    }
}
