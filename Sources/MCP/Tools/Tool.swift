import MembusDocuments
import MembusModel

/// Something that a model can call: how it is described to it, and what it does.
struct Tool: Sendable {
    enum Effect: Sendable {
        case reads
        /// Adds and changes, and may take away.
        case writes
        /// Writes, and doing it again changes nothing more.
        case settles
    }

    let name: String
    let title: String
    let description: String
    let effect: Effect
    /// The arguments' properties by name, each a JSON Schema.
    let arguments: JSONValue
    var required: [String] = []
    let output: JSONValue
    let call: @Sendable (Arguments, Call) async throws -> ToolResult

    /// What clients are told.
    var listed: JSONValue {
        [
            "name": .string(name), "title": .string(title), "description": .string(description),
            "inputSchema": Schema.object(arguments, required: required), "outputSchema": output,
            "annotations": [
                "title": .string(title), "readOnlyHint": .bool(effect.isReading),
                "destructiveHint": .bool(effect == .writes), "idempotentHint": .bool(effect != .writes),
                "openWorldHint": false,
            ],
        ]
    }
}

extension Tool {
    /// Of memory as records.
    static let records: [Tool] = [
        .read, .write, .list, .search, .recall, .links, .sql, .history, .log, .diff, .blame, .impact, .knows, .fork,
        .merge, .undo, .claim, .release,
        .wait,
    ]
}

extension Tool.Effect {
    var isReading: Bool { self == .reads }
}

/// What a call has before it.
struct Call: Sendable {
    let seat: Seat
    let agent: String
    let era: Era
    let meta: RequestMeta
    let part: Room.Part
    /// Tells a client that waits how it goes, if it wants to know.
    let progress: @Sendable (_ done: Int64, _ message: String) async -> Void
}

extension Call {
    /// Has a result put together that may be large.
    nonisolated(nonsending) func build(_ body: () async throws -> ToolResult) async throws -> ToolResult {
        try await part.build(body)
    }
}

extension ToolResult: Weighed {
    var weight: Int { content.size }
}

/// What a tool answers: the same for programs and for people, and whether it did what it was asked.
struct ToolResult: Sendable {
    var content: JSONValue
    /// For people, if it is not the same.
    var text: JSONValue?
    /// Beside it, for people: what is left out.
    var note: String?
    /// Where what it answers has no place for it: of which state it is.
    var meta: JSONValue
    var isError = false

    init(
        content: JSONValue, text: JSONValue? = nil, note: String? = nil, meta: JSONValue = [:], isError: Bool = false
    ) {
        self.content = content
        self.text = text
        self.note = note
        self.meta = meta
        self.isError = isError
    }

    func json(_ era: Era) -> JSONValue {
        let shown = if case .string(let text)? = text { text } else { (text ?? content).line }
        let texts = [shown] + (note.map { [$0] } ?? [])
        var result: JSONValue = [
            "content": .array(texts.map { ["type": "text", "text": .string($0)] }), "structuredContent": content,
        ]
        if isError { result = result + ["isError": true] }
        return era.result(result, meta: meta)
    }

    /// A model can mend what it reads about.
    static func failure(_ text: String, _ era: Era) -> JSONValue {
        era.result(["content": [["type": "text", "text": .string(text)]], "isError": true])
    }
}

/// A call's arguments, taken one by one; a mistake in them is told to the model, not to the protocol.
struct Arguments {
    private var fields: JSONFields?
    private let usualBranch: BranchName

    /// - Parameter branch: what is meant where none is named.
    init(_ node: JSONNode?, branch: BranchName) throws(JSONError) {
        fields = try node?.fields()
        usualBranch = branch
    }

    mutating func take(_ name: String) -> JSONNode? { fields?.take(name) }
    mutating func need(_ name: String) throws(JSONError) -> JSONNode {
        guard let node = take(name) else { throw JSONError(path: "", reason: "\"\(name)\" is missing, and required") }
        return node
    }
    mutating func branch(_ name: String = "branch") throws(JSONError) -> BranchName {
        try take(name)?.branch() ?? usualBranch
    }
    mutating func keys(_ name: String) throws(JSONError) -> [Key]? {
        guard let node = take(name) else { return nil }
        let keys = try TransactionDocument.list(node) { (element) throws(JSONError) in try element.key() }
        guard keys.count <= Self.mostKeys else { throw node.fault("at most \(Self.mostKeys) keys expected") }
        return keys
    }
    private static let mostKeys = 1000
    mutating func number(_ name: String, _ range: ClosedRange<Int64>) throws(JSONError) -> Int64? {
        guard let node = take(name) else { return nil }
        let number = try node.integer()
        guard range.contains(number) else {
            throw node.fault("a number from \(range.lowerBound) to \(range.upperBound) expected")
        }
        return number
    }
    /// - Throws: for arguments that nobody knows: a misspelt condition must not pass for none.
    func end() throws(JSONError) { try fields?.end() }
}

/// JSON Schemas, in a few words.
enum Schema {
    static func object(_ properties: JSONValue, required: [String] = []) -> JSONValue {
        var schema: JSONValue = ["type": "object", "properties": properties, "additionalProperties": false]
        if !required.isEmpty { schema = schema + ["required": .array(required.map { .string($0) })] }
        return schema
    }
    /// Of results: what is not listed may be there, too.
    static func result(_ properties: JSONValue, required: [String] = []) -> JSONValue {
        ["type": "object", "properties": properties, "required": .array(required.map { .string($0) })]
    }
    static func text(_ description: String) -> JSONValue { ["type": "string", "description": .string(description)] }
    static func number(_ description: String, _ range: ClosedRange<Int64>) -> JSONValue {
        [
            "type": "integer", "description": .string(description), "minimum": .integer(range.lowerBound),
            "maximum": .integer(range.upperBound),
        ]
    }
    static func flag(_ description: String) -> JSONValue { ["type": "boolean", "description": .string(description)] }
    static func list(of element: JSONValue, _ description: String) -> JSONValue {
        ["type": "array", "items": element, "description": .string(description)]
    }

    static let key = text("Slash-separated path, such as plans/paris/day-1.")
    static let branch = text("The branch; main unless you work on another one.")
    static let revision: JSONValue = ["type": "integer", "description": "The state that this is of."]
    static let token = text("Names that state for other agents: hand it on as at_least.")
    static let record: JSONValue = [
        "type": "object",
        "description":
            "key, revision, kind, value (of kind json the JSON itself, else a text; value_base64 if it is none), owner; attributes, links, expires_ms",
    ]
    static let records = list(of: record, "In the order of their keys.")
    static let leftOut = list(
        of: key, "Keys that are not shown, as the result would be too large: read them by themselves.")
}
