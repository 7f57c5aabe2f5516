import Foundation

// membus-check SUBCOMMAND …: holds recorded histories against what they promise.
// Exit codes: 0 nothing wrong, 1 something is, 64 wrong usage, 65 or 66 a file can't be read.

let subcommands: [String: (usage: String, run: ([String]) -> Int32)] = [
    "history": (HistoryCommand.usage, HistoryCommand.run),
    "linearizable": (LinearizableCommand.usage, LinearizableCommand.run),
]

let arguments = Array(CommandLine.arguments.dropFirst())
guard let name = arguments.first, let subcommand = subcommands[name] else {
    let usages = subcommands.keys.sorted().compactMap { subcommands[$0]?.usage }
    print("usage: " + usages.joined(separator: "\n       "))
    exit(64)
}
exit(subcommand.run(Array(arguments.dropFirst())))
