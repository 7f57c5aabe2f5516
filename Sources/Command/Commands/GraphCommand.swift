import ArgumentParser
import Membus
import MembusDocuments

struct GraphCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "graph",
        abstract: "Show what records link to, and what links to them.",
        discussion: """
            A tree by indentation, from each key on: the relation, which way it leads, and the record at its other end with \
            its version and kind. What stands elsewhere in the tree already is marked (shown); a link to a key without a \
            record, (no record).

              membus graph plans/lisbon --depth 2
              membus graph people/ada --to plans/lisbon    # only the shortest paths there; exits with 4 if there is none
              membus graph plans/lisbon --relation cites --in
              membus graph plans/lisbon --depth 4 --dot | dot -Tsvg > plan.svg
            """)

    @Argument(help: ArgumentHelp("Where to start.", valueName: "key"), transform: { try Key($0) })
    var keys: [Key]

    @Option(
        help: ArgumentHelp(
            "Links from there, at most 16. (default: 1, or with --to as many as it takes)", valueName: "number"))
    var depth: Int?

    @Option(
        help: ArgumentHelp("Only what lies on shortest paths to this key.", valueName: "key"),
        transform: { try Key($0) })
    var to: Key?

    @Option(help: ArgumentHelp("Only links of this relation. (default: of all)", valueName: "name"))
    var relation: [String] = []

    @Flag(name: .customLong("in"), help: "Only links that lead here.")
    var isIn = false

    @Flag(name: .customLong("out"), help: "Only links that lead away.")
    var isOut = false

    @Flag(help: "A graph for Graphviz.")
    var dot = false

    @Option(
        name: [.customShort("n"), .long],
        help: ArgumentHelp("At most this many links, up to 10000. (default: 1000)", valueName: "number"))
    var limit: Int?

    @OptionGroup var state: AtOption
    @OptionGroup(title: "Global options") var options: GlobalOptions

    func validate() throws {
        if let depth, depth < 1 { throw ValidationError("--depth needs a number above zero.") }
        if let limit, limit < 1 { throw ValidationError("--limit needs a number above zero.") }
        if isIn, isOut {
            throw ValidationError("--in and --out exclude each other: without either, both are followed.")
        }
        if options.json, dot { throw ValidationError("--json and --dot exclude each other.") }
    }

    func run() async throws {
        let graph = try await options.withMemory { memory in
            let at = try await state.state(options, of: memory)
            at.tell()
            return try await memory.links(
                of: keys.map(\.text), depth: depth, direction: isIn ? .in : isOut ? .out : .both, relations: relation,
                to: to?.text, limit: limit ?? 1000, at: at.revision, branch: at.branch)
        }
        let output = Output.standard
        if let to, graph.edges.isEmpty, !keys.contains(to) {
            throw CommandError.notFound(
                "no links lead from \(keys.map(\.text).joined(separator: ", ")) to \(to)",
                hint: "allow more steps with --depth, or other relations")
        }
        if options.json { return try output.line(.links(graph)) }
        let text = LinkText(graph, starts: keys) { Human.key($0, onTerminal: output.isTerminal) }
        for line in dot ? text.dot : text.lines { try output.line(line) }
        try output.flush()
        if graph.isCut { Output.warn("there are more links than \(limit ?? 1000): see --limit") }
    }
}
