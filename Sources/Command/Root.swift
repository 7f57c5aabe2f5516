import ArgumentParser
import MembusBroker

/// `membus` itself: what all commands share, and the list of them.
struct Root: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "membus",
        abstract: "Shared memory for teams of AI agents.",
        discussion: """
            A broker keeps records under keys such as plans/paris/day-1. Agents commit to it in transactions, \
            and follow topics: a prefix (plans/), one key, or / for everything. Every commit has a revision; \
            past revisions can be read.

              membus start                            # a broker in the background; membus serve: in this terminal
              membus put plans/paris "night train"    # prints: revision 1
              membus get plans/paris
              membus watch plans/                     # changes, as they happen

            Keys are compared byte by byte: two spellings of one accented letter (NFC, NFD) are two keys.

            Exit codes: 0 done, 1 error, 2 wrong usage or input, 3 conflict (a precondition failed), 4 not found \
            (a record, a branch, a tag).
            With --json every line of standard output is one JSON object, errors and conflicts included.
            Shell completion: membus --generate-completion-script bash|zsh|fish
            """,
        version: Broker.version,
        groupedSubcommands: [
            CommandGroup(
                name: "Reading and writing:",
                subcommands: [
                    PutCommand.self, GetCommand.self, ListCommand.self, RemoveCommand.self, CommitCommand.self,
                    WatchCommand.self,
                ]),
            CommandGroup(
                name: "Finding:",
                subcommands: [SearchCommand.self, RecallCommand.self, GraphCommand.self, SQLCommand.self]),
            CommandGroup(
                name: "The past:",
                subcommands: [
                    LogCommand.self, HistoryCommand.self, DiffCommand.self, BlameCommand.self, BisectCommand.self,
                    KnowsCommand.self,
                ]),
            CommandGroup(
                name: "Branches, and undoing:",
                subcommands: [
                    BranchesCommand.self, ForkCommand.self, TagCommand.self, TagsCommand.self, MergeCommand.self,
                    ConflictsCommand.self, ResolveCommand.self, PickCommand.self, RebaseCommand.self,
                    RollbackCommand.self, RevertCommand.self, ImpactCommand.self, QuarantineCommand.self,
                ]),
            CommandGroup(name: "For agents' hosts:", subcommands: [MCPCommand.self]),
            CommandGroup(
                name: "In bulk:", subcommands: [ImportCommand.self, ExportCommand.self, WarmCommand.self]),
            CommandGroup(
                name: "The broker and its store:",
                subcommands: [
                    ServeCommand.self, StartCommand.self, StopCommand.self, StatusCommand.self, CompactCommand.self,
                    BackupCommand.self,
                    RestoreCommand.self, VerifyCommand.self, ReindexCommand.self, ModelCommand.self, DebugCommand.self,
                ]),
        ])

    // Declared here and in every command, so that they are accepted before the command as well as after it.
    @OptionGroup(title: "Global options") var options: GlobalOptions

    func run() async throws { throw NoCommand(help: Root.helpMessage()) }
}

/// A command that only groups others was named alone.
struct NoCommand: Error {
    /// What could have been said.
    let help: String
}
