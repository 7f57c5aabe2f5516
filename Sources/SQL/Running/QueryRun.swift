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
    private let sources: SQLSources
    /// Whether the index has told who links to a key, whenever it was asked: who waits for it in vain does so once.
    private var hasSources = true
    let tally: QueryTally?
    /// How many rows `search` has given: two searches give different rows.
    var searched: Int64 = 0
    /// What a table threw. SQLite only carries numbers.
    private(set) var failure: (any Error)?

    init(
        _ state: StateRows, _ watch: QueryWatch, sources: @escaping SQLSources, search: @escaping SQLSearch,
        tally: QueryTally?
    ) {
        self.state = state
        self.watch = watch
        self.sources = sources
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

    /// The records that may link to a key; `nil`: any may.
    func sources(of target: [UInt8]) -> [Key]? {
        guard hasSources else { return nil }
        let found = sources(String(decoding: target, as: UTF8.self))
        hasSources = found != nil
        return found
    }

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
                .deadlineExceeded, "the query took longer than \(limits.time.told)",
                hint: "name keys or revisions in it, or allow more time")
        } else if sqlite3_memory_used() - memory > limits.memoryBytes {
            reason = Refusal(
                .limitExceeded, "the query takes more than \(limits.memoryBytes) bytes of memory",
                hint: "have it hold less at a time", subject: "memory")
        }
        return reason != nil
    }
}

extension Duration {
    /// As people say it. What is left of a deadline has nine digits behind the point, which tell nobody anything.
    var told: String {
        let milliseconds = (wholeNanoseconds + 500_000) / 1_000_000
        if milliseconds < 950 { return "\(milliseconds) ms" }
        let tenths = (milliseconds + 50) / 100
        if tenths == 10 { return "1 second" }
        return tenths % 10 == 0 ? "\(tenths / 10) seconds" : "\(tenths / 10).\(tenths % 10) seconds"
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
