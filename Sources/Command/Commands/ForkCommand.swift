import ArgumentParser
import Membus
import MembusDocuments

struct ForkCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fork",
        abstract: "Make a branch: a line of memory that starts as another was at a revision.",
        discussion: """
            Copies nothing, whatever the branch holds. Work on it with --branch NAME.

              membus fork idea
              membus fork before-the-mess --at 120
              membus fork as-it-was --at 2h
              membus fork idea-2 --from idea
              membus --branch idea put plans/paris "by bike"
            """)

    @Argument(help: ArgumentHelp("The new branch's name.", valueName: "name"), transform: { try BranchName($0) })
    var name: BranchName

    @Option(
        help: ArgumentHelp("The branch to start from. (default: --branch, or main)", valueName: "branch"),
        transform: { try BranchName($0) })
    var from: BranchName?

    @OptionGroup var state: AtOption
    @OptionGroup var write: WriteOptions
    @OptionGroup(title: "Global options") var options: GlobalOptions

    func run() async throws {
        let receipt = try await options.withMemory(context: write.contextName) {
            let at = try await state.revision(on: from ?? options.branchName, of: $0)
            return try await $0.fork(name, from: from, at: at, message: write.message)
        }
        try options.printReceipt(receipt, branch: name)
    }
}
