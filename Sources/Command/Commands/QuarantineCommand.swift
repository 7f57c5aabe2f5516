import ArgumentParser
import Membus
import MembusDocuments

struct QuarantineCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "quarantine",
        abstract: "Warn of versions, and of what was made of them, before anybody has looked closer.",
        discussion: """
            What --branch shows of them is written again with an attribute membus.quarantine, which says why: membus get \
            tells it, and transactions that require to be sound fail. Nothing is taken away. A whole new write of a key ends \
            it there; membus revert of the quarantine's revision ends it everywhere.

              membus quarantine facts/visa@41 --reason "the embassy says otherwise"
              membus quarantine facts/visa@41 --cascade --reason "the embassy says otherwise"

            With --cascade everything that followed is marked, on each branch that shows any of it, or on --branch alone.
            """)

    @OptionGroup var named: NamedOptions

    @Option(help: ArgumentHelp("Why: kept with each record, and shown to its readers.", valueName: "text"))
    var reason: String

    @OptionGroup var planning: PlanOptions
    @OptionGroup var write: WriteOptions
    @OptionGroup(title: "Global options") var options: GlobalOptions

    private static let nothing = "nothing to mark: none of it is shown, or all is marked"

    func validate() throws { if reason.isEmpty { throw ValidationError("--reason needs a text.") } }

    func run() async throws {
        if planning.dryRun || planning.plan != nil || options.namesBranch || !named.cascade {
            let again = ["quarantine"] + named.words + ["--reason", reason]
            return try await planning.run(options, write, again: again, nothing: Self.nothing) { memory in
                .quarantine(
                    versions: named.versions, revisions: named.revisions,
                    of: try await named.author(on: memory, options), cascade: named.cascaded, reason: reason)
            }
        }
        try await Everywhere(options: options, write: write, done: "marked", nothing: Self.nothing).run {
            branch, memory in
            try await memory.quarantine(
                versions: named.versions, revisions: named.revisions,
                of: try await named.author(on: memory, options), cascade: named.cascaded, reason: reason, on: branch,
                message: write.message)
        }
    }
}
