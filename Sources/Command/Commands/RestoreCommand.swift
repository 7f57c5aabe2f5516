import ArgumentParser
import Foundation
import Membus
import MembusDocuments
import MembusStore

struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Make a broker's store from a backup.",
        discussion: """
            Works on the data directory itself: stop the broker first. The restored store is a new history, \
            with a lineage of its own: caches and warm files of the old one notice, and load anew.

              membus restore memory-monday.membus --data ~/.membus --replace
            """)

    @Argument(help: ArgumentHelp("A file that membus backup wrote.", valueName: "file"), completion: .file())
    var file: String

    @Option(
        help: ArgumentHelp(
            "The broker's data directory. (default: \(DataDirectoryOption.shown))", valueName: "directory"),
        completion: .directory)
    var data: String?

    @Flag(help: "Replace the store that is there; it is kept beside the new one.")
    var replace = false

    @OptionGroup(title: "Global options") var options: GlobalOptions

    func validate() throws {
        if file.isEmpty { throw ValidationError("The file's name is empty.") }
        if data == "" { throw ValidationError("--data needs a directory.") }
    }

    func run() async throws {
        let directory = data ?? DataDirectoryOption.path
        let restored = try await Blocking.run { [file, replace] in
            do throws(StoreError) {
                return try Store.restore(file, into: directory, newLineage: .random(in: 1 ... .max), replace: replace)
            } catch {
                throw Self.commandError(error)
            }
        }
        guard !options.json else { return try Output.standard.line(json(restored, directory)) }
        try Output.standard.line(
            "restored \(directory) to revision \(restored.head.revision), as lineage \(restored.lineage)")
        if let aside = restored.movedAside { try Output.standard.line("the store that was there is now \(aside)") }
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

/// Where a broker keeps its store unless it is told.
enum DataDirectoryOption {
    static let shown = "~/.membus"
    static var path: String {
        (FileManager.default.homeDirectoryForCurrentUser.path as NSString).appendingPathComponent(".membus")
    }
}
