import Membus
import MembusDocuments
import MembusModel

extension Tool {
    private static let patience: ClosedRange<Int64> = 1...600
    /// Changes that one call tells of.
    private static let mostChanges = 100

    static let wait = Tool(
        name: "wait", title: "Wait for a change",
        description: """
            Wait until a topic changes, or until a key exists, instead of asking again and again. Give the revision that \
            you know as after, and nothing that came since is missed.
            """,
        effect: .reads,
        arguments: [
            "topic": Schema.text("Wait until something of it changes: a prefix ending in /, or a key."),
            "key": Schema.text("Instead of a topic: wait until this key has a record."),
            "after": Schema.number("Only changes after this revision; from now on unless said.", 0...Int64.max),
            "seconds": Schema.number("How long at most; 60 unless said.", patience), "branch": Schema.branch,
        ],
        output: Schema.result(
            [
                "happened": Schema.flag("Whether it did, in that time."),
                "revision": Schema.number("Give it as after, to go on where this ended.", 0...Int64.max),
                "changes": Schema.list(
                    of: Schema.record,
                    "In order; the last one's revision is where to go on after. left_out: too large, read the key."),
            ], required: ["happened"]),
        call: wait)

    private static func wait(_ given: Arguments, _ call: Call) async throws -> ToolResult {
        var given = given
        let (topic, key) = (try given.take("topic")?.topic(), try given.take("key")?.key())
        let (after, branch) = (try given.number("after", 0...Int64.max), try given.branch())
        let seconds = try given.number("seconds", patience) ?? 60
        try given.end()
        switch (topic, key) {
        case (let topic?, nil):
            // Named, so that whoever waits again goes on there.
            let start =
                if let after { after } else { try await call.seat.read([], on: branch, .linearizable).revision }
            return try await within(seconds, call, from: start, on: branch) {
                try await changes(of: topic, after: start, on: branch, call)
            }
        case (nil, let key?):
            let now = try await call.seat.read([key], on: branch, .linearizable)
            return try await within(seconds, call, from: now.revision, on: branch) {
                try await existence(of: key, in: now, on: branch, call)
            }
        default:
            throw JSONError(path: "", reason: "either \"topic\" or \"key\" expected")
        }
    }

    /// The first change, with all that is there behind it by then.
    private static func changes(
        of topic: Topic, after: Revision, on branch: BranchName, _ call: Call
    ) async throws -> ToolResult {
        let memory = call.seat.memory
        for try await first in memory.watch([topic.text], after: after, branch: branch) {
            let asked = GetLog(
                branch: branch, filter: TopicFilter([topic]), ascending: true, cursor: .end(of: first.revision - 1),
                limit: mostChanges, values: true)
            return try await call.build {
                var shown = ShownChanges(since: first.revision)
                for try await commit in memory.log(asked) {
                    if shown.isEnough, commit.info.revision > shown.revision { break }
                    shown.take(commit)
                }
                return ToolResult(
                    content: [
                        "happened": true, "revision": .integer(shown.revision), "branch": .string(branch.text),
                        "changes": .array(shown.changes),
                    ])
            }
        }
        throw CancellationError()
    }

    /// Whole commits, so that nothing is between what is shown and what comes after. Of a commit that is too large the keys are
    /// all there, without what they say.
    private struct ShownChanges {
        private(set) var changes: [JSONValue] = []
        private(set) var revision: Revision
        private var budget = ResultBudget()
        private var isFull = false

        init(since revision: Revision) { self.revision = revision }

        var isEnough: Bool { isFull || changes.count >= mostChanges }

        mutating func take(_ commit: Commit) {
            revision = commit.info.revision
            for record in commit.records {
                let whole = JSONValue.shown(record, by: commit.info)
                isFull = isFull || !budget.takes(whole)
                changes.append(
                    isFull
                        ? [
                            "key": .string(record.key.text), "revision": .integer(record.revision), "left_out": true,
                            "size": JSONValue(record.size),
                        ] : whole)
            }
        }
    }

    private static func existence(
        of key: Key, in now: Snapshot, on branch: BranchName, _ call: Call
    ) async throws -> ToolResult {
        func found(_ record: Record, _ revision: Revision) -> ToolResult {
            ToolResult(
                content: [
                    "happened": true, "revision": .integer(revision), "branch": .string(branch.text),
                    "changes": [.shown(record)],
                ])
        }
        if let record = now[key] { return found(record, now.revision) }
        for try await change in call.seat.memory.watch([key.text], after: now.revision, branch: branch)
        where !change.record.isDeleted { return found(change.record, change.revision) }
        throw CancellationError()
    }

    /// Tells whoever wants to know every few seconds that it is still being waited.
    private static func within(
        _ seconds: Int64, _ call: Call, from start: Revision, on branch: BranchName,
        _ body: @escaping @Sendable () async throws -> ToolResult
    ) async throws -> ToolResult {
        try await withThrowingTaskGroup(of: ToolResult?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                let step: Int64 = 5
                var waited: Int64 = 0
                while waited < seconds {
                    try await Task.sleep(for: .seconds(min(step, seconds - waited)))
                    waited += step
                    if waited < seconds { await call.progress(waited, "waited \(waited) s of \(seconds)") }
                }
                return nil
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let result = first else {
                return ToolResult(
                    content: ["happened": false, "revision": .integer(start), "branch": .string(branch.text)])
            }
            return result
        }
    }
}
