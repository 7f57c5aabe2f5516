import ArgumentParser
import Foundation

/// Parses, runs, and turns whatever comes of it into the promised exit codes: 0 done, 1 error, 2 usage,
/// 3 conflict, 4 not found.
@main
enum Main {
    static func main() async {
        // A reader that went away shows as an error of `write`, which ends the command quietly.
        _ = signal(SIGPIPE, SIG_IGN)
        do {
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

    private static func finish(_ error: any Error) -> Never {
        if Root.isOfTheParser(error) { finishParsing(error) }
        try? Output.standard.flush()
        let complaint = Complaint(error)
        complaint.show(asJSON: asksForJSON(CommandLine.arguments), on: .standard)
        exit(complaint.exitCode.rawValue)
    }

    /// Help, version, completion scripts; and wrong usage, for which ArgumentParser would exit with 64.
    private static func finishParsing(_ error: any Error) -> Never {
        guard Root.exitCode(for: error) != .success else { Root.exit(withError: error) }
        if asksForJSON(CommandLine.arguments) {
            let complaint = Complaint("USAGE", Root.message(for: error), hint: "see membus --help", .usage)
            complaint.show(asJSON: true, on: .standard)
        } else {
            Output.warn(Root.fullMessage(for: error), prefix: "")
        }
        exit(CommandExit.usage.rawValue)
    }

    /// Also where the arguments could not be parsed.
    static func asksForJSON(_ arguments: [String]) -> Bool {
        arguments.dropFirst().prefix { $0 != "--" }.contains("--json")
    }
}
