import Membus
import MembusDocuments
import MembusModel

/// What is asked of the index, and of the tables. All but reindex take "at" and "at_least", the token of a state that the answer's
/// contains; else what this client was told is committed.
enum RetrievalQuestion: Sendable {
    /// Which state.
    struct Moment: Sendable {
        var at: Revision?
        var atLeast: Token?
    }
    struct Asked: Sendable {
        var text: String
        var topics: [String]
        var meaning: Meaning
        var vector: QuestionVector?
    }
    case search(Asked, limit: Int, offset: Int, explain: Bool, passages: Bool, Moment)
    case recall(Asked, Budget, since: Revision?, Moment)
    case links([String], depth: Int?, LinkDirection, [String], to: String?, limit: Int, Moment)
    case query(String, limit: Int, Moment)
    case reindex

    static let names = ["search", "recall", "links", "query", "reindex"]

    /// - Returns: `nil`: the name is none of these.
    init?(_ name: String, _ fields: inout JSONFields) throws {
        switch name {
        case "search":
            self = .search(
                try Self.asked(&fields), limit: try Self.count(fields.take("limit")) ?? 10,
                offset: try Self.count(fields.take("offset")) ?? 0,
                explain: try fields.take("explain")?.bool() ?? false,
                passages: try fields.take("passages")?.bool() ?? false, try Self.moment(&fields))
        case "recall":
            self = .recall(
                try Self.asked(&fields), try Self.budget(&fields), since: try fields.take("since")?.integer(),
                try Self.moment(&fields))
        case "links":
            let keys = try fields.need("keys").elements().map { try $0.key().text }
            self = .links(
                keys, depth: try Self.count(fields.take("depth")), try Self.direction(fields.take("direction")),
                try fields.take("relations")?.elements().map { try $0.string() } ?? [],
                to: try fields.take("to")?.key().text, limit: try Self.count(fields.take("limit")) ?? 1000,
                try Self.moment(&fields))
        case "query":
            self = .query(
                try fields.need("sql").string(), limit: try Self.count(fields.take("limit")) ?? 10_000,
                try Self.moment(&fields))
        case "reindex": self = .reindex
        default: return nil
        }
    }

    func answer(by memory: Memory, on branch: BranchName, timeout: Duration?) async throws -> JSONValue {
        switch self {
        case .search(let asked, let limit, let offset, let explain, let passages, let moment):
            return .search(
                try await memory.search(
                    asked.text, in: asked.topics, limit: limit, offset: offset, at: moment.at, branch: branch,
                    meaning: asked.meaning, by: asked.vector, explain: explain, passages: passages,
                    atLeast: moment.atLeast,
                    timeout: timeout))
        case .recall(let asked, let budget, let since, let moment):
            return .recollection(
                try await memory.recall(
                    asked.text, budget: budget, in: asked.topics, since: since, at: moment.at, branch: branch,
                    meaning: asked.meaning, by: asked.vector, atLeast: moment.atLeast, timeout: timeout))
        case .links(let keys, let depth, let direction, let relations, let target, let limit, let moment):
            return .links(
                try await memory.links(
                    of: keys, depth: depth, direction: direction, relations: relations, to: target, limit: limit,
                    at: moment.at, branch: branch, atLeast: moment.atLeast, timeout: timeout))
        case .query(let sql, let limit, let moment):
            return .rows(
                try await memory.query(
                    sql, at: moment.at, branch: branch, limit: limit, atLeast: moment.atLeast, timeout: timeout))
        case .reindex: return ["versions": .integer(try await memory.reindex(timeout: timeout))]
        }
    }

    // MARK: What is said

    private static func asked(_ fields: inout JSONFields) throws -> Asked {
        let vector = try vector(&fields)
        return Asked(
            text: try vector == nil ? fields.need("question").string() : fields.take("question")?.string() ?? "",
            topics: try fields.take("topics")?.elements().map { try $0.topic().text } ?? [],
            meaning: try meaning(fields.take("meaning")), vector: vector)
    }

    private static func vector(_ fields: inout JSONFields) throws -> QuestionVector? {
        let (space, values) = (fields.take("space"), fields.take("vector"))
        guard let values else {
            if let space { throw space.fault("a space without a vector to compare in it") }
            return nil
        }
        guard let space else { throw values.fault("a vector without the name of its space") }
        return QuestionVector(try values.floats(), in: try space.string())
    }

    private static func moment(_ fields: inout JSONFields) throws -> Moment {
        let at = try fields.take("at")?.integer()
        guard let node = fields.take("at_least") else { return Moment(at: at, atLeast: nil) }
        guard let token = Token(try node.string()) else { throw node.fault("a token expected") }
        return Moment(at: at, atLeast: token)
    }

    private static func meaning(_ node: JSONNode?) throws -> Meaning {
        guard let node else { return .whereComplete }
        switch try node.string() {
        case "where_complete": return .whereComplete
        case "always": return .always
        case "never": return .never
        default: throw node.fault("where_complete, always or never expected")
        }
    }

    private static func direction(_ node: JSONNode?) throws -> LinkDirection {
        guard let node else { return .both }
        guard let direction = LinkDirection(rawValue: try node.string()) else {
            throw node.fault("out, in or both expected")
        }
        return direction
    }

    private static func budget(_ fields: inout JSONFields) throws -> Budget {
        let amount = try count(fields.take("budget"))
        guard let node = fields.take("unit") else { return .characters(amount ?? 4000) }
        switch try node.string() {
        case "characters": return .characters(amount ?? 4000)
        case "tokens": return .tokens(amount ?? 1000)
        default: throw node.fault("characters or tokens expected")
        }
    }

    private static func count(_ node: JSONNode?) throws -> Int? {
        guard let node else { return nil }
        let number = try node.integer()
        guard number >= 0 else { throw node.fault("a count is never negative") }
        return Int(number)
    }
}
