import ArgumentParser
import Membus
import MembusDocuments

struct RecallCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recall",
        abstract: "Print what is known of something, as a block for a prompt.",
        discussion: """
            The best passages, each once, and what they link to, each cited as KEY@REVISION. What did not fit, of which state \
            it is, and how far meaning took part, goes to standard error.

              membus recall "when does the night train leave?" --budget 2000
              membus recall "open tasks" --in tasks/ --since 41    # only what has changed after revision 41

            What is cited counts as read in the context, if one is named.
            """)

    @Argument(help: ArgumentHelp("What to look for, as membus search takes it.", valueName: "question"))
    var question: String?

    @Option(
        help: ArgumentHelp(
            "How large the block may be. (default: 4000 characters, or 1000 tokens)", valueName: "number"))
    var budget: Int?

    @Flag(help: "Count the budget in tokens of the broker's model, instead of characters.")
    var tokens = false

    @Option(help: ArgumentHelp("Only versions after this revision.", valueName: "revision"))
    var since: Revision?

    @Option(
        name: .customLong("in"),
        help: ArgumentHelp("Only there: a prefix ending in /, or a key. (default: everywhere)", valueName: "topic"),
        transform: { try Topic($0) })
    var topics: [Topic] = []

    @Option(help: MeaningOption.help)
    var meaning: MeaningOption?

    @OptionGroup var vector: VectorOptions
    @OptionGroup var state: AtOption
    @OptionGroup var reading: ReadOptions
    @OptionGroup(title: "Global options") var options: GlobalOptions

    func validate() throws {
        if question == nil, vector.space == nil { throw ValidationError("A question is needed, or a --vector.") }
        if let budget, budget < 1 { throw ValidationError("--budget needs a number above zero.") }
        if let since, since < 0 { throw ValidationError("Revisions are never negative.") }
    }

    func run() async throws {
        let known = try await options.withMemory(context: reading.contextName) { memory in
            let at = try await state.state(options, of: memory)
            return try await memory.recall(
                question ?? "", budget: tokens ? .tokens(budget ?? 1000) : .characters(budget ?? 4000),
                in: topics.map(\.text), since: since, at: at.revision, branch: at.branch, meaning: meaning.meaning,
                by: vector.question)
        }
        let output = Output.standard
        if options.json { return try output.line(.recollection(known)) }
        if !known.block.isEmpty { try output.line(shown(known.block, on: output)) }
        try output.flush()
        let left = known.leftOut > 0 ? "; \(Human.plural(known.leftOut, "passage")) did not fit" : ""
        let what = known.citations.isEmpty ? "nothing found" : "\(known.size) \(tokens ? "tokens" : "characters")"
        Output.warn("\(what), at revision \(known.at.revision); meaning: \(known.standing.words)\(left)")
    }

    /// Other agents wrote it: a terminal is not to obey it.
    private func shown(_ block: String, on output: Output) -> String {
        output.isTerminal
            ? block.split(separator: "\n", omittingEmptySubsequences: false).map { Human.line(String($0)) }
                .joined(separator: "\n") : block
    }
}
