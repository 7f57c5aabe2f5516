import CSQL
import CSQLite
import MembusModel
import MembusStore

// A query's way:
//
//   1. Its text is measured. What SQLite would read only a part of is refused.
//   2. The state is opened: one read transaction on the store's file, until the end.
//   3. A connection is made that holds nothing but our tables, and refuses all but reading (EmptyConnection).
//   4. The text is prepared: one statement, which reads, with nothing left to bind.
//   5. Its rows are taken, until there are enough. Each row that SQLite asks a table for comes from the store's own
//      statements (Tables).
//   6. The statement goes, then the connection, then the transaction.
//
// Invariants:
//   - A query sees the one state that it names, whatever it says: no table knows of another.
//   - Who waits too long, or leaves, ends it at any of these steps but the search's, which is another's.
//   - An error of ours comes out as it was thrown; SQLite only hears that there was one.

extension Reader {
    /// - Parameters:
    ///   - cancellation: whoever holds it may end the query.
    ///   - sources: for links to a key, of the same state, as `search`.
    ///   - search: for `search(question, k)`, of the same state. It must not use this reader.
    /// - Throws: `invalidArgument`: it is no statement that reads; in SQLite's words, with the place. `limitExceeded`,
    ///   `deadlineExceeded`, `busy` (it was cancelled), and what any read throws.
    package func answer(
        _ query: SQLQuery, visible: Revision, cancellation: SQLCancellation? = nil,
        sources: @escaping SQLSources = { _ in nil }, search: @escaping SQLSearch
    ) throws(Refusal) -> SQLResult {
        try answer(
            query, visible: visible, cancellation: cancellation, sources: sources, search: search, tally: nil)
    }

    /// - Parameter tally: is told how much was looked at.
    func answer(
        _ query: SQLQuery, visible: Revision, cancellation: SQLCancellation? = nil,
        sources: @escaping SQLSources = { _ in nil }, search: @escaping SQLSearch, tally: QueryTally?
    ) throws(Refusal) -> SQLResult {
        try QueryText.check(query.text, within: query.limits)
        let watch = QueryWatch(query.limits, cancellation)
        do {
            return try rows(of: query.branch, at: query.at, visible: visible, isToEnd: watch.isToEnd) { state in
                let run = QueryRun(state, watch, sources: sources, search: search, tally: tally)
                return try Temporary.counted(upTo: query.limits.temporaryBytes) { temporary in
                    try run.answer(query, temporary)
                }
            }
        } catch {
            // What the store was interrupted by comes out as a failure of the store's.
            throw watch.reason ?? error
        }
    }
}

extension QueryRun {
    fileprivate func answer(_ query: SQLQuery, _ temporary: UnsafePointer<membus_temporary>) throws -> SQLResult {
        let failures = QueryFailures(self, query, temporary)
        let connection = try EmptyConnection(self, query.limits)
        return try withExtendedLifetime(connection) {
            let statement = try QueryStatement(query.text, on: connection, failures)
            return try statement.result(at: state.at, within: query.limits)
        }
    }
}

/// For tests: what a query cost.
final class QueryTally {
    /// Rows that tables gave, and keys that they looked for.
    var rows = 0
    var seeks = 0
    init() {}
}
