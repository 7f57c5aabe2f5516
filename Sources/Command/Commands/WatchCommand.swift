import ArgumentParser
import Membus
import MembusDocuments

struct WatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Print every change to some topics, as it happens.",
        discussion: """
            One line per change, in the order of the commits, flushed at once: none is lost, doubled or joined \
            with another, over reconnects and restarts of the broker too. What else there is to say goes to \
            standard error. Runs until it is ended by Ctrl-C, SIGTERM, or a reader that goes away.

            To go on where a watch ended, name the last revision that it printed (if it was ended within a \
            commit of several changes, the one before, and skip what you have). If changes of the topics since \
            then are no longer kept, it fails and says so.

            Where the broker's events do not come through (only its port for requests is reachable), it says so \
            and reads the broker's log every few seconds instead.

              membus watch plans/ people/ada
              membus watch / --from 0 --json         # everything since the beginning
            """)

    @Argument(
        help: ArgumentHelp("Prefixes ending in /, keys, or / for everything.", valueName: "topic"),
        transform: { try Topic($0) })
    var topics: [Topic]

    @Option(help: ArgumentHelp("Every change after this revision. (default: from now on)", valueName: "revision"))
    var from: Revision?

    @Option(help: ArgumentHelp("End after this many changes.", valueName: "number"))
    var count: Int?

    @OptionGroup var reading: ReadOptions
    @OptionGroup(title: "Global options") var options: GlobalOptions

    func validate() throws {
        if let from, from < 0 { throw ValidationError("Revisions are never negative.") }
        if let count, count < 1 { throw ValidationError("--count needs a number above zero.") }
    }

    func run() async throws {
        let output = Output.standard
        let ending = Termination.endProcess(watching: output)
        defer { ending.cancel() }
        try await options.withMemory(
            context: reading.contextName, withoutEvents: "its log is read every few seconds instead"
        ) { memory in
            var left = count ?? .max
            for try await change in try await changes(memory) {
                try output.line(
                    options.json ? JSONValue.version(change.record, by: change.commit).line : line(change, output.style)
                )
                try output.flush()
                left -= 1
                if left == 0 { break }
            }
        }
    }

    private func changes(_ memory: Memory) async throws -> Watch {
        let names = topics.map(\.text)
        let shown = names.joined(separator: " ")
        let status = try await memory.status()
        if let from {
            let head = status.figures.head.revision
            guard from <= head else {
                // Seen in another history, it says nothing about this one.
                throw CommandError(
                    "BEYOND_HEAD", "there is no revision \(from) yet: the head is \(head)",
                    hint: "name a revision that this broker printed; was it restored from a backup since?")
            }
            let watch = memory.watch(names, after: from)
            // What is lost is told before anything else is said.
            if from < status.figures.floor { try await watch.check() }
            Output.warn("watching \(shown) after revision \(from)")
            return watch
        }
        // What is committed once this is said will be shown.
        Output.warn("watching \(shown) after revision \(status.figures.head.revision)")
        return memory.watch(names, after: Token(lineage: status.lineage, position: status.figures.head))
    }

    private func line(_ change: WatchedChange, _ style: Style) -> String {
        let record = change.record
        let what = record.isDeleted ? style.red("deleted") : Human.preview(record)
        return
            "\(style.dim("\(change.revision)"))  \(style.bold(Human.key(record.key, onTerminal: Output.standard.isTerminal)))  \(what)  \(style.dim("(\(Human.commit(change.commit)))"))"
    }
}
