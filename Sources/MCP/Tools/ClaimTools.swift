import FoundationEssentials
import Membus
import MembusDocuments
import MembusModel

// A claim is a record of its own kind, put with an expiry: whoever holds it works, and if its owner dies it is over by itself.
// Its revision is the fencing token: what is written under a claim requires the claim to be still of that revision, and who
// extends or ends it names that, too: two windows of one program have one name. What is no claim is left alone.

extension Tool {
    private static let span: ClosedRange<Int64> = 1...86_400
    private static let claimKind = Kind("claim")

    static let claim = Tool(
        name: "claim", title: "Claim work",
        description: """
            Claim a key of its own, such as claims/book-flight, before you work on what it stands for, so that nobody does \
            it twice. The claim ends by itself after the given time; claim again with the revision that you were given to \
            extend it. Answers who holds it if you don't. In what you write under the claim, have a change of its key with \
            nothing but if_revision: the revision that you were given last.
            """,
        effect: .settles,
        arguments: [
            "key": Schema.text("The claim's key, such as claims/book-flight."),
            "seconds": Schema.number("For how long; 600 unless said.", span),
            "note": Schema.text("What you are doing."),
            "revision": Schema.number("To extend your claim: the revision that you were given last.", 1...Int64.max),
            "branch": Schema.branch,
        ],
        required: ["key"],
        output: Schema.result(
            [
                "claimed": Schema.flag("Whether it is yours now."), "revision": Schema.revision,
                "holder": Schema.text("Whose it is if it is not yours."),
                "expires_ms": Schema.number("Until when, in milliseconds since 1970.", 0...Int64.max),
            ], required: ["claimed"]),
        call: claim)

    private static func claim(_ given: Arguments, _ call: Call) async throws -> ToolResult {
        var given = given
        let (key, branch) = (try given.need("key").key(), try given.branch())
        let seconds = try given.number("seconds", span) ?? 600
        let note = try given.take("note")?.string() ?? ""
        let mine = try given.number("revision", 1...Int64.max)
        try given.end()
        let put = Put(Data(note.utf8), kind: claimKind, expiry: .after(.seconds(seconds)))
        let precondition = mine.map { Precondition.at(key, $0) } ?? .absent(key)
        let transaction = Transaction(
            branch: branch, context: call.meta.traceparent ?? "", message: "claim", preconditions: [precondition],
            changes: [Change(key, .put(put))])
        // Again if the one that stood in the way has just ended.
        for _ in 0..<4 {
            if let mine, let there = try await call.seat.read([key], on: branch, .linearizable)[key],
                there.revision == mine, there.kind != claimKind
            {
                return noClaim(there, "claimed")
            }
            do {
                let receipt = try await call.seat.memory.commit(transaction)
                call.seat.saw(receipt.token, of: branch)
                let claim = try await call.seat.read([key], on: branch, nil)[key]
                return ToolResult(
                    content: Tool.state(receipt.token, branch) + ["claimed": true]
                        + (claim?.expires.map { ["expires_ms": .integer($0.milliseconds)] } ?? [:]))
            } catch MembusError.conflict(let failed, let position) {
                if let current = failed.first?.current, !current.isDeleted {
                    return current.kind == claimKind ? held(current, branch, position) : noClaim(current, "claimed")
                }
                if mine != nil {
                    return ToolResult(
                        content: [
                            "claimed": false, "reason": "it has ended: claim it anew, without a revision",
                            "revision": .integer(position.revision), "branch": .string(branch.text),
                        ])
                }
            }
        }
        return ToolResult(
            content: ["claimed": false, "reason": "others claim and release it all the time"], isError: true)
    }

    private static func noClaim(_ record: Record, _ what: String) -> ToolResult {
        ToolResult(
            content: [
                .init(what): false, "holder": .string(record.owner), "revision": .integer(record.revision),
                "reason": .string(
                    "\(record.key) is a record, not a claim: claim a key of its own, claims/\(record.key)"),
            ], isError: true)
    }

    private static func held(_ record: Record, _ branch: BranchName, _ at: Position) -> ToolResult {
        var content: JSONValue = [
            "claimed": false, "holder": .string(record.owner), "held_since_revision": .integer(record.revision),
            "revision": .integer(at.revision), "branch": .string(branch.text),
        ]
        if let note = record.value.map({ String(decoding: $0, as: UTF8.self) }), !note.isEmpty {
            content = content + ["note": .string(note)]
        }
        if let expires = record.expires { content = content + ["expires_ms": .integer(expires.milliseconds)] }
        return ToolResult(content: content)
    }

    static let release = Tool(
        name: "release", title: "Release a claim",
        description: "End a claim of yours, so that others can have it at once.",
        effect: .settles,
        arguments: [
            "key": Schema.text("The claim's key."),
            "revision": Schema.number("The revision that you were given last.", 1...Int64.max), "branch": Schema.branch,
        ],
        required: ["key", "revision"],
        output: Schema.result(
            [
                "released": Schema.flag("Whether it is free now."), "holder": Schema.text("Whose it is, if not yours."),
            ], required: ["released"])
    ) { given, call in
        var given = given
        let (key, branch) = (try given.need("key").key(), try given.branch())
        guard let mine = try given.number("revision", 1...Int64.max) else {
            throw JSONError(path: "", reason: "\"revision\" expected: the one that the claim was given with")
        }
        try given.end()
        for _ in 0..<4 {
            let there = try await call.seat.read([key], on: branch, .linearizable)
            guard let record = there[key] else {
                return ToolResult(content: Tool.state(there.token, branch) + ["released": true])
            }
            guard record.kind == claimKind else { return noClaim(record, "released") }
            guard record.revision == mine else {
                return ToolResult(
                    content: Tool.state(there.token, branch) + ["released": false, "holder": .string(record.owner)])
            }
            let transaction = Transaction(
                branch: branch, context: call.meta.traceparent ?? "", message: "release",
                preconditions: [.at(key, record.revision)],
                changes: [Change(key, .delete)])
            do {
                let receipt = try await call.seat.memory.commit(transaction)
                call.seat.saw(receipt.token, of: branch)
                return ToolResult(content: Tool.state(receipt.token, branch) + ["released": true])
            } catch MembusError.conflict { continue }
        }
        return ToolResult(content: ["released": false, "reason": "it changes all the time"], isError: true)
    }
}
