import ArgumentParser
import Glibc

/// What the executable does: parses, runs, and turns whatever comes of it into the promised exit codes: 0 done, 1 error,
/// 2 usage, 3 conflict, 4 not found.
package enum Entry {
    /// Before anything else, and before a thread is made: that may open something under a missing stream's number.
    package static func prepare() {
        // A reader that went away shows as an error of `write`, which ends the command quietly.
        _ = signal(SIGPIPE, SIG_IGN)
        // So does a file that has reached the limit on its size: to a broker that is a full disk.
        _ = signal(SIGXFSZ, SIG_IGN)
        StandardStreams.fillStandardStreams()
    }

    /// - Precondition: ``prepare()`` was called.
    package static func main() async {
        do {
            try checkArguments()
            var command = try Root.parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            try Output.standard.flush()
        } catch {
            finish(error)
        }
    }

    private static func checkArguments() throws {
        guard let place = StandardStreams.firstNotUTF8(CommandLine.unsafeArgv, CommandLine.argc) else { return }
        throw CommandError(
            "USAGE", "argument \(place) is not UTF-8: \"\(shortened(CommandLine.arguments[place]))\"",
            hint: "names and options are UTF-8 text; a binary value is read from standard input with -", .usage)
    }

    private static func finish(_ error: any Error) -> Never {
        if let error = error as? NoCommand { finishWithout(error) }
        if Root.isOfTheParser(error) { finishParsing(error) }
        try? Output.standard.flush()
        let commandError = CommandError(error)
        commandError.show(asJSON: asksForJSON(CommandLine.arguments), on: .standard)
        exit(commandError.exitCode.rawValue)
    }

    /// Help, version, completion scripts; and wrong usage, for which ArgumentParser would exit with 64.
    private static func finishParsing(_ error: any Error) -> Never {
        guard Root.exitCode(for: error) != .success else { Root.exit(withError: error) }
        finishUsage(Root.message(for: error), whole: Root.fullMessage(for: error))
    }

    private static func finishWithout(_ command: NoCommand) -> Never {
        finishUsage("no command is named", whole: command.help)
    }

    private static func finishUsage(_ message: String, whole: String) -> Never {
        if asksForJSON(CommandLine.arguments) {
            let commandError = CommandError("USAGE", shortening(message), hint: "see membus --help", .usage)
            commandError.show(asJSON: true, on: .standard)
        } else {
            Output.warn(shortening(whole).escapingControls(but: "\n"), prefix: "")
        }
        exit(CommandExit.usage.rawValue)
    }

    /// The parser repeats an argument whole, however long.
    private static func shortening(_ message: String) -> String {
        CommandLine.arguments.dropFirst().reduce(message) { text, argument in
            let short = shortened(argument)
            return short == argument ? text : text.replacing(argument, with: short)
        }
    }

    private static func shortened(_ argument: String) -> String {
        argument.utf8.count > 200 ? "\(argument.prefix(60))… (\(argument.utf8.count) bytes)" : argument
    }

    /// Also where the arguments could not be parsed.
    static func asksForJSON(_ arguments: [String]) -> Bool {
        arguments.dropFirst().prefix { $0 != "--" }.contains("--json")
    }
}
