import ArgumentParser
import Membus
import MembusDocuments

struct RemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm",
        abstract: "Delete a record.",
        discussion: """
            Its past stays readable (membus history, membus get --at). Exits with 4 if there is no record.

              membus rm tasks/7
              membus rm tasks/7 --if-revision 32     # only if nobody changed it since
            """)

    @Argument(help: ArgumentHelp("The record's key.", valueName: "key"), transform: { try Key($0) })
    var key: Key

    @Option(help: ArgumentHelp("Only if the key's newest version is this one.", valueName: "revision"))
    var ifRevision: Revision?

    @OptionGroup var write: WriteOptions
    @OptionGroup(title: "Global options") var options: GlobalOptions

    func validate() throws {
        if let ifRevision, ifRevision < 1 { throw ValidationError("A record's revision is 1 or more.") }
    }

    func run() async throws {
        // Nothing is read first: whoever changes the key meanwhile is no reason not to delete it.
        let receipt = try await options.withMemory(context: write.contextName) { memory in
            try await memory.submit(
                Transaction(
                    branch: memory.branch, context: memory.context, message: write.message,
                    preconditions: ifRevision.map { [.at(key, $0)] } ?? [], changes: [Change(key, .delete)]))
        }
        guard receipt.isCommitted else {
            throw CommandError.notFound("there is no record under \(key)", hint: "nothing was changed")
        }
        try options.printReceipt(receipt, of: key)
    }
}
