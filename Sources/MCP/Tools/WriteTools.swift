import FoundationEssentials
import Membus
import MembusDocuments
import MembusModel

// Writing: a transaction takes effect as a whole or not at all, once, whatever is repeated. Where its conditions fail, the
// result says what is there now, so that a model can mend its own write.

extension Tool {
    private static let written = Schema.result(
        [
            "committed": Schema.flag("Whether it took effect."), "revision": Schema.revision, "token": Schema.token,
            "branch": Schema.branch,
            "conflict": Schema.list(
                of: ["type": "object"], "Conditions that failed, each with what is there now; nothing was written."),
        ], required: ["committed"])

    static let write = Tool(
        name: "write", title: "Write memory",
        description: """
            Change records in one transaction: all of it, or nothing. Each change names a key and one of value (put it), \
            delete, increment, append, merge_patch. With if_revision the record must still be what you read; with \
            if_absent it must not exist; one with such a condition alone changes nothing. A conflict says what is there now: mend your write and try again. Say why in \
            message: it is kept with the commit.
            """,
        effect: .writes,
        arguments: [
            "changes": Schema.list(of: change, "One for each key."),
            "if_unchanged": Schema.list(
                of: Schema.object(
                    [
                        "topic": Schema.text("A prefix ending in /, or a key."),
                        "since": Schema.number("A revision.", 0...Int64.max),
                    ],
                    required: ["topic", "since"]),
                "Topics of which nothing may have changed since."),
            "if_sound": Schema.flag(
                "Nothing that you have read in this context may have been undone or quarantined since."),
            "message": Schema.text("Why you write this."), "context": Schema.text("The task or conversation."),
            "branch": Schema.branch,
        ],
        required: ["changes"], output: written, call: write)

    private static let change = Schema.object(
        [
            "key": Schema.key,
            "value": [
                "description": "The new value: a text; or an object or array, which is stored as JSON.",
                "type": ["string", "object", "array", "number", "boolean"],
            ],
            "delete": Schema.flag("Remove the record."),
            "increment": ["type": "integer", "description": "Add this to a counter."],
            "append": Schema.text("Add this at the end of a text."),
            "merge_patch": ["type": "object", "description": "Merge this into a JSON record (RFC 7396)."],
            "if_revision": Schema.number("The record must be of this revision.", 0...Int64.max),
            "if_absent": Schema.flag("There must be no record."),
            "kind": Schema.text("What the value is; text or json unless said."),
            "attributes": [
                "type": "object", "additionalProperties": ["type": "string"], "description": "Names with texts.",
            ],
            "links": Schema.list(
                of: Schema.object(
                    ["relation": ["type": "string"], "target": Schema.key], required: ["relation", "target"]),
                "To other records."),
            "expires_after_ms": Schema.number("Remove it after so long.", 1...Int64.max),
        ], required: ["key"])

    private static func write(_ given: Arguments, _ call: Call) async throws -> ToolResult {
        var given = given
        var transaction = Transaction(branch: try given.branch())
        for node in try given.need("changes").elements() { try add(node, to: &transaction) }
        for node in try given.take("if_unchanged")?.elements() ?? [] {
            var fields = try node.fields()
            transaction.preconditions.append(
                .unchanged(try fields.need("topic").topic(), since: try fields.need("since").integer()))
            try fields.end()
        }
        if let sound = given.take("if_sound"), try sound.bool() { transaction.preconditions.append(.sound) }
        transaction.message = try given.take("message")?.string() ?? ""
        transaction.context = try given.take("context")?.string() ?? call.meta.traceparent ?? ""
        try given.end()
        return try await commit(transaction, call)
    }

    /// A change, with the conditions that stand beside it.
    private static func add(_ node: JSONNode, to transaction: inout Transaction) throws(JSONError) {
        var fields = try node.fields()
        let key = try fields.need("key").key()
        let conditions = transaction.preconditions.count
        var actions: [Change.Action] = []
        if fields.has("value") { actions.append(.put(try put(&fields))) }
        if let delete = fields.take("delete"), try delete.bool() { actions.append(.delete) }
        if let amount = fields.take("increment") { actions.append(.increment(try amount.integer())) }
        if let text = fields.take("append") { actions.append(.append(Data(try text.string().utf8))) }
        if let patch = fields.take("merge_patch") { actions.append(.mergePatch(patch.json.serialised)) }
        if let revision = fields.take("if_revision") {
            transaction.preconditions.append(.at(key, try revision.integer()))
        }
        if let absent = fields.take("if_absent"), try absent.bool() { transaction.preconditions.append(.absent(key)) }
        try fields.end()
        if actions.isEmpty, transaction.preconditions.count > conditions { return }
        guard let action = actions.first, actions.count == 1 else {
            throw node.fault(
                "exactly one of value, delete, increment, append, merge_patch expected, or a condition alone")
        }
        transaction.changes.append(Change(key, action))
    }

    private static func put(_ fields: inout JSONFields) throws(JSONError) -> Put {
        var put = try ChangeDocument.content(&fields)
        if let after = fields.take("expires_after_ms") {
            let milliseconds = try after.integer()
            guard milliseconds > 0 else { throw after.fault("a positive number expected") }
            put.expiry = .after(.milliseconds(milliseconds))
        }
        return put
    }

    static func commit(_ transaction: Transaction, _ call: Call) async throws -> ToolResult {
        let branch = transaction.branch
        do {
            let receipt = try await call.seat.memory.commit(transaction)
            call.seat.saw(receipt.token, of: branch)
            return ToolResult(content: .receipt(receipt.token, isCommitted: receipt.isCommitted, branch: branch))
        } catch MembusError.conflict(let failed, let position) {
            return try await call.build {
                ToolResult(
                    content: [
                        "committed": false, "revision": .integer(position.revision), "branch": .string(branch.text),
                    ] + .shown(failed, at: position), isError: true)
            }
        }
    }
}

extension JSONValue {
    /// What stands in the way; values beyond what a result may hold are left out.
    fileprivate static func shown(_ failed: [FailedPrecondition], at position: Position) -> JSONValue {
        var budget = ResultBudget()
        let fitting = failed.map { failed in
            guard let current = failed.current, !budget.takes(.shown(current)) else { return failed }
            var failed = failed
            failed.current = current.announced
            return failed
        }
        return .conflict(fitting, at: position, showing: JSONValue.shown)
    }
}
