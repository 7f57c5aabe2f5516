import FoundationEssentials

/// One SELECT over a state.
package struct Query: Operation, Hashable {
    package var branch: BranchName
    package var at: Revision?
    @ByBytes package var sql: String
    /// Rows.
    package var limit: Int
    package var atLeast: Revision

    package init(
        branch: BranchName = .main, at: Revision? = nil, sql: String, limit: Int = 10_000, atLeast: Revision = 0
    ) {
        self.branch = branch
        self.at = at
        self.sql = sql
        self.limit = limit
        self.atLeast = atLeast
    }

    package typealias Answer = QueryResult

    package static let traits = Traits("the query", .lookUp(isLong: true), patience: .seconds(30), yieldsToBusy: true)
    package var touches: [Touched] { [Touched(.read, on: branch, .topics(.everything))] }

    package var body: Request.Body { .query(self) }
    package static func body(of answer: Answer) -> Reply.Body { .query(answer) }
    package static func answer(in body: Reply.Body) -> Answer? {
        if case .query(let answer) = body { answer } else { nil }
    }

    package static let mostRows = 100_000
    package static let mostBytes = 1 << 20
    /// Of an answer.
    package static let mostAnswerBytes = 16 << 20
}

/// The rows of a query.
public struct QueryResult: Hashable, Sendable {
    public enum Cell: Hashable, Sendable {
        case null
        case integer(Int64)
        case real(Double)
        case text(String)
        case blob(Data)
    }

    /// The state that was asked.
    public var at: Position
    public var columns: [String]
    /// As many cells each as there are columns.
    public var rows: [[Cell]]
    /// There are more rows than the limit, or more than 16 MiB of them.
    public var isCut: Bool

    package init(at: Position, columns: [String], rows: [[Cell]], isCut: Bool = false) {
        self.at = at
        self.columns = columns
        self.rows = rows
        self.isCut = isCut
    }
}
