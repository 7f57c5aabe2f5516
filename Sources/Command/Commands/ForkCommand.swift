import ArgumentParser
import Membus
import MembusDocuments

struct ForkCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fork",
        abstract: "Make a branch: a line of memory that starts as another was at a revision.",
        discussion: """
            Copies nothing, whatever the branch holds. Work on it with --branch NAME. Made below the head it stays as that was: \
            records that it inherited do not expire on it, unless --expire. A name is never used again.

              membus fork idea
              membus fork before-the-mess --at 120
              membus fork as-it-was --at 2h
              membus fork again --at before-the-trip
              membus fork idea-2 --from idea
              membus --branch idea put plans/paris "by bike"
            """)

    @Argument(help: ArgumentHelp("The new branch's name.", valueName: "name"), transform: { try BranchName($0) })
    var name: BranchName

    @Option(
        help: ArgumentHelp("The branch to start from. (default: --branch, or main)", valueName: "branch"),
        transform: { try BranchName($0) })
    var from: BranchName?

    @Flag(help: "Let inherited records expire on it, though it starts in the past.")
    var expire = false

    @OptionGroup var state: AtOption
    @OptionGroup var write: WriteOptions
    @OptionGroup(title: "Global options") var options: GlobalOptions

    func run() async throws {
        let (receipt, parent) = try await options.withMemory(context: write.contextName) { memory in
            let parent = try await state.state(options, from: from, of: memory)
            let receipt = try await memory.fork(
                name, from: parent.branch, at: parent.revision, expires: expire, message: write.message)
            return (receipt, parent)
        }
        // The commit's own is the one after the head.
        let at = parent.revision ?? receipt.revision - 1
        if options.json {
            return try Output.standard.line(
                JSONValue.receipt(receipt.token, isCommitted: receipt.isCommitted, branch: name)
                    + .forked(from: parent.branch, at: at, receipt.frozen))
        }
        try Output.standard.tell(of: "it is committed as revision \(receipt.revision)") { output in
            try output.line("revision \(receipt.revision): \(name) is \(parent.branch) as of revision \(at)")
            if let frozen = receipt.frozen { try output.line(frozen.words) }
        }
    }
}

extension FrozenCount {
    fileprivate var words: String {
        let count = Int64(records)
        let what = isAll ? "\(count) expiring \(Human.noun(count, "records"))" : "at least \(count) expiring records"
        return "\(what) \(isAll && count == 1 ? "is" : "are") frozen on it (--expire lets them expire)"
    }
}
