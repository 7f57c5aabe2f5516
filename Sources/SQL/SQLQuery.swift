import MembusModel
import Synchronization

/// One `SELECT` over the memory as it is on a branch at a revision.
///
/// ```swift
/// let query = SQLQuery("SELECT key, value FROM records WHERE key LIKE 'plans/%'", on: .main)
/// let result = try reader.answer(query, visible: visible) { question, k in try index.search(question, k) }
/// ```
///
/// Its tables:
///
/// - `records(key, kind, value, size, revision, branch, owner, author, context, time, expires, attributes)`: what the state
///   shows, newest first. `value` is a text where its kind is `text`, `json` or `counter`, else a blob; `attributes` are a
///   JSON object.
/// - `links(source, relation, target, revision)`: of those records.
/// - `commits(revision, branch, agent, context, message, time, hash, session, number, deed)` and
///   `changes(revision, ordinal, branch, key, kind, value, size, deleted, owner, expires, attributes)`: the history that the
///   state is made of, above the floor: the branch's own up to the revision, its parent's up to the fork, and so on. Commits
///   that were merged stand on the branch that they were made on.
/// - `reads(agent, context, branch, key, topic, version, cut, time, revision, noted, own)`: what those commits say that
///   they had read; and notes of reads on these branches, as far as they are kept. A note counts at the revision that was
///   the newest when it came, so that a revision's notes may still become more.
/// - `branches(name, parent, fork_revision, created, closed, protected, deleted)` and
///   `tags(name, branch, revision, agent, message, time, created)`: those that were made by then. A branch that was
///   reopened, and a tag that was taken away, leave no trace here.
/// - `search(question, k)`, which gives `key, score, revision, passage`.
///
/// Times are milliseconds since 1970.
package struct SQLQuery: Sendable {
    package var text: String
    package var branch: BranchName
    /// `nil`: what is visible. With hash 0 the revision alone counts.
    package var at: Position?
    package var limits: SQLLimits

    package init(_ text: String, on branch: BranchName, at: Position? = nil, limits: SQLLimits = SQLLimits()) {
        self.text = text
        self.branch = branch
        self.at = at
        self.limits = limits
    }
}

/// What one query may take.
package struct SQLLimits: Hashable, Sendable {
    /// More are cut off, which the answer tells; so are those that are together larger than `resultBytes`.
    package var rows = 10_000
    package var resultBytes = 16 << 20
    package var time = Duration.seconds(10)
    /// Of a text or blob anywhere on the way, in bytes. At most 1 GB less one byte.
    package var valueBytes = 16 << 20
    package var textBytes = 1 << 20
    /// Of sorts and the like on disk.
    package var temporaryBytes: Int64 = 256 << 20
    /// About by how much the process's SQLite may come to hold more memory while the query runs.
    package var memoryBytes: Int64 = 64 << 20

    package init() {}
}

package enum SQLCell: Hashable, Sendable {
    case null
    case integer(Int64)
    case real(Double)
    case text(String)
    case blob([UInt8])
}

package struct SQLResult: Hashable, Sendable {
    /// The state that it was asked of.
    package var at: Position
    package var columns: [String]
    package var rows: [[SQLCell]]
    /// Whether there are more.
    package var isCut: Bool

    package init(at: Position, columns: [String], rows: [[SQLCell]] = [], isCut: Bool = false) {
        self.at = at
        self.columns = columns
        self.rows = rows
        self.isCut = isCut
    }
}

/// Finds the best records of the state that is asked for `search(question, k)`.
package typealias SQLSearch = (_ question: String, _ k: Int) throws -> [SQLFound]

/// Finds the records that link to a key, in the state that is asked. It may leave out those under `.membus/`.
/// - Returns: `nil`: it can't be told.
package typealias SQLSources = (_ target: String) -> [Key]?

/// A row of `search(question, k)`.
package struct SQLFound: Hashable, Sendable {
    package var key: String
    package var score: Double
    package var revision: Revision
    package var passage: String

    package init(key: String, score: Double, revision: Revision, passage: String) {
        self.key = key
        self.score = score
        self.revision = revision
        self.passage = passage
    }
}

/// Ends a query from any thread, within some milliseconds.
package final class SQLCancellation: Sendable {
    private let isAsked = Atomic<Bool>(false)
    private let others: @Sendable () -> Bool

    /// - Parameter others: what else ends it; asked often, from the query's thread.
    package init(also others: @escaping @Sendable () -> Bool = { false }) { self.others = others }
    package func cancel() { isAsked.store(true, ordering: .relaxed) }
    package var isCancelled: Bool { isAsked.load(ordering: .relaxed) || others() }
}
