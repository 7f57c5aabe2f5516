import ArgumentParser
import Membus
import MembusBus
import MembusDocuments
import MembusSystem

struct StartCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start",
        abstract: "Make sure that a broker has a data directory: start one in the background unless one runs.",
        discussion: """
            The broker listens at sockets inside the directory only, so that its permissions keep others out; commands \
            and agents of the same user find it there by themselves. Its log goes to broker.log in the directory. It \
            outlives whoever started it, and ends an hour after its last client has gone. Where several are started at \
            once, one is.

              membus start
              membus start --data ~/trip/.membus --idle 7d
            """)

    @Option(
        help: ArgumentHelp(
            "Where the store lives; made if missing. (default: \(DataDirectoryOption.shown))", valueName: "directory"),
        completion: .directory, transform: LocalPath.directory)
    var data: LocalPath?

    @Option(
        help: ArgumentHelp("End after so long without clients. (default: 1h)", valueName: "time"),
        transform: Span.read)
    var idle: Span?

    @Option(
        help: ArgumentHelp("Read the broker's configuration from this file.", valueName: "file"),
        completion: .file(extensions: ["json"]), transform: LocalPath.file)
    var config: LocalPath?

    @OptionGroup(title: "Global options") var options: GlobalOptions

    func validate() throws {
        if let idle, idle.duration <= .zero { throw ValidationError("--idle needs a time above zero.") }
    }

    func run() async throws {
        let background = try BackgroundBroker(
            directory: try DataDirectoryOption.path(data), idle: idle?.duration ?? .seconds(3600), config: config?.path)
        let started = try await Blocking.run { [options] in
            try background.ensure(within: options.timeout?.duration ?? .seconds(30))
        }
        let files = background.files
        guard !options.json else {
            let told: JSONValue = [
                "data": .string(files.directory), "requests": .string(started.endpoint), "log": .string(files.log),
                "process": .integer(Int64(started.process)), "started": .bool(started.isNew),
            ]
            return try Output.standard.line(told)
        }
        let end = "membus stop" + (data == nil ? "" : " --data \(files.directory)")
        try Output.standard.line(
            started.isNew
                ? "\(BrokerStart.told(of: files.directory)); \(end) ends it"
                : "a broker serves \(files.directory) already, at \(started.endpoint)")
    }
}

struct StopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop",
        abstract: "Stop the broker of a data directory.",
        discussion: """
            What is under way is finished first. Exits with 4 if no broker has the directory.
            """)

    @Option(
        help: ArgumentHelp("Where its store lives. (default: \(DataDirectoryOption.shown))", valueName: "directory"),
        completion: .directory, transform: LocalPath.directory)
    var data: LocalPath?

    @OptionGroup(title: "Global options") var options: GlobalOptions

    func run() async throws {
        let files = BrokerFiles(try DataDirectoryOption.path(data))
        guard let process = files.holder else {
            throw CommandError(
                "NOT_FOUND", "no broker has \(files.directory)", hint: "membus start runs one", .notFound)
        }
        try await Blocking.run { [options] in
            try BackgroundBroker.stop(process, of: files, within: options.timeout?.duration ?? .seconds(30))
        }
        guard !options.json else {
            return try Output.standard.line(
                ["data": .string(files.directory), "process": .integer(Int64(process))] as JSONValue)
        }
        try Output.standard.line("the broker of \(files.directory) has stopped")
    }
}
