import ArgumentParser
import FoundationEssentials
import Membus
import MembusDocuments

struct ConflictsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "conflicts",
        abstract: "What merges have left for later on --branch, and who settles it.",
        discussion: """
            A merge with --park commits what is clear, and leaves a record under .membus/conflicts/ for each key that \
            somebody has to decide about. Claim one before you work on it, so that nobody does it twice; settle it with \
            membus resolve. A branch with open conflicts can't be merged into another.

              membus conflicts
              membus conflicts claim 74/1 --expires 10m
              membus watch .membus/conflicts/
            """,
        subcommands: [List.self, Claim.self], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "List them, the oldest first.")

        @OptionGroup(title: "Global options") var options: GlobalOptions

        func run() async throws {
            let conflicts = try await options.withMemory { memory in try await memory.conflicts() }
            let output = Output.standard
            if conflicts.isEmpty, !options.json { return try output.line("no open conflicts") }
            for open in conflicts {
                if options.json {
                    try output.line(.parked(open.conflict, claimedBy: open.claim?.owner))
                    continue
                }
                let conflict = open.conflict
                let claim = open.claim.map { "claimed by \($0.owner.escapingControlCharacters)" } ?? "unclaimed"
                try output.line(
                    "\(conflict.name)  \(conflict.conflict)   \(conflict.kind.words)   \(claim)   "
                        + "membus resolve \(conflict.name) --ours|--theirs|--base|--delete|--value -")
            }
        }
    }

    struct Claim: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "claim", abstract: "Say that you settle one: others can't claim it until that is over.")

        @Argument(help: ArgumentHelp("Its name: 74/1.", valueName: "conflict"))
        var name: String

        @Option(help: ArgumentHelp("For how long: 30s, 10m, 1h30m.", valueName: "time"), transform: Span.read)
        var expires = Span(.seconds(600))

        @OptionGroup(title: "Global options") var options: GlobalOptions

        func run() async throws {
            let receipt = try await options.withMemory { memory in
                try await memory.claim(try await memory.openConflict(name), for: expires.duration)
            }
            try options.printReceipt(receipt)
        }
    }
}

struct ResolveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resolve",
        abstract: "Settle a conflict that a merge has left for later, on --branch.",
        discussion: """
            Whose version is to be there: ours (of the branch that was merged into), theirs, base (what both had before), \
            nobody's (--delete), or a new value. It fails if somebody has written the key since, or settles it; and for theirs, \
            if a cascade has undone that on the branch since, or what it derives from. A mark of quarantine stays on what is taken.

              membus resolve 74/1 --theirs --message "bus it is"
              echo "by train" | membus resolve 74/1 --value -
            """)

    enum Side: String, EnumerableFlag {
        case ours, theirs, base, delete

        static func help(for side: Side) -> ArgumentHelp? {
            switch side {
            case .ours: "Our version stays."
            case .theirs: "Theirs comes instead."
            case .base: "What both had before comes back."
            case .delete: "There is to be no record."
            }
        }
    }

    @Argument(help: ArgumentHelp("Its name: 74/1.", valueName: "conflict"))
    var name: String

    @Flag(exclusivity: .exclusive) var side: Side?

    @Option(help: ArgumentHelp("A new value; - reads standard input.", valueName: "value"))
    var value: String?

    @Option(help: ArgumentHelp("The new value's kind. (default: that of ours)", valueName: "kind"))
    var kind: String?

    @OptionGroup var write: WriteOptions
    @OptionGroup(title: "Global options") var options: GlobalOptions

    func validate() throws {
        if (side == nil) == (value == nil) {
            throw ValidationError("say what is to be there: --ours, --theirs, --base, --delete, or --value VALUE")
        }
        if kind != nil, value == nil { throw ValidationError("--kind goes with --value") }
    }

    func run() async throws {
        let (receipt, key, left) = try await options.withMemory(context: write.contextName) { memory in
            let open = try await memory.openConflict(name)
            let receipt = try await memory.resolve(
                open, try await choice(open.conflict, on: memory), message: write.message)
            let left = try await memory.conflicts().count { $0.conflict.merge == open.conflict.merge }
            return (receipt, open.conflict.conflict, left)
        }
        try Output.standard.tell(of: "revision \(receipt.revision): \(key) is settled") { output in
            if options.json {
                return try output.line(
                    .receipt(receipt.token, isCommitted: receipt.isCommitted, branch: options.branchName))
            }
            let merge = name.prefix { $0 != "/" }
            let rest = left == 0 ? "no open conflicts" : Human.plural(left, "open conflict")
            try output.line("revision \(receipt.revision): \(key) is settled; merge \(merge) has \(rest)")
        }
    }

    private func choice(_ conflict: ParkedConflict, on memory: Memory) async throws -> Resolution.Choice {
        switch side {
        case .ours: return .ours
        case .theirs: return .theirs
        case .base: return .base
        case .delete: return .delete
        case nil: break
        }
        let data = value == "-" ? try StandardInput.read() : Data((value ?? "").utf8)
        if let kind { return .put(Put(data, kind: Kind(kind))) }
        let ours = try await memory.get(conflict.conflict.text)
        return .put(
            Put(
                data, kind: ours?.kind ?? .text, attributes: ours?.attributes.withoutReserved ?? [:],
                links: ours?.links ?? []))
    }
}

extension Memory {
    fileprivate func openConflict(_ name: String) async throws -> OpenConflict {
        if let open = try await conflict(name) { return open }
        throw CommandError(
            "NOT_FOUND", "there is no open conflict \(name.escapingControlCharacters) on branch \(branch)",
            hint: "see membus conflicts", .notFound)
    }
}
