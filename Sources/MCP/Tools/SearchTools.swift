import Membus
import MembusDocuments
import MembusModel

// Finding what is not known by its key. Text that is shown counts as read.

extension Tool {
    private static let asOf = Schema.number("As of this revision; leave it out for now.", 0...Int64.max)
    private static let question = Schema.text(
        "Words; \"a phrase\"; a prefix*; field:word (key, author, kind, message, attributes, JSON members).")
    private static let topics = Schema.list(of: ["type": "string"], "Only there: prefixes ending in /, or keys.")

    static let search = Tool(
        name: "search", title: "Search memory",
        description: "Find the best records for a question, each with the passage that fits best.",
        effect: .reads,
        arguments: [
            "question": question, "topics": topics, "k": Schema.number("Records at most; 10 unless said.", 1...100),
            "at": asOf, "branch": Schema.branch,
        ],
        required: ["question"],
        output: Schema.result(
            [
                "revision": Schema.revision, "found": Schema.number("Records that match.", 0...Int64.max),
                "hits": Schema.list(of: ["type": "object"], "Best first: key, revision, score, kind, author, text."),
            ], required: ["revision", "found", "hits"])
    ) { given, call in
        var given = given
        let question = try given.need("question").string()
        let (topics, k) = (try given.topics(), try given.number("k", 1...100) ?? 10)
        let (at, branch) = (try given.number("at", 0...Int64.max), try given.branch())
        try given.end()
        return try await call.build {
            let page = try await call.seat.memory.search(
                question, in: topics, limit: Int(k), at: at, branch: branch, passages: true)
            var (hits, budget) = ([JSONValue](), ResultBudget())
            for hit in page.hits {
                let shown = Self.shown(hit)
                if !budget.takes(shown) { break }
                hits.append(shown)
            }
            return ToolResult(
                content: [
                    "revision": .integer(page.at.revision), "found": JSONValue(page.found), "hits": .array(hits),
                ])
        }
    }

    private static func shown(_ hit: SearchHit) -> JSONValue {
        let shown: JSONValue = [
            "key": .string(hit.key.text), "revision": .integer(hit.revision), "score": .number(hit.score),
            "kind": .string(hit.kind.name), "author": .string(hit.author),
        ]
        guard let passage = hit.passage else { return shown }
        let text = shown + ["text": .string(passage.text)]
        // The rest of the value is to be had by its key.
        return passage.count > 1 ? text + ["passage": JSONValue(passage.number), "of": JSONValue(passage.count)] : text
    }

    static let recall = Tool(
        name: "recall", title: "Recall",
        description: "What memory knows of something, as one text, each part cited as key@revision.",
        effect: .reads,
        arguments: [
            "question": question, "topics": topics,
            "budget": Schema.number("Characters at most; 4000 unless said.", 1...Int64(Budget.most)),
            "since": Schema.number("Only what is newer than this revision.", 0...Int64.max), "branch": Schema.branch,
        ],
        required: ["question"],
        output: Schema.result(
            [
                "revision": Schema.revision, "block": ["type": "string"],
                "left_out": Schema.number("Passages that did not fit.", 0...Int64.max),
            ], required: ["revision", "block"])
    ) { given, call in
        var given = given
        let question = try given.need("question").string()
        let topics = try given.topics()
        let budget = try given.number("budget", 1...Int64(Budget.most)) ?? 4000
        let (since, branch) = (try given.number("since", 0...Int64.max), try given.branch())
        try given.end()
        return try await call.build {
            let known = try await call.seat.memory.recall(
                question, budget: .characters(Int(budget)), in: topics, since: since, branch: branch)
            return ToolResult(
                content: [
                    "revision": .integer(known.at.revision), "block": .string(known.block),
                    "left_out": JSONValue(known.leftOut),
                ],
                text: .string(known.citations.isEmpty ? "nothing found" : known.block),
                note: "as of revision \(known.at.revision)")
        }
    }

    static let links = Tool(
        name: "links", title: "Links",
        description: "Records around one, by the links between them; with to, the shortest paths there.",
        effect: .reads,
        arguments: [
            "key": Schema.key, "depth": Schema.number("Steps; 1 unless said.", 1...Int64(GetLinks.mostSteps)),
            "direction": ["type": "string", "enum": .array(LinkDirection.allCases.map { .string($0.rawValue) })],
            "to": Schema.key, "at": asOf, "branch": Schema.branch,
        ],
        required: ["key"],
        output: Schema.result(
            [
                "revision": Schema.revision,
                "nodes": Schema.list(of: ["type": "object"], "Nearest first; without a revision: no record."),
                "edges": Schema.list(of: ["type": "object"], "source, relation, target."),
                "cut": Schema.flag("There are more."),
            ], required: ["revision", "nodes", "edges"])
    ) { given, call in
        var given = given
        let (key, to) = (try given.need("key").key(), try given.take("to")?.key())
        let depth = try given.number("depth", 1...Int64(GetLinks.mostSteps))
        let direction = try given.direction()
        let (at, branch) = (try given.number("at", 0...Int64.max), try given.branch())
        try given.end()
        return try await call.build {
            let graph = try await call.seat.memory.links(
                of: [key.text], depth: depth.map { Int($0) }, direction: direction, to: to?.text, limit: 500, at: at,
                branch: branch)
            return ToolResult(content: ["revision": .integer(graph.at.revision)] + .parts(graph))
        }
    }

    static let sql = Tool(
        name: "sql", title: "Query",
        description: """
            One SELECT (SQLite) over records, links, commits, changes, reads, branches, tags and search('question', k). \
            Columns: SELECT * … LIMIT 0.
            """,
        effect: .reads,
        arguments: ["statement": ["type": "string"], "at": asOf, "branch": Schema.branch],
        required: ["statement"],
        output: Schema.result(
            [
                "revision": Schema.revision, "columns": Schema.list(of: ["type": "string"], "In order."),
                "rows": Schema.list(of: ["type": "array"], "A value for each column."),
                "more": Schema.flag("There are more: use LIMIT and OFFSET."),
            ], required: ["revision", "columns", "rows"])
    ) { given, call in
        var given = given
        let statement = try given.need("statement").string()
        let (at, branch) = (try given.number("at", 0...Int64.max), try given.branch())
        try given.end()
        return try await call.build {
            let result = try await call.seat.memory.query(statement, at: at, branch: branch, limit: 1000)
            var (rows, budget) = ([JSONValue](), ResultBudget())
            for row in result.rows {
                let shown = JSONValue.array(row.map { .cell($0) })
                if !budget.takes(shown) { break }
                rows.append(shown)
            }
            let isCut = result.isCut || rows.count < result.rows.count
            return ToolResult(
                content: [
                    "revision": .integer(result.at.revision),
                    "columns": .array(result.columns.map { .string($0) }), "rows": .array(rows),
                ] + (isCut ? ["more": true] : [:]))
        }
    }
}

extension Arguments {
    fileprivate mutating func topics() throws(JSONError) -> [String] {
        try TransactionDocument.list(take("topics")) { (node) throws(JSONError) in try node.topic().text }
    }

    fileprivate mutating func direction() throws(JSONError) -> LinkDirection {
        guard let node = take("direction") else { return .both }
        guard let direction = LinkDirection(rawValue: try node.string()) else {
            throw node.fault("out, in or both expected")
        }
        return direction
    }
}
