import ArgumentParser
import FoundationEssentials
import Glibc
import Logging
import Membus
import MembusSystem

/// Accepted by every command.
struct GlobalOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where the broker takes requests: tcp://HOST:PORT or ipc://PATH. (environment: MEMBUS_BROKER; default: the broker of the data directory, \(DataDirectoryOption.shown), if one runs, else \(FoundBroker.usual))",
            valueName: "url"))
    var broker: String?

    @Option(
        help: ArgumentHelp(
            "Who you are: the author of what you write. (environment: MEMBUS_AGENT; default: the user's name)",
            valueName: "name"))
    var agent: String?

    @Option(
        help: ArgumentHelp(
            "The branch to read and write. (environment: MEMBUS_BRANCH; default: main)", valueName: "name"),
        transform: { try BranchName($0) })
    var branch: BranchName?

    @Flag(help: "Print JSON: one object per line, errors and conflicts too.")
    var json = false

    @Option(
        help: ArgumentHelp(
            "How long to wait for an answer: whole numbers with ms, s, m, h, d, w, such as 500ms, 10s, 1h30m; a bare number means seconds. (default: 10s; of backup and compact 10m, of verify, warm and reindex 1h)",
            valueName: "time"),
        transform: Span.read)
    var timeout: Span?

    @Option(help: ArgumentHelp("What is logged to standard error.", valueName: "level"))
    var logLevel: LogLevel?

    /// By the rule of all doors.
    var brokerURL: String { FoundBroker.find(said: broker, in: ProcessInfo.processInfo.environment).url }

    /// `nil`: nobody has said who.
    var givenAgent: String? { agent ?? Self.environment("MEMBUS_AGENT") }

    var agentName: String {
        if let name = givenAgent { return name }
        return FileOwnership.name(of: geteuid()) ?? Self.environment("USER") ?? "agent"
    }

    /// Of the environment's, ``validate()`` has made sure that it is a name.
    var branchName: BranchName {
        branch ?? Self.environment("MEMBUS_BRANCH").map { BranchName(unchecked: $0) } ?? .main
    }

    /// Whether somebody has said which branch.
    var namesBranch: Bool { branch != nil || Self.environment("MEMBUS_BRANCH") != nil }

    func validate() throws {
        if agentName.isEmpty { throw ValidationError("--agent needs a name.") }
        if agentName.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) {
            throw ValidationError("The agent's name \"\(agentName)\" contains a control character.")
        }
        do { _ = try BranchName(branchName.text) } catch {
            throw ValidationError("MEMBUS_BRANCH names no branch: \(error.description).")
        }
        if let fault = Endpoint.fault(brokerURL, .reaching) {
            throw ValidationError("The broker's URL \"\(brokerURL)\" is no endpoint: \(fault).")
        }
        if let timeout, timeout.duration <= .zero { throw ValidationError("--timeout needs a time above zero.") }
    }

    /// Goes to standard error.
    func logger(_ label: String, default level: Logger.Level) -> Logger {
        var logger = Logger(label: label) { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = logLevel?.level ?? level
        return logger
    }

    private static func environment(_ name: String) -> String? {
        guard let value = ProcessInfo.processInfo.environment[name], !value.isEmpty else { return nil }
        return value
    }
}

struct LogLevel: ExpressibleByArgument {
    let level: Logger.Level
    init?(argument: String) {
        guard let level = Logger.Level(rawValue: argument.lowercased()) else { return nil }
        self.level = level
    }
    static let allValueStrings = Logger.Level.allCases.map(\.rawValue)
    var defaultValueDescription: String { level.rawValue }
}
