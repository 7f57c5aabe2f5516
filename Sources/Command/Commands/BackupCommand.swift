import ArgumentParser
import FoundationEssentials
import Glibc
import Membus
import MembusDocuments
import MembusSystem

struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Copy the store to a file, while agents go on writing.",
        discussion: """
            The copy holds everything up to one revision, and appears under its name only when it is whole and \
            on disk. Restore it with: membus restore FILE --data DIR

            You alone can read it; a file that --force replaces keeps its owner and mode.

            Each step of the copy may take 10m, unless --timeout says otherwise.

              membus backup memory-monday.membus
            """)

    @Argument(
        help: ArgumentHelp("The file to write.", valueName: "file"), completion: .file(), transform: LocalPath.file)
    var file: LocalPath

    @Flag(help: "Replace the file if it exists.")
    var force = false

    @OptionGroup(title: "Global options") var options: GlobalOptions

    func validate() throws {
        if file.path == "-" { throw ValidationError("A backup is not written to standard output: name a file.") }
    }

    func run() async throws {
        let file = file.path
        if !force, FileManager.default.fileExists(atPath: file) {
            throw CommandError(
                "EXISTS", "\(file) exists already", hint: "name another file, or replace it with --force")
        }
        let revision = try await Termination.cleaningUp { try await make() }
        let size = ReadableFile.size(of: file)
        guard options.json else {
            return try Output.standard.line(
                "\(file) holds everything up to revision \(revision) (\(Human.bytes(size)))")
        }
        try Output.standard.line(
            ["revision": .integer(revision), "file": .string(file), "total_bytes": .integer(size)] as JSONValue)
    }

    private func make() async throws -> Revision {
        let progress = Progress("backup", counting: "bytes")
        let revision = try await options.withMemory { memory in
            try await memory.backup(to: file.url, timeout: options.timeout?.duration ?? .seconds(600)) { done, total in
                progress.update {
                    $0.done = done
                    ($0.bytes, $0.totalBytes) = (done, total)
                }
            }
        }
        progress.finish()
        return revision
    }
}
