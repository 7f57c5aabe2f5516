import FoundationEssentials
import MembusModel
import MembusSQL
import MembusStore

extension Query: LookUpAtOnce {
    package static var thread: LookUpThread { .queries }

    package func answer(by desk: Desk) throws(Refusal) -> Answer {
        let patience = min(.seconds(30), desk.deadline.map { max($0 - .now, .milliseconds(1)) } ?? .seconds(10))
        var limits = SQLLimits()
        limits.rows = limit
        limits.resultBytes = Self.mostAnswerBytes
        limits.time = patience
        let visible = desk.visible
        let query = SQLQuery(
            sql, on: branch, at: Position(revision: at ?? visible, hash: 0), limits: limits)
        let cancellation = SQLCancellation { [hurry = desk.hurry] in hurry.isOn }
        let result = try desk.reader.answer(
            query, visible: visible, cancellation: cancellation,
            sources: { sources(of: $0, at: visible, by: desk) },
            search: { try found($0, $1, at: visible, by: desk, patience: patience) })
        return QueryResult(
            at: result.at, columns: result.columns, rows: result.rows.map { $0.map(QueryResult.Cell.init) },
            isCut: result.isCut)
    }

    /// Of the very state that is asked, so that it joins with the other tables.
    private func found(
        _ question: String, _ k: Int, at visible: Revision, by desk: Desk, patience: Duration
    ) throws(Refusal) -> [SQLFound] {
        guard let errands = desk.errands else { throw Refusal.noIndex }
        let search = Search(
            branch: branch, at: at ?? visible, question: question, limit: k, atLeast: atLeast, withPassages: true)
        return try errands.ask(search, patience: patience).hits.map {
            SQLFound(key: $0.key.text, score: $0.score, revision: $0.revision, passage: $0.passage?.text ?? "")
        }
    }

    /// Who links to a key, if the index knows it at once: it can be told by looking through all records, too.
    private func sources(of target: String, at visible: Revision, by desk: Desk) -> [Key]? {
        guard let errands = desk.errands, let key = try? Key(target) else { return nil }
        let asked = GetLinks(
            branch: branch, at: at ?? visible, keys: [key], direction: .in, limit: GetLinks.mostEdges)
        guard let graph = try? errands.ask(asked, patience: .milliseconds(100)), !graph.isCut else { return nil }
        return graph.edges.map(\.source)
    }
}

extension QueryResult.Cell {
    fileprivate init(_ cell: SQLCell) {
        self =
            switch cell {
            case .null: .null
            case .integer(let value): .integer(value)
            case .real(let value): .real(value)
            case .text(let value): .text(value)
            case .blob(let value): .blob(Data(value))
            }
    }
}
