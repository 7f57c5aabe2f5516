import ArgumentParser
import Membus
import MembusDocuments

struct KnowsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "knows",
        abstract: "Tell what an agent knew: what it had read, required and written.",
        discussion: """
            Each version once, as it came to be known first, in the order of history: by a read of a view, or in a named \
            context, which is noted within half a second and travels with the agent's next commit; by a commit that read or \
            required it; or because the agent wrote it. What lies below the floor is told as far as it is still noted.

              membus knows booker
              membus knows booker --context trip-42 --at 47
              membus knows booker --at 10m --json
            """)

    @Argument(help: ArgumentHelp("The agent's name.", valueName: "agent"))
    var agent: String

    @Option(help: ArgumentHelp("Only in this context.", valueName: "name"))
    var context: String?

    @OptionGroup var state: AtOption
    @OptionGroup(title: "Global options") var options: GlobalOptions

    func run() async throws {
        let knowledge = try await options.withMemory { memory in
            let at = try await state.state(options, of: memory)
            return try await memory.knowledge(of: agent, in: context, at: at.revision)
        }
        let output = Output.standard
        if options.json {
            for known in knowledge.known { try output.line(.known(known)) }
            return try output.line(.standing(knowledge))
        }
        let rows = knowledge.known.map { row($0) }
        let width = rows.map(\.what.count).max() ?? 0
        for row in rows {
            let pad = String(repeating: " ", count: width - row.what.count)
            try output.line("\(row.what)\(pad)   \(row.how)")
        }
        try output.flush()
        if knowledge.known.isEmpty { Output.warn("nothing is on record of \(agent.escapingControlCharacters)") }
        if knowledge.unlisted > 0 { Output.warn("\(Human.plural(knowledge.unlisted, "older one")) not listed") }
        if knowledge.lostReads > 0 {
            Output.warn("\(Human.plural(knowledge.lostReads, "read")) could not be noted, and are not among these")
        }
    }

    private func row(_ known: KnownVersion) -> (what: String, how: String) {
        let name =
            switch known.subject {
            case .key(let key): key.text
            case .topic(let topic): topic.text
            }
        var what = name
        if known.version > 0 {
            what += "@\(known.version)"
        } else if case .key = known.subject {
            what += " (absent)"
        } else if known.cut > 0 {
            what += " as of \(known.cut)"
        }
        var how: String
        switch known.way {
        case .read: how = known.isNoted ? "read" : "read by commit \(known.revision)"
        case .listed: how = known.isNoted ? "listed" : "listed by commit \(known.revision)"
        case .required: how = "required by its commit \(known.revision)"
        case .wrote: how = "wrote it"
        }
        if known.way != .wrote { how += "  \(known.time.written)" }
        if context == nil, !known.context.isEmpty { how += "  in \(known.context.escapingControlCharacters)" }
        if known.branch != .main { how += "  on \(known.branch)" }
        return (what, how)
    }
}
