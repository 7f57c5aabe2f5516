import Membus
import MembusDocuments
import MembusModel

extension Tool {
    static let diff = Tool(
        name: "diff", title: "Compare two states",
        description: """
            What differs between two states of the memory: two branches, or what happened since a revision. Text comes \
            with the lines that changed. A state is a branch (main), a tag, a branch as of a revision (main@60) or as it was a \
            while ago (main@2h), or a revision (60).
            """,
        effect: .reads,
        arguments: [
            "from": Schema.text("The one state."), "to": Schema.text("The other; main as it is now, unless said."),
            "topic": Schema.text("Only this topic: a prefix ending in /, or a key."),
            "limit": Schema.number("Differences at most; 100 unless said.", mostRecords),
        ],
        required: ["from"],
        output: Schema.result(
            [
                "from": ["type": "object"], "to": ["type": "object"],
                "common": Schema.list(of: ["type": "object"], "The newest states that both contain."),
                "only_from": Schema.number("Commits that only the first contains.", 0...Int64.max),
                "only_to": Schema.number("Commits that only the second contains.", 0...Int64.max),
                "differences": Schema.list(
                    of: ["type": "object"], "Each key with its records, and of text the lines that changed."),
                "more": Schema.flag("There are more: name a topic, or a higher limit."),
            ], required: ["from", "to", "differences"])
    ) { given, call in
        var given = given
        let from = try given.need("from").state()
        let to = try given.take("to")?.state() ?? .branch(.main)
        let topic = try given.take("topic")?.topic() ?? .everything
        let limit = try given.number("limit", mostRecords) ?? 100
        try given.end()
        let memory = call.seat.memory
        return try await call.build {
            let compared = try await memory.compare(from, to)
            var (differences, budget, more) = ([JSONValue](), ResultBudget(), false)
            let pages = memory.diff(
                from: compared.from, to: compared.to, topics: [topic.text], pageSize: Int(limit) + 1)
            for try await difference in pages {
                let one = Tool.shown(difference)
                more = differences.count == limit || !budget.takes(one)
                if more { break }
                differences.append(one)
            }
            return ToolResult(
                content: .comparison(compared) + ["differences": .array(differences)] + (more ? ["more": true] : [:]))
        }
    }

    private static func shown(_ difference: Difference) -> JSONValue {
        var shown: JSONValue = [
            "key": .string(difference.key.text), "change": .string(difference.change.rawValue),
        ]
        if let from = difference.from { shown = shown + ["from": .shown(from)] }
        if let to = difference.to { shown = shown + ["to": .shown(to)] }
        return shown + lines(of: difference)
    }

    /// Signed, as in a patch, without those that are the same; nothing where all of a text is new or gone.
    private static func lines(of difference: Difference) -> JSONValue {
        guard difference.change == .changed, let lines = difference.lines else { return [:] }
        let changed: [JSONValue] = lines.compactMap { line in
            switch line.change {
            case .same: nil
            case .removed: .string("-" + line.text)
            case .added: .string("+" + line.text)
            }
        }
        return ["lines": .array(changed)]
    }
}

extension JSONNode {
    fileprivate func state() throws(JSONError) -> StateName {
        do {
            let name = try StateName(try string())
            return StateName(name.branch ?? .main, name.moment)
        } catch let error as JSONError { throw error } catch {
            throw fault("a branch, BRANCH@REVISION, BRANCH@2h or a revision expected: \(error)")
        }
    }
}
