import ArgumentParser
import Membus

struct RollbackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback",
        abstract: "Have --branch, or some topics of it, be again as they were.",
        discussion: """
            One commit, whoever changed what since; nothing of the past is lost, and a rollback can be rolled back. What has \
            expired does not return. Records under .membus/policies/ and .membus/rights/ stay as they are, unless a topic \
            names them.

              membus rollback --to 120
              membus rollback plans/ notes/lisbon --to 2h --message "the last good plans"
              membus --branch trial rollback --to ~3
              membus rollback --to before-the-trip
            """)

    @Argument(
        help: ArgumentHelp("Topics: prefixes that end in /, or keys. (default: everything)", valueName: "topic"),
        transform: { try Topic($0).text })
    var topics: [String] = []

    @Option(
        help: ArgumentHelp(
            "A revision, how long ago (10m), a date, date and time, ~N, or a tag of a state that the branch was in.",
            valueName: "state"),
        transform: AtOption.read)
    var to: StateName

    @OptionGroup var planning: PlanOptions
    @OptionGroup var write: WriteOptions
    @OptionGroup(title: "Global options") var options: GlobalOptions

    func run() async throws {
        try await planning.run(
            options, write, again: ["rollback"] + topics + ["--to", "\(to)"],
            nothing: "nothing to roll back: it is as it was then"
        ) { memory in
            let revision = try await memory.pastState(to, of: options.branchName)
            if revision == 0, to.revision != 0 {
                throw CommandError(
                    "INVALID_ARGUMENT", "there was nothing yet at \(to)",
                    hint: "name a later time; --to 0 removes everything",
                    .usage)
            }
            return .rollback(to: revision, topics: topics.isEmpty ? [Topic.everything.text] : topics)
        }
    }
}
