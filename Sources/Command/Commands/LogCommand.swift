import ArgumentParser
import Membus
import MembusDocuments

struct LogCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log",
        abstract: "List commits, newest first.",
        discussion: """
            Each with its author, time, message, and the keys it changed. Topics show only the commits that \
            changed them, and of those only the changes that match. Says on standard error where history was \
            dropped, if the list would reach there.

              membus log -n 10
              membus log plans/ --by planner --since 2h
              membus log --context trip-42 --ascending --json
              membus log --since 2026-03-01 --until 2026-03-02T12:00:00Z
              membus log --at before-the-trip -n 5
              membus log --graph -n 20           # with forks and merges drawn
            """)

    @Argument(
        help: ArgumentHelp("Only commits that changed these topics.", valueName: "topic"), transform: { try Topic($0) })
    var topics: [Topic] = []

    @Option(help: ArgumentHelp("Only commits by this agent. (--agent says who you are)", valueName: "agent"))
    var by: String?

    @Option(help: ArgumentHelp("Only commits of this context.", valueName: "name"))
    var context: String?

    @Option(
        help: ArgumentHelp(
            "Only commits from then on: 2h (ago), a date, or date and time (ISO 8601).", valueName: "time"),
        transform: Moment.read)
    var since: Moment?

    @Option(help: ArgumentHelp("Only commits up to then.", valueName: "time"), transform: Moment.read)
    var until: Moment?

    @Option(
        name: [.customShort("n"), .long],
        help: ArgumentHelp("At most this many commits. (default: all)", valueName: "number"))
    var limit: Int?

    @Flag(help: "Oldest first.")
    var ascending = false

    @Flag(help: "Commits of every branch.")
    var allBranches = false

    @Flag(help: "With the values that the commits wrote.")
    var values = false

    @Flag(
        help:
            "One line per commit, with what each follows drawn beside it: all that --branch contains, or --all-branches."
    )
    var graph = false

    @OptionGroup var state: AtOption
    @OptionGroup(title: "Global options") var options: GlobalOptions

    func validate() throws {
        if let limit, limit < 1 { throw ValidationError("--limit needs a number above zero.") }
        if allBranches, options.branch != nil {
            throw ValidationError("--all-branches and --branch exclude each other.")
        }
        if ascending, state.at != nil { throw ValidationError("--ascending and --at exclude each other.") }
        let isFiltered = !topics.isEmpty || by != nil || context != nil || since != nil || until != nil
        if graph, isFiltered || ascending || values {
            throw ValidationError(
                "--graph shows all commits, the newest first: only -n, --at and --all-branches go with it.")
        }
    }

    func run() async throws {
        try await options.withMemory { memory in
            let at = try await state.state(options, of: memory)
            at.tell()
            if graph { return try await showGraph(memory, from: at) }
            let pages = try memory.log(
                topics.map(\.text), agent: by, context: context, since: since?.timestamp, until: until?.timestamp,
                ascending: ascending, branch: allBranches ? nil : at.branch, through: at.revision, values: values,
                pageSize: min(limit ?? 100, 100))
            var (shown, whole) = (0, Commit?.none)
            // A large commit comes in pieces.
            for try await piece in pages {
                if whole?.info.revision == piece.info.revision {
                    whole?.records += piece.records
                    continue
                }
                if let whole {
                    try show(whole)
                    shown += 1
                }
                whole = piece
                // Newest first, what the floor has passed comes after what was asked for.
                if shown == limit {
                    if ascending { try await tellOfFloor(memory) }
                    return
                }
            }
            if let whole { try show(whole) }
            if !ascending, let limit, shown + (whole == nil ? 0 : 1) >= limit { return }
            try await tellOfFloor(memory)
        }
    }

    /// A list that ends at the floor must not look as if nothing had ever been before.
    func tellOfFloor(_ memory: Memory) async throws {
        let floor = try await memory.status().figures.floor
        guard floor > 0 else { return }
        if let since {
            // The oldest commit that is kept is older than what was asked for: so is all that was dropped.
            var oldest = try memory.log([], ascending: true, branch: nil, pageSize: 1).makeAsyncIterator()
            if let commit = try await oldest.next(), commit.info.time < since.timestamp { return }
        }
        try Output.standard.flush()
        let held = try await memory.tags().filter(\.holdsHistory).map(\.name.text)
        let kept =
            held.isEmpty
            ? ""
            : "; \(Human.noun(Int64(held.count), "tags")) \(held.prefix(3).joined(separator: ", "))"
                + "\(held.count > 3 ? " and \(held.count - 3) more" : "") \(held.count == 1 ? "holds" : "hold") what is shown there"
        Output.warn("commits up to revision \(floor) are no longer kept: history below the floor was dropped\(kept)")
    }

    private func show(_ commit: Commit) throws {
        let output = Output.standard
        if options.json {
            let records = commit.records.map { values || $0.isDeleted ? JSONValue.record($0) : .record($0.announced) }
            return try output.line(JSONValue.commit(commit.info) + ["records": .array(records)])
        }
        let info = commit.info
        let branch = allBranches ? "  \(info.branch)" : ""
        try output.line(
            "\(output.style.bold("revision \(info.revision)"))  \(info.time.shown)\(branch)  \(Human.commit(info))")
        for record in commit.records {
            let what =
                record.isDeleted
                ? output.style.red("deleted")
                : values
                    ? Human.preview(record)
                    : "\(record.kind.name.escapingControlCharacters), \(Human.bytes(Int64(record.size)))"
            try output.line("    \(Human.key(record.key, onTerminal: output.isTerminal))  \(output.style.dim(what))")
        }
    }
}
