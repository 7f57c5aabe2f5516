import Membus
import MembusDocuments
import MembusModel

// Branches: tried out on one, brought into another, taken back. Where a model has to decide nothing is written, and the
// result shows both sides of each key, so that it can call again with its decisions.

extension Tool {
    private static let revisions: ClosedRange<Int64> = 0...Int64.max

    static let fork = Tool(
        name: "fork", title: "Make a branch",
        description: """
            Make a branch to try something out: it starts as the other is, and nothing that you write there shows on \
            it. Write with branch set to its name; look with diff; bring what is good back with merge.
            """,
        effect: .settles,
        arguments: [
            "name": Schema.text("The new branch's name, such as trial."),
            "from": Schema.text("The branch that it starts from; main unless said."),
            "at": Schema.number("As that was at this revision; leave it out for now.", revisions),
            "message": Schema.text("Why you make it."),
        ],
        required: ["name"],
        output: Schema.result(
            ["revision": Schema.revision, "token": Schema.token, "branch": Schema.text("The new branch.")],
            required: ["revision", "token", "branch"])
    ) { given, call in
        var given = given
        let (name, parent) = (try given.need("name").branch(), try given.branch("from"))
        let at = try given.number("at", revisions)
        let message = try given.take("message")?.string() ?? ""
        try given.end()
        let receipt = try await call.seat.memory.fork(name, from: parent, at: at, message: message)
        call.seat.saw(receipt.token, of: name)
        return ToolResult(content: state(receipt.token, name))
    }

    static let merge = Tool(
        name: "merge", title: "Merge a branch",
        description: """
            Bring what another branch has into a branch: all of it in one commit, or nothing. What only one side \
            changed is taken, counters add up, JSON is merged by member and text by line. Where both sides changed the \
            same thing nothing is written, and unsettled shows both: merge again with resolve, which says for each \
            such key whose version stays, or with park, which leaves them for later, as records under .membus/conflicts/.
            """,
        effect: .writes,
        arguments: [
            "source": Schema.text("The branch to bring in, such as trial."),
            "into": Schema.text("The branch to bring it into; main unless said."),
            "resolve": resolve(
                Decision.allCases, "ours (of into), theirs (of source), base (what both had before) or delete."),
            "park": Schema.flag("Leave what is unsettled for later, and commit the rest."),
            "message": Schema.text("Why you merge."),
        ],
        required: ["source"],
        output: Schema.result(
            [
                "merged": Schema.flag("Whether something was written."), "revision": Schema.revision,
                "token": Schema.token, "branch": Schema.branch,
                "source": Schema.number("The source's revision that was brought in.", revisions),
                "written": Schema.number("Keys that were written.", revisions),
                "agreed": Schema.number("Keys that both sides had changed in the same way.", revisions),
                "settled": Schema.number("Conflicts that were decided.", revisions),
                "parked": Schema.number("Conflicts that were left for later.", revisions),
                "reason": Schema.text("Why nothing was written."), "unsettled": unsettled, "left_out": unsettledLeftOut,
                "unlisted": unlisted,
            ], required: ["merged"]),
        call: merge)

    private static func merge(_ given: Arguments, _ call: Call) async throws -> ToolResult {
        var given = given
        let (source, target) = (try given.need("source").branch(), try given.branch("into"))
        let choices = try given.choices(Decision.allCases)
        let parks = try given.take("park")?.bool() ?? false
        let message = try given.take("message")?.string() ?? ""
        try given.end()
        do {
            let outcome = try await call.seat.memory.merge(source, into: target, parks: parks, message: message) {
                choices[$0.key]
            }
            switch outcome {
            case .merged(let receipt, let report):
                call.seat.saw(receipt.token, of: target)
                return ToolResult(
                    content: state(receipt.token, target) + [
                        "merged": true, "source": .integer(report.source), "written": JSONValue(report.written),
                        "agreed": JSONValue(report.agreed), "settled": JSONValue(report.settled),
                        "parked": JSONValue(report.parked),
                    ])
            case .nothing(let token):
                call.seat.saw(token, of: target)
                let reason = "\(target) contains all of \(source) already"
                return ToolResult(content: state(token, target) + ["merged": false, "reason": .string(reason)])
            }
        } catch MembusError.unsettled(let conflicts, let unlisted, let position) {
            return try await call.build {
                ToolResult(
                    content: [
                        "merged": false,
                        "reason": "both sides changed these keys: decide each by resolve, and merge again",
                    ] + told(conflicts, unlisted, at: position, of: target), isError: true)
            }
        }
    }

    static let undo = Tool(
        name: "undo", title: "Take changes back",
        description: """
            Take changes back, by one new commit; nothing of the past is lost. Either revisions or versions: these are \
            left out, and what others wrote later stays. Or to: everything, or some topics, becomes again what it was \
            at that revision, whoever changed it since. Look at log or history first. With cascade goes, too, what \
            others built on it, as far as their reads are on record. An undo can itself be undone.
            """,
        effect: .writes,
        arguments: [
            "revisions": Schema.list(
                of: ["type": "integer", "minimum": 1], "Take back all that these commits wrote."),
            "versions": Schema.list(
                of: version, "Take back single records' versions."),
            "cascade": Schema.flag("Take back what followed from it, too."),
            "to": Schema.number("Instead: go back to this revision.", revisions),
            "topics": Schema.list(
                of: Schema.text("A prefix ending in /, or a key."), "With to: only these; everything unless said."),
            "resolve": resolve(Decision.ofUndo, "ours (leave it as it is) or delete."),
            "message": Schema.text("Why you take it back."), "branch": Schema.branch,
        ],
        output: Schema.result(
            [
                "undone": Schema.flag("Whether something was written."), "revision": Schema.revision,
                "token": Schema.token, "branch": Schema.branch, "reason": Schema.text("Why nothing was written."),
                "unsettled": unsettled, "left_out": unsettledLeftOut, "unlisted": unlisted,
            ], required: ["undone"]),
        call: undo)

    private static func undo(_ given: Arguments, _ call: Call) async throws -> ToolResult {
        var given = given
        let undone = try given.undone()
        let choices = try given.choices(Decision.ofUndo)
        let cascade = try given.take("cascade")?.bool() ?? false ? Cascade() : nil
        let (message, branch) = (try given.take("message")?.string() ?? "", try given.branch())
        try given.end()
        let memory = call.seat.memory
        do {
            let receipt: Receipt
            switch undone {
            case .since(let revision, let topics):
                receipt = try await memory.rollback(to: revision, topics: topics, on: branch, message: message)
            case .written(let versions, let revisions):
                receipt = try await settling(choices) { resolutions in
                    try await memory.revert(
                        versions: versions, revisions: revisions, on: branch, cascade: cascade,
                        resolutions: resolutions, message: message)
                }
            }
            call.seat.saw(receipt.token, of: branch)
            return ToolResult(
                content: state(receipt.token, branch) + ["undone": .bool(receipt.isCommitted)]
                    + (receipt.isCommitted ? [:] : ["reason": "there is nothing of it to take back"]))
        } catch MembusError.unsettled(let conflicts, let unlisted, let position) {
            return try await call.build {
                ToolResult(
                    content: [
                        "undone": false,
                        "reason": "what these keys would be can't be told: decide each by resolve, and undo again",
                    ] + told(conflicts, unlisted, at: position, of: branch), isError: true)
            }
        }
    }

    /// Again with what was decided of the conflicts, if there are any.
    nonisolated(nonsending) private static func settling(
        _ choices: [Key: Resolution.Choice], _ body: ([Resolution]) async throws -> Receipt
    ) async throws -> Receipt {
        do { return try await body([]) } catch MembusError.unsettled(let conflicts, _, _) where !choices.isEmpty {
            return try await body(
                conflicts.compactMap { conflict in choices[conflict.key].map { conflict.resolved($0) } })
        }
    }

    // MARK: What somebody has to decide

    private static func resolve(_ decisions: [Decision], _ meaning: String) -> JSONValue {
        [
            "type": "object", "description": .string("Decisions by key, once you saw what is unsettled: " + meaning),
            "additionalProperties": ["type": "string", "enum": .array(decisions.map { .string($0.rawValue) })],
        ]
    }
    private static let unsettled = Schema.list(
        of: ["type": "object"],
        "Keys to decide, each with why (kind), base, ours and theirs, and who wrote those; nothing was written.")
    private static let unsettledLeftOut = Schema.list(
        of: Schema.key, "More keys to decide, not shown, as there would be too much: read them on both branches.")
    private static let unlisted = Schema.number("So many more keys are to be decided.", revisions)

    /// Values beyond what a result may hold are left out first, then all but the keys. What has values does not take
    /// the place of what has none: a large conflict would have all others left out.
    private static func told(
        _ conflicts: [MergeConflict], _ unlisted: Int, at position: Position, of branch: BranchName
    ) -> JSONValue {
        var (whole, bare) = (ResultBudget(), ResultBudget())
        var (shown, leftOut) = ([MergeConflict](), [Key]())
        for conflict in conflicts {
            let announced = conflict.announced
            if whole.takes(.told([conflict], 0, position)) {
                shown.append(conflict)
            } else if bare.takes(.told([announced], 0, position)) {
                shown.append(announced)
            } else {
                leftOut.append(conflict.key)
            }
        }
        var told = JSONValue.told(shown, unlisted, position)
        if !leftOut.isEmpty { told = told + ["left_out": .array(leftOut.map { .string($0.text) })] }
        return told + ["revision": .integer(position.revision), "branch": .string(branch.text)]
    }
}

extension JSONValue {
    fileprivate static func told(_ conflicts: [MergeConflict], _ unlisted: Int, _ position: Position) -> JSONValue {
        .unsettled(conflicts, unlisted: unlisted, at: position, showing: JSONValue.shown)
    }
}

extension MergeConflict {
    /// Without values.
    fileprivate var announced: MergeConflict {
        func announced(_ version: MergeVersion?) -> MergeVersion? {
            version.map { MergeVersion($0.record.announced, by: $0.commit) }
        }
        return MergeConflict(
            key: key, kind: kind, base: announced(base), ours: announced(ours), theirs: announced(theirs))
    }
}

extension Arguments {
    fileprivate enum Undone {
        /// All since, of these topics.
        case since(Revision, [String])
        case written([VersionName], [Revision])
    }

    fileprivate mutating func undone() throws(JSONError) -> Undone {
        let (revisions, versions) = (try revisions(), try versions())
        let to = try number("to", 0...Int64.max)
        let topics = try TransactionDocument.list(take("topics")) { (node) throws(JSONError) in try node.topic() }
        switch (to, revisions.isEmpty && versions.isEmpty, topics.isEmpty) {
        case (let to?, true, let isOfAll): return .since(to, isOfAll ? [Topic.everything.text] : topics.map(\.text))
        case (nil, false, true): return .written(versions, revisions)
        case (nil, false, false): throw JSONError(path: "", reason: "\"topics\" go with \"to\" alone")
        case (.some, false, _), (nil, true, _):
            throw JSONError(path: "", reason: "either \"revisions\" and \"versions\", or \"to\" expected")
        }
    }

    /// What is decided, by key.
    fileprivate mutating func choices(_ known: [Decision]) throws(JSONError) -> [Key: Resolution.Choice] {
        guard let node = take("resolve") else { return [:] }
        guard case .object(let members) = node.json else { throw node.fault("an object expected") }
        var (choices, fields) = ([Key: Resolution.Choice](), try node.fields())
        for (name, _) in members {
            guard let text = JSONStrings.text(name.written[...]) else { throw node.fault("a key is no text") }
            let said = try fields.need(text)
            let word = try said.string()
            guard let decision = known.first(where: { $0.rawValue.hasSameBytes(as: word) }) else {
                throw said.fault(known.map(\.rawValue).joined(separator: ", ") + " expected")
            }
            do throws(InvalidName) { choices[try Key(text)] = decision.choice } catch {
                throw node.fault(error.description)
            }
        }
        return choices
    }
}

/// What a model can decide of a key.
private enum Decision: String, CaseIterable {
    case ours, theirs, base, delete

    /// Without another side.
    static let ofUndo: [Decision] = [.ours, .delete]

    var choice: Resolution.Choice {
        switch self {
        case .ours: .ours
        case .theirs: .theirs
        case .base: .base
        case .delete: .delete
        }
    }
}
