import ArgumentParser
import Membus
import MembusDocuments
import MembusStore

struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Make a broker's store from a backup.",
        discussion: """
            Works on the data directory itself: stop the broker first. The restored store is a new history, \
            with a lineage of its own: caches and warm files of the old one notice, and load anew. It belongs to whom \
            the one belonged that it replaces, or to whom the directory belongs, also where root restores it.

              membus restore memory-monday.membus --data ~/.membus --replace
            """)

    @Argument(
        help: ArgumentHelp("A file that membus backup wrote.", valueName: "file"), completion: .file(),
        transform: LocalPath.file)
    var file: LocalPath

    @Option(
        help: ArgumentHelp(
            "The broker's data directory. (default: \(DataDirectoryOption.shown))", valueName: "directory"),
        completion: .directory, transform: LocalPath.directory)
    var data: LocalPath?

    @Flag(help: "Replace the store that is there; it is kept beside the new one.")
    var replace = false

    @OptionGroup(title: "Global options") var options: GlobalOptions

    func run() async throws {
        let directory = try DataDirectoryOption.path(data)
        let restored = try await Termination.cleaningUp { try await restore(into: directory) }
        guard !options.json else { return try Output.standard.line(json(restored, directory)) }
        try Output.standard.line(
            "restored \(directory) to revision \(restored.head.revision), as lineage \(restored.lineage)")
        if let aside = restored.movedAside { try Output.standard.line("the store that was there is now \(aside)") }
    }

    private func restore(into directory: String) async throws -> Store.Restored {
        let isEnded = Latch()
        return try await withTaskCancellationHandler {
            try await Blocking.run { [file, replace] in
                do throws(StoreError) {
                    return try Store.restore(
                        file.path, into: directory, newLineage: .random(in: 1 ... .max), replace: replace,
                        isWanted: { !isEnded.hasArrived })
                } catch {
                    throw Self.commandError(error)
                }
            }
        } onCancel: {
            isEnded.arrive()
        }
    }

    private static func commandError(_ error: StoreError) -> CommandError {
        var commandError = CommandError(error)
        if error.kind == .exists {
            commandError.hint = "name another directory with --data, or replace it with --replace"
        }
        return commandError
    }

    private func json(_ restored: Store.Restored, _ directory: String) -> JSONValue {
        let told: JSONValue = [
            "revision": .integer(restored.head.revision), "hash": .string(restored.head.hash.hexadecimal),
            "lineage": .string("\(restored.lineage)"), "data": .string(directory),
        ]
        return restored.movedAside.map { told + ["moved_aside": .string($0)] } ?? told
    }
}
