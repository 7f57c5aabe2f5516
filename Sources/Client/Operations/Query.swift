import MembusSystem

extension Memory {
    /// The rows of one `SELECT` over a state. Its tables: `records`, `links`, `commits`, `changes`, `reads`, `branches`, `tags`,
    /// `search(question, k)`. They hold what may be read at that state, and nothing can be written.
    ///
    /// ```swift
    /// let owners = try await memory.query("SELECT owner, count(*) FROM records GROUP BY owner", at: 120)
    /// ```
    /// What is shown does not count as read: rows need not tell which records they are of.
    /// - Parameters:
    ///   - sql: at most 1 MiB.
    ///   - revision: as of which state; `nil`: the newest.
    ///   - branch: `nil`: the connection's.
    ///   - limit: rows, at most 100,000; of their bytes there are 16 MiB at most. ``/MembusModel/QueryResult/isCut`` tells
    ///     whether there are more.
    ///   - token: the answer is of a state that contains what this stands for.
    ///   - timeout: `nil`: the connection's. The statement is ended when nobody waits for it any more.
    /// - Throws: ``MembusError/refused(_:)``, with ``/MembusModel/Refusal/Code/invalidArgument`` for a statement that can't be
    ///   read, or would do anything but select; else like a search.
    public func query(
        _ sql: String, at revision: Revision? = nil, branch: BranchName? = nil, limit: Int = 10_000,
        atLeast token: Token? = nil, timeout: Duration? = nil
    ) async throws -> QueryResult {
        let asked = Query(
            branch: branch ?? self.branch, at: revision, sql: sql, limit: limit, atLeast: token?.revision ?? 0)
        return try await ask(asked, after: token, timeout: timeout)
    }
}
