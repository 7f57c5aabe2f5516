import ArgumentParser
import FoundationEssentials
import Glibc
import Membus
import MembusDocuments
import MembusStore

struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check the store: the file, the chain of hashes, what is derived from the commits.",
        discussion: """
            Asks the running broker; with FILE looks at a backup, with --data at a data directory, without a \
            broker (one that runs on it is not disturbed, and nothing is written there). Exits with 1 if anything is wrong, and tells what.

            The broker may take 1h, unless --timeout says otherwise.

              membus verify
              membus verify memory-monday.membus
              membus verify --data ~/.membus
            """)

    @Argument(
        help: ArgumentHelp("A backup to check.", valueName: "file"), completion: .file(), transform: LocalPath.file)
    var file: LocalPath?

    @Option(
        help: ArgumentHelp("A data directory to check.", valueName: "directory"), completion: .directory,
        transform: LocalPath.directory)
    var data: LocalPath?

    @OptionGroup(title: "Global options") var options: GlobalOptions

    func validate() throws {
        if file != nil, data != nil { throw ValidationError("FILE and --data exclude each other.") }
    }

    func run() async throws {
        let result = try await verification()
        try show(result)
        if !result.problems.isEmpty {
            var commandError = CommandError(
                "DAMAGED", "the store fails its checks: \(Human.plural(result.problems.count, "problem"))",
                hint: "keep a copy of it, then restore the newest backup that passes membus verify FILE")
            commandError.isToldInJSON = true
            throw commandError
        }
    }

    private func verification() async throws -> Verification {
        let (file, data) = (file?.path, data?.path)
        if let file, FileManager.default.fileExists(atPath: file) {
            try LocalFile.refuseDirectory(file)
            var status = stat()
            // SQLite would take an empty file for a new database.
            guard stat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size > 0 else {
                throw CommandError(
                    "STORE_FOREIGN", "\(file) is no Membus store", hint: "name a file that membus backup wrote")
            }
        }
        if let file { return try await Blocking.run { try Store.verification(ofFile: file) } }
        if let data { return try await Blocking.run { try Store.verification(at: data) } }
        return try await options.withMemory {
            try await $0.verify(timeout: options.timeout?.duration ?? .seconds(3600))
        }
    }

    private func show(_ result: Verification) throws {
        let output = Output.standard
        if options.json { return try output.line(JSONValue.verification(result)) }
        for problem in result.problems {
            try output.line(output.style.red("problem") + "  " + problem.escapingControlCharacters)
        }
        let verdict = result.problems.isEmpty ? output.style.green("sound") : output.style.red("damaged")
        try output.line(
            "\(verdict): \(result.commits) \(Human.noun(result.commits, "commits")), \(result.changes) \(Human.noun(result.changes, "changes")), revisions \(result.floor) to \(result.revision)"
        )
    }
}
