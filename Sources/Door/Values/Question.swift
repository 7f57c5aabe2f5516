import FoundationEssentials
import Membus
import MembusDocuments
import MembusModel
import Synchronization

// What is asked for rarely, and wants no speed, is asked and answered in JSON: one function of C for all of it, from which
// other languages make their own. An object with one member, whose name says what is asked:
//
//   {"impact": {"versions": [{"key": …, "revision": …}], "revisions": [41], "excluded": [], "own_only": false, "below_floor": false}}
//   {"knowledge": {"agent": "booker", "context": "trip-42", "at": 47}}
//   {"blame": {"key": …, "at": 40}}
//   {"plan": {"revert": {"revisions": [41], "cascade": true}}}                      nothing is written
//   {"carry_out": {"revert": {"revisions": [41]}, "plan": "9f…", "message": …}}     one commit
//   {"conflicts": {}}   {"claim": {"conflict": "74/1", "expires_after_ms": 600000}}
//   {"resolve": {"conflict": "74/1", "choice": "theirs"}}
//   {"rebase": {"branch": "trial", "as": "trial-2"}}
//   {"search": {"question": "night train", "topics": ["plans/"], "limit": 10}}       see RetrievalQuestion
//   {"recall": …}   {"links": …}   {"query": …}   {"reindex": {}}
//
// All take "branch"; else it is the connection's.

struct Question: Sendable {
    private enum Kind: Sendable {
        case impact(versions: [VersionName], revisions: [Revision], Authorship?, Cascade, belowFloor: Bool)
        case knowledge(agent: String, context: String?, at: Revision?)
        case blame(key: String, at: Revision?)
        case plan(Rewrite)
        case carryOut(Rewrite, PlanID?, message: String)
        case conflicts
        case claim(String, Duration)
        case resolve(String, Resolution.Choice, message: String)
        case rebase(BranchName, as: BranchName, onto: BranchName?, message: String)
        case retrieval(RetrievalQuestion)
    }
    private let kind: Kind
    private let branch: BranchName?

    /// - Throws: ``JSONError``: it is none of these.
    init(_ text: String) throws {
        var asked = try JSONNode.document(Data(text.utf8), limit: TransactionDocument.largest).fields()
        var found: [(name: String, node: JSONNode)] = []
        let others = ["impact", "knowledge", "blame", "plan", "carry_out", "conflicts", "claim", "resolve", "rebase"]
        for name in others + RetrievalQuestion.names {
            if let node = asked.take(name) { found.append((name, node)) }
        }
        try asked.end()
        guard let (name, node) = found.first, found.count == 1 else {
            throw asked.node.fault("exactly one question expected")
        }
        var fields = try node.fields()
        // Of a rebase it is what is rebased.
        branch = name == "rebase" ? nil : try fields.take("branch")?.branch()
        if let retrieval = try RetrievalQuestion(name, &fields) {
            kind = .retrieval(retrieval)
            try fields.end()
            return
        }
        switch name {
        case "impact":
            kind = .impact(
                versions: try Self.versions(&fields), revisions: try Self.revisions(fields.take("revisions")),
                try Self.author(&fields),
                Cascade(
                    ownOnly: try fields.take("own_only")?.bool() ?? false,
                    excluded: try Self.revisions(fields.take("excluded"))),
                belowFloor: try fields.take("below_floor")?.bool() ?? false)
        case "knowledge":
            kind = .knowledge(
                agent: try fields.need("agent").string(), context: try fields.take("context")?.string(),
                at: try fields.take("at")?.integer())
        case "blame":
            kind = .blame(key: try fields.need("key").key().text, at: try fields.take("at")?.integer())
        case "plan": kind = .plan(try Self.rewrite(&fields))
        case "carry_out":
            kind = .carryOut(
                try Self.rewrite(&fields), try fields.take("plan").map { try Self.plan($0) },
                message: try fields.take("message")?.string() ?? "")
        case "conflicts": kind = .conflicts
        case "claim":
            kind = .claim(
                try fields.need("conflict").string(),
                .milliseconds(try fields.take("expires_after_ms")?.integer() ?? 600_000))
        case "resolve":
            kind = .resolve(
                try fields.need("conflict").string(), try Self.choice(&fields),
                message: try fields.take("message")?.string() ?? "")
        case _:
            kind = .rebase(
                try fields.need("branch").branch(), as: try fields.need("as").branch(),
                onto: try fields.take("onto")?.branch(), message: try fields.take("message")?.string() ?? "")
        }
        try fields.end()
    }

    func answer(by memory: Memory, timeout: Duration?) async throws -> JSONValue {
        let branch = branch ?? memory.branch
        switch kind {
        case .impact(let versions, let revisions, let author, let cascade, let belowFloor):
            return .impact(
                try await memory.impact(
                    of: versions, revisions: revisions, by: author, excluding: cascade.excluded,
                    ownOnly: cascade.ownOnly,
                    belowFloor: belowFloor, timeout: timeout))
        case .knowledge(let agent, let context, let at):
            return .knowledge(try await memory.knowledge(of: agent, in: context, at: at, timeout: timeout))
        case .blame(let key, let at):
            let blame = try await memory.blame(key, at: at, branch: branch, timeout: timeout)
            guard let blame else { return .null }
            return .array(blame.lines.map { .blamed($0, of: blame.version.record) })
        case .plan(let rewrite):
            return .plan(try await memory.plan(rewrite, on: branch, timeout: timeout), on: branch)
        case .carryOut(let rewrite, let plan, let message):
            let receipt = try await memory.carryOut(
                rewrite, on: branch, as: plan, message: message, timeout: timeout)
            return .receipt(receipt.token, isCommitted: receipt.isCommitted, branch: branch)
        case .conflicts:
            return .array(
                try await memory.conflicts(on: branch, timeout: timeout).map {
                    .parked($0.conflict, claimedBy: $0.claim?.owner)
                })
        case .claim(let name, let span):
            let receipt = try await memory.claim(
                try await open(name, branch, memory, timeout), for: span, on: branch, timeout: timeout)
            return .receipt(receipt.token, isCommitted: receipt.isCommitted, branch: branch)
        case .resolve(let name, let choice, let message):
            let receipt = try await memory.resolve(
                try await open(name, branch, memory, timeout), choice, on: branch, message: message, timeout: timeout)
            return .receipt(receipt.token, isCommitted: receipt.isCommitted, branch: branch)
        case .rebase(let old, let new, let onto, let message):
            return .rebased(
                try await memory.rebase(old, as: new, onto: onto, message: message, timeout: timeout), new)
        case .retrieval(let question): return try await question.answer(by: memory, on: branch, timeout: timeout)
        }
    }

    private func open(
        _ name: String, _ branch: BranchName, _ memory: Memory, _ timeout: Duration?
    ) async throws -> OpenConflict {
        if let open = try await memory.conflict(name, on: branch, timeout: timeout) { return open }
        throw DoorError.badArgument(
            "there is no open conflict \(name.escapingControlCharacters) on branch \(branch)",
            hint: "ask for the conflicts")
    }

    // MARK: What a rewrite says

    private static func rewrite(_ fields: inout JSONFields) throws -> Rewrite {
        var found: [Rewrite] = []
        if let node = fields.take("merge") { found.append(try merge(node)) }
        if let node = fields.take("rollback") {
            var fields = try node.fields()
            let to = try revision(try fields.need("to"))
            let topics = try fields.take("topics")?.elements().map { try $0.topic().text } ?? []
            try fields.end()
            found.append(.rollback(to: to, topics: topics.isEmpty ? ["/"] : topics))
        }
        if let node = fields.take("revert") {
            var fields = try node.fields()
            let resolutions = try resolutions(&fields)
            let named = try named(&fields)
            try fields.end()
            found.append(
                .revert(
                    versions: named.versions, revisions: named.revisions, of: named.author, cascade: named.cascade,
                    resolutions: resolutions))
        }
        if let node = fields.take("pick") {
            var fields = try node.fields()
            let (revisions, resolutions) = (try revisions(try fields.need("revisions")), try resolutions(&fields))
            let sameReads = try fields.take("same_reads")?.bool() ?? false
            try fields.end()
            found.append(.pick(revisions, sameReads: sameReads, resolutions: resolutions))
        }
        if let node = fields.take("quarantine") {
            var fields = try node.fields()
            let reason = try fields.need("reason").string()
            let named = try named(&fields)
            try fields.end()
            found.append(
                .quarantine(
                    versions: named.versions, revisions: named.revisions, of: named.author, cascade: named.cascade,
                    reason: reason))
        }
        guard let rewrite = found.first, found.count == 1 else {
            throw fields.node.fault("exactly one of merge, rollback, revert, pick, quarantine expected")
        }
        return rewrite
    }

    private static func merge(_ node: JSONNode) throws -> Rewrite {
        var fields = try node.fields()
        let rewrite = Rewrite.merge(
            try fields.need("source").branch(), at: try fields.take("at").map { try revision($0) },
            resolutions: try resolutions(&fields), carriesRules: try fields.take("carries_rules")?.bool() ?? false,
            parks: try fields.take("park")?.bool() ?? false)
        try fields.end()
        return rewrite
    }

    private typealias Named = (
        versions: [VersionName], revisions: [Revision], author: Authorship?, cascade: Cascade?
    )

    private static func author(_ fields: inout JSONFields) throws -> Authorship? {
        guard let node = fields.take("author") else { return nil }
        var said = try node.fields()
        let author = Authorship(
            agent: try said.take("agent")?.string(), context: try said.take("context")?.string(),
            since: try revision(try said.need("since")))
        try said.end()
        return author
    }

    private static func named(_ fields: inout JSONFields) throws -> Named {
        let author = try author(&fields)
        var cascade: Cascade?
        if let node = fields.take("cascade") {
            if case .object = node.json {
                var said = try node.fields()
                cascade = Cascade(
                    ownOnly: try said.take("own_only")?.bool() ?? false,
                    excluded: try revisions(said.take("excluded")))
                try said.end()
            } else if try node.bool() {
                cascade = Cascade()
            }
        }
        return (try versions(&fields), try revisions(fields.take("revisions")), author, cascade)
    }

    private static func versions(_ fields: inout JSONFields) throws -> [VersionName] {
        try fields.take("versions")?.elements().map { node in
            var said = try node.fields()
            let name = VersionName(try said.need("key").key(), at: try revision(try said.need("revision")))
            try said.end()
            return name
        } ?? []
    }

    private static func revisions(_ node: JSONNode?) throws -> [Revision] {
        try node?.elements().map { try revision($0) } ?? []
    }

    private static func revision(_ node: JSONNode) throws -> Revision {
        let number = try node.integer()
        guard number >= 0 else { throw node.fault("revisions are never negative") }
        return number
    }

    private static func plan(_ node: JSONNode) throws -> PlanID {
        guard let plan = PlanID(try node.string()) else { throw node.fault("16 hexadecimal digits expected") }
        return plan
    }

    private static func resolutions(_ fields: inout JSONFields) throws -> [Resolution] {
        try fields.take("resolutions")?.elements().map { node in
            var said = try node.fields()
            let resolution = Resolution(
                try said.need("key").key(), ours: try revision(try said.need("ours")),
                theirs: try revision(try said.need("theirs")), try choice(&said))
            try said.end()
            return resolution
        } ?? []
    }

    /// `"choice": "theirs"`, or `"put": {…}`, as a transaction's.
    private static func choice(_ fields: inout JSONFields) throws -> Resolution.Choice {
        if let put = fields.take("put") { return .put(try ChangeDocument.put(put)) }
        let node = try fields.need("choice")
        switch Array(try node.string().utf8) {
        case Array("ours".utf8): return .ours
        case Array("theirs".utf8): return .theirs
        case Array("base".utf8): return .base
        case Array("delete".utf8): return .delete
        case _: throw node.fault("ours, theirs, base or delete expected, or put instead")
        }
    }
}

extension JSONValue {
    fileprivate static func rebased(_ rebased: Rebased, _ new: BranchName) -> JSONValue {
        let told: JSONValue = [
            "branch": .string(new.text), "revision": .integer(rebased.fork.revision),
            "picked": .array(
                rebased.picked.map { ["from": .integer($0.from), "revision": .integer($0.revision)] }),
            "passed_over": .array(rebased.passedOver.map { .integer($0) }),
        ]
        guard let stopped = rebased.stopped else { return told }
        return told + ["stopped_at": .integer(stopped.at), "reason": .string(stopped.reason.description)]
    }
}

/// Calls a task off.
final class TaskErrand: Cancellable {
    private let task: Task<Void, Never>

    init(_ body: @escaping @Sendable () async -> Void) { task = Task { await body() } }
    func cancel() { task.cancel() }
}
