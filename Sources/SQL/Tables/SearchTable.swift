import MembusModel

/// `search(question, k)`: the best records, as whoever runs the query finds them.
final class SearchTable: QueryTable {
    private static let usual = 10
    private static let most = 1000
    private enum Column { static let (question, k) = (Int32(4), Int32(5)) }

    override var declaration: String {
        "CREATE TABLE search(key TEXT, score REAL, revision INTEGER, passage TEXT, question HIDDEN, k HIDDEN)"
    }

    override func plan(_ question: inout PlanQuestion) throws {
        let questions = question.take(Column.question, as: .question, isHidden: true)
        let limits = question.take(Column.k, as: .limit, isHidden: true)
        if question.unusable { throw Unusable() }
        guard questions == [.equal], limits.allSatisfy({ $0 == .equal }), limits.count < 2 else {
            throw Refusal(
                .invalidArgument, "search() takes a question, and how many records at most",
                hint: "write search('what is asked', 10)")
        }
        (question.cost, question.rows) = (1000, 10)
    }

    override func makeCursor() -> TableCursor {
        PieceCursor(run) { [run] constraints in
            var (question, k) = ("", Self.usual)
            for (column, _, value) in constraints {
                switch (column, value) {
                case (.question, .text(let text)): question = String(decoding: text, as: UTF8.self)
                case (.question, .null), (.limit, .null): return { nil }
                case (.limit, .integer(let count)) where 1...Int64(Self.most) ~= count: k = Int(count)
                default:
                    throw Refusal(
                        .invalidArgument, "search() takes a text, and a number from 1 to \(Self.most)",
                        hint: "write search('what is asked', 10)")
                }
            }
            var found: [SQLFound]? = try run.search(question, k)
            return {
                defer { found = nil }
                return found?.map { found in
                    run.searched += 1
                    return PieceRow(
                        run.searched,
                        [.text(found.key), .real(found.score), .integer(found.revision), .text(found.passage)])
                }
            }
        }
    }
}
