import Membus
import MembusDocuments
import MembusModel

// Reading: keys come from a view that the server follows, as of one revision; topics, and what is past, from the broker.

extension Tool {
    static let mostRecords: ClosedRange<Int64> = 1...500
    private static let at = Schema.number("As of this revision; leave it out for now.", 0...Int64.max)

    static let read = Tool(
        name: "read", title: "Read memory",
        description: """
            Read records, all as of one revision: by their keys, or all of a topic (a prefix that ends in /). \
            Read before you write, and pass the revision you saw as if_revision.
            """,
        effect: .reads,
        arguments: [
            "keys": Schema.list(of: Schema.key, "The records' keys."),
            "topic": Schema.text("Instead of keys: a prefix ending in /, such as plans/, or / for everything."),
            "at": at, "branch": Schema.branch,
            "newest": Schema.flag("Ask the broker, so that every commit acknowledged before now is seen."),
            "at_least": Schema.text("A token of another agent: show a state that has what it saw."),
            "after": Schema.text("Of a topic: go on behind this key."),
            "limit": Schema.number("Of a topic: records at most; 100 unless said.", mostRecords),
        ],
        output: Schema.result(
            [
                "revision": Schema.revision, "token": Schema.token, "branch": Schema.branch,
                "records": Schema.records,
                "missing": Schema.list(of: Schema.key, "Keys without a record."), "left_out": Schema.leftOut,
                "more": Schema.flag("There are more: go on after the last key."),
            ], required: ["revision", "token", "records"]),
        call: read)

    private static func read(_ given: Arguments, _ call: Call) async throws -> ToolResult {
        var given = given
        let (keys, topic) = (try given.keys("keys"), try given.take("topic")?.topic())
        let branch = try given.branch()
        let at = try given.number("at", 0...Int64.max)
        let consistency = try consistency(&given)
        let (after, limit) = (try given.take("after")?.key(), try given.number("limit", mostRecords) ?? 100)
        try given.end()
        switch (keys, topic) {
        case (let keys?, nil):
            var known: Set<Key> = []
            let wanted = keys.filter { known.insert($0).inserted }
            return try await call.build {
                let most = ResultBudget.usual
                let snapshot =
                    if let at {
                        try await call.seat.memory.get(wanted, at: at, branch: branch, mostBytes: most)
                    } else {
                        try await call.seat.read(wanted, on: branch, consistency, mostBytes: most)
                    }
                return ToolResult(content: shown(snapshot, branch, wanted))
            }
        case (nil, let topic?):
            if let consistency { _ = try await call.seat.read([], on: branch, consistency) }
            return try await call.build {
                try await list(topic, on: branch, at: at, after: after, limit: Int(limit), keysOnly: false, call)
            }
        default:
            throw JSONError(path: "", reason: "either \"keys\" or \"topic\" expected")
        }
    }

    private static func consistency(_ given: inout Arguments) throws(JSONError) -> Consistency? {
        let token = try given.take("at_least").map { (node) throws(JSONError) in
            guard let token = Token(try node.string()) else { throw node.fault("a token expected, as results have it") }
            return Consistency.atLeast(token)
        }
        let isNewest = try given.take("newest")?.bool() ?? false
        return isNewest ? .linearizable : token
    }

    private static func shown(_ snapshot: Snapshot, _ branch: BranchName, _ keys: [Key]) -> JSONValue {
        let unread = Set(snapshot.leftOut)
        var (records, missing, leftOut, budget) = ([JSONValue](), [Key](), [Key](), ResultBudget())
        for key in keys {
            if unread.contains(key) {
                leftOut.append(key)
            } else if let record = snapshot[key] {
                let shown = JSONValue.shown(record)
                if budget.takes(shown) { records.append(shown) } else { leftOut.append(key) }
            } else {
                missing.append(key)
            }
        }
        var shown = state(snapshot.token, branch) + ["records": .array(records)]
        if !missing.isEmpty { shown = shown + ["missing": .array(missing.map { .string($0.text) })] }
        if !leftOut.isEmpty { shown = shown + .leftOut(leftOut, at: snapshot.revision) }
        return shown
    }

    static func state(_ token: Token, _ branch: BranchName) -> JSONValue {
        ["revision": .integer(token.revision), "token": .string("\(token)"), "branch": .string(branch.text)]
    }

    static let list = Tool(
        name: "list", title: "List memory",
        description: "List the keys of a topic, without their values: what there is, who wrote it, how large it is.",
        effect: .reads,
        arguments: [
            "topic": Schema.text("A prefix ending in /, such as plans/; / for everything."),
            "at": at, "branch": Schema.branch, "after": Schema.text("Go on behind this key."),
            "limit": Schema.number("Records at most; 200 unless said.", mostRecords),
        ],
        output: Schema.result(
            [
                "revision": Schema.revision, "token": Schema.token, "branch": Schema.branch,
                "records": Schema.records, "more": Schema.flag("There are more: go on after the last key."),
            ], required: ["revision", "token", "records"])
    ) { given, call in
        var given = given
        let topic = try given.take("topic")?.topic() ?? .everything
        let (at, branch) = (try given.number("at", 0...Int64.max), try given.branch())
        let (after, limit) = (try given.take("after")?.key(), try given.number("limit", mostRecords) ?? 200)
        try given.end()
        return try await call.build {
            try await list(topic, on: branch, at: at, after: after, limit: Int(limit), keysOnly: true, call)
        }
    }

    private static func list(
        _ topic: Topic, on branch: BranchName, at: Revision?, after: Key?, limit: Int, keysOnly: Bool, _ call: Call
    ) async throws -> ToolResult {
        var pages = call.seat.memory.range(
            TopicFilter([topic]), at: at, after: after, keysOnly: keysOnly, branch: branch, pageSize: limit + 1
        ).makeAsyncIterator()
        var (records, budget, more) = ([JSONValue](), ResultBudget(), false)
        while let record = try await pages.next() {
            let shown = JSONValue.shown(record)
            more = records.count == limit || !budget.takes(shown)
            if more { break }
            records.append(shown)
        }
        guard let token = pages.token else { throw MembusError.closed }
        if at == nil { call.seat.saw(token, of: branch) }
        return ToolResult(
            content: state(token, branch) + ["records": .array(records)] + (more ? ["more": true] : [:]))
    }

    static let history = Tool(
        name: "history", title: "History of a record",
        description: "The versions of one record, newest first: what it said, who wrote it, when and why.",
        effect: .reads,
        arguments: [
            "key": Schema.key, "branch": Schema.branch,
            "before": Schema.number("Only versions before this revision.", 1...Int64.max),
            "limit": Schema.number("Versions at most; 20 unless said.", mostRecords),
        ],
        required: ["key"],
        output: Schema.result(
            [
                "revision": Schema.revision, "token": Schema.token, "branch": Schema.branch,
                "versions": Schema.list(of: Schema.record, "Each with its commit."),
                "more": Schema.flag("There are older ones: go on before the last one's revision."),
            ], required: ["revision", "versions"])
    ) { given, call in
        var given = given
        let (key, branch) = (try given.need("key").key(), try given.branch())
        let (before, limit) = (
            try given.number("before", 1...Int64.max), try given.number("limit", mostRecords) ?? 20
        )
        try given.end()
        return try await call.build {
            var (versions, budget, more) = ([JSONValue](), ResultBudget(), false)
            var pages = call.seat.memory.history(key.text, before: before, branch: branch, pageSize: Int(limit) + 1)
                .makeAsyncIterator()
            while let version = try await pages.next() {
                let shown = JSONValue.shown(version.record, by: version.commit)
                more = versions.count == limit || !budget.takes(shown)
                if more { break }
                versions.append(shown)
            }
            guard let token = pages.token else { throw MembusError.closed }
            return ToolResult(
                content: state(token, branch) + ["key": .string(key.text), "versions": .array(versions)]
                    + (more ? ["more": true] : [:]))
        }
    }

    static let log = Tool(
        name: "log", title: "Log of commits",
        description: "What was committed, newest first: by whom, why, and which keys it changed.",
        effect: .reads,
        arguments: [
            "topic": Schema.text("Only commits that changed something of it."),
            "agent": Schema.text("Only commits by this one."), "context": Schema.text("Only commits in this one."),
            "branch": Schema.branch, "before": Schema.number("Only commits before this revision.", 1...Int64.max),
            "limit": Schema.number("Commits at most; 20 unless said.", mostRecords),
        ],
        output: Schema.result(
            [
                "revision": Schema.revision, "token": Schema.token,
                "commits": Schema.list(
                    of: ["type": "object"],
                    "Each with its records; cut: not all of them, read the keys at its revision."),
                "more": Schema.flag("There are older ones: go on before the last one's revision."),
            ], required: ["revision", "commits"])
    ) { given, call in
        var given = given
        let topic = try given.take("topic")?.topic()
        let (agent, context) = (try given.take("agent")?.string(), try given.take("context")?.string())
        let branch = try given.take("branch")?.branch()
        let (before, limit) = (
            try given.number("before", 1...Int64.max), try given.number("limit", mostRecords) ?? 20
        )
        try given.end()
        return try await call.build {
            var pages = call.seat.memory.log(
                GetLog(
                    branch: branch, filter: topic.map { TopicFilter([$0]) }, agent: agent, context: context,
                    cursor: before.map { .end(of: $0) }, limit: Int(limit) + 1)
            ).makeAsyncIterator()
            var shown = ShownCommits(limit: Int(limit))
            while let commit = try await pages.next(), shown.takes(commit) {}
            guard let token = pages.token else { throw MembusError.closed }
            return ToolResult(
                content: ["revision": .integer(token.revision), "token": .string("\(token)")] + shown.json)
        }
    }
}

/// Commits as they come: a large one in pieces, which are joined.
private struct ShownCommits {
    private let limit: Int
    private var commits: [(info: CommitInfo, records: [JSONValue], isCut: Bool)] = []
    private var budget = ResultBudget()
    private var more = false

    init(limit: Int) { self.limit = limit }

    /// - Returns: whether there is room for another.
    mutating func takes(_ commit: Commit) -> Bool {
        let isRest = commits.last.map { $0.info.revision == commit.info.revision } ?? false
        let records = commit.records.map { JSONValue.shown($0) }
        let fits = (isRest || commits.count < limit) && budget.takes(.array([.commit(commit.info)] + records))
        switch (fits, isRest) {
        case (true, true): commits[commits.count - 1].records += records
        case (true, false): commits.append((commit.info, records, false))
        // What is shown of a commit goes on nowhere: so it is whole, or left to the next page, or says that it is cut off.
        case (false, true) where commits.count > 1: commits.removeLast()
        case (false, true): commits[0].isCut = true
        case (false, false): break
        }
        more = !fits
        return fits
    }

    var json: JSONValue {
        let shown: [JSONValue] = commits.map { one in
            .commit(one.info) + ["records": .array(one.records)] + (one.isCut ? ["cut": true] : [:])
        }
        return ["commits": .array(shown)] + (more ? ["more": true] : [:])
    }
}
