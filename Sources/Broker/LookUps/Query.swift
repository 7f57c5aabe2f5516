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
        let result = try desk.reader.answer(query, visible: visible, cancellation: cancellation) { question, k in
            guard let errands = desk.errands else { throw Refusal.noIndex }
            // Of the very state that is asked, so that it joins with the other tables.
            let search = Search(
                branch: branch, at: at ?? visible, question: question, limit: k, atLeast: atLeast, withPassages: true)
            return try errands.ask(search, patience: patience).hits.map {
                SQLFound(key: $0.key.text, score: $0.score, revision: $0.revision, passage: $0.passage?.text ?? "")
            }
        }
        return QueryResult(
            at: result.at, columns: result.columns, rows: result.rows.map { $0.map(QueryResult.Cell.init) },
            isCut: result.isCut)
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
