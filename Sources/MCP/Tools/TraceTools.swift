import Membus
import MembusDocuments
import MembusModel

// Who knew what, and what came of it.

extension Tool {
    static let impact = Tool(
        name: "impact", title: "What followed from it",
        description: """
            What was built on some versions, or on all that some commits wrote: every commit, on any branch, that is on record \
            to have read or required them, directly or through others; and who knows of them and has written nothing since. \
            Look here when something turned out to be wrong; undo with cascade takes all of it back.
            """,
        effect: .reads,
        arguments: [
            "revisions": Schema.list(of: ["type": "integer", "minimum": 1], "All that these commits wrote."),
            "versions": Schema.list(of: version, "Single records' versions."),
            "own": Schema.flag("Only what commits themselves have read, not what was known in their context."),
        ],
        output: Schema.result(
            [
                "revision": Schema.revision,
                "commits": Schema.list(
                    of: ["type": "object"], "Each with what it builds on, and the keys that it wrote."),
                "readers": Schema.list(of: ["type": "object"], "Who is to be told."),
                "unjudged": Schema.list(of: ["type": "integer"], "Commits of which no reads are on record."),
                "unjudged_count": Schema.number("So many of them, listed or not.", 0...Int64.max),
                "lost_reads": Schema.number("So many reads could not be put on record.", 0...Int64.max),
                "left_out": Schema.number("So many commits more.", 0...Int64.max),
            ], required: ["revision", "commits", "readers"])
    ) { given, call in
        var given = given
        let (versions, revisions) = (try given.versions(), try given.revisions())
        let own = try given.take("own")?.bool() ?? false
        try given.end()
        if versions.isEmpty, revisions.isEmpty {
            throw JSONError(path: "", reason: "\"revisions\" or \"versions\" expected")
        }
        return try await call.build {
            let impact = try await call.seat.memory.impact(of: versions, revisions: revisions, ownOnly: own)
            let (commits, left) = Self.fitting(impact.commits.map { .derived($0) })
            return ToolResult(
                content: [
                    "revision": .integer(impact.at.revision), "commits": .array(commits),
                    "readers": .array(impact.readers.map { .reader($0) }),
                    "unjudged": .array(impact.unjudged.map { .integer($0) }),
                    "unjudged_count": JSONValue(impact.unjudgedCount), "lost_reads": JSONValue(impact.lostReads),
                    "left_out": JSONValue(impact.unlisted + left),
                ])
        }
    }

    static let knows = Tool(
        name: "knows", title: "What an agent knew",
        description: """
            What an agent had read, required and written by some revision: each version once, in the order in which it came to \
            know it, as far as it is on record.
            """,
        effect: .reads,
        arguments: [
            "agent": Schema.text("Its name."),
            "context": Schema.text("Only in this run, task or conversation."),
            "at": Schema.number("Up to this revision; now, unless said.", 0...Int64.max),
        ],
        required: ["agent"],
        output: Schema.result(
            [
                "revision": Schema.revision,
                "known": Schema.list(
                    of: ["type": "object"], "read, listed, required or wrote; which version, when, in what context."),
                "lost_reads": Schema.number("So many reads could not be put on record.", 0...Int64.max),
                "left_out": Schema.number("So many more.", 0...Int64.max),
            ], required: ["revision", "known"])
    ) { given, call in
        var given = given
        let (agent, context) = (try given.need("agent").string(), try given.take("context")?.string())
        let at = try given.number("at", 0...Int64.max)
        try given.end()
        return try await call.build {
            let knowledge = try await call.seat.memory.knowledge(of: agent, in: context, at: at)
            // The newest, where not all fit.
            let (known, left) = Self.fitting(knowledge.known.reversed().map { .known($0) })
            return ToolResult(
                content: [
                    "revision": .integer(knowledge.at.revision), "known": .array(known.reversed()),
                    "lost_reads": JSONValue(knowledge.lostReads),
                    "left_out": JSONValue(knowledge.unlisted + left),
                ])
        }
    }

    static let blame = Tool(
        name: "blame", title: "Who wrote each line",
        description:
            "Who last changed each line of a text, or each member of a JSON object: agent, revision, when and why.",
        effect: .reads,
        arguments: [
            "key": Schema.key, "branch": Schema.branch,
            "at": Schema.number("As it was at this revision.", 0...Int64.max),
        ],
        required: ["key"],
        output: Schema.result(
            [
                "key": Schema.key, "lines": Schema.list(of: ["type": "object"], "Each with its commit."),
                "left_out": Schema.number("So many more.", 0...Int64.max),
            ], required: ["key", "lines"])
    ) { given, call in
        var given = given
        let (key, branch) = (try given.need("key").key(), try given.branch())
        let at = try given.number("at", 0...Int64.max)
        try given.end()
        return try await call.build {
            let blame = try await call.seat.memory.blame(key.text, at: at, branch: branch)
            let lines = blame.map { blame in blame.lines.map { JSONValue.blamed($0, of: blame.version.record) } } ?? []
            let (shown, left) = Self.fitting(lines)
            return ToolResult(
                content: ["key": .string(key.text), "lines": .array(shown), "left_out": JSONValue(left)])
        }
    }

    static let version = Schema.object(
        ["key": Schema.key, "revision": Schema.number("Of the commit that wrote it.", 1...Int64.max)],
        required: ["key", "revision"])

    /// As many as a result holds, and how many are left out.
    private static func fitting(_ all: [JSONValue]) -> (shown: [JSONValue], left: Int) {
        var (shown, budget) = ([JSONValue](), ResultBudget())
        for one in all {
            if !budget.takes(one) { break }
            shown.append(one)
        }
        return (shown, all.count - shown.count)
    }
}

extension Arguments {
    mutating func versions() throws(JSONError) -> [VersionName] {
        try TransactionDocument.list(take("versions")) { (node) throws(JSONError) in
            var fields = try node.fields()
            let version = VersionName(try fields.need("key").key(), at: try fields.need("revision").integer())
            try fields.end()
            return version
        }
    }

    mutating func revisions() throws(JSONError) -> [Revision] {
        try TransactionDocument.list(take("revisions")) { (node) throws(JSONError) in try node.integer() }
    }
}
