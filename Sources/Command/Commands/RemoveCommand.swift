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
        let receipt = try await options.withMemory(context: write.contextName) { memory in
            if let ifRevision {
                return try await memory.submit(
                    Transaction(
                        branch: memory.branch, context: memory.context, message: write.message,
                        preconditions: [.at(key, ifRevision)], changes: [Change(key, .delete)]))
            }
            // It must still be there when it is deleted, whoever changes it meanwhile.
            return try await memory.transact(message: write.message, retries: 20) { tx in
                guard try await tx.get(key.text) != nil else {
                    throw CommandError.notFound("there is no record under \(key)", hint: "nothing was changed")
                }
                tx.delete(key.text)
            }
        }
        try options.printReceipt(receipt, of: key)
    }
}
