import ArgumentParser
import Membus
import MembusDocuments
import MembusSystem

struct ReindexCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reindex",
        abstract: "Have the index of search and links made anew.",
        discussion: """
            The broker does that beside everything else, and answers from the old one meanwhile. Returns once the new one has \
            taken its place, or after --timeout, one hour unless you say otherwise; the \
            broker goes on when nobody waits any more. membus status tells how far it is.

              membus reindex
              membus reindex --no-wait
            """)

    @Flag(name: .customLong("no-wait"), help: "Return at once.")
    var noWait = false

    @OptionGroup(title: "Global options") var options: GlobalOptions

    func run() async throws {
        let output = Output.standard
        try await options.withMemory { memory in
            let head = try await memory.status().figures.head.revision
            let versions = try await memory.reindex()
            if noWait {
                return try output.line(
                    options.json
                        ? JSONValue.object([.init("versions", .integer(versions))]).line
                        : "the index of \(Human.grouped(versions)) \(Human.noun(versions, "versions")) is made anew")
            }
            let made = try await caughtUp(with: head, memory)
            try output.line(
                options.json
                    ? JSONValue.object([.init("versions", .integer(versions)), .init("index", .indexFigures(made))])
                        .line
                    : "indexed up to revision \(made.revision): \(StatusReport.amounts(made))")
        }
    }

    private func caughtUp(with head: Revision, _ memory: Memory) async throws -> IndexFigures {
        let progress = Progress("indexing", counting: "revisions")
        defer { progress.finish() }
        progress.update { $0.total = head }
        let deadline = Instant.now + (options.timeout?.duration ?? .seconds(3600))
        while true {
            guard let index = try await memory.status().figures.index else {
                throw Self.stopped("the broker keeps none")
            }
            if let fault = index.fault { throw Self.stopped(fault.escapingControlCharacters) }
            progress.update { $0.done = min(head, index.making ?? index.revision) }
            if index.making == nil, index.revision >= head { return index }
            if Instant.now >= deadline {
                throw CommandError(
                    "TIMEOUT", "the index is at revision \(index.revision) of \(head), and the time is over",
                    hint: "the broker goes on with it: membus status tells how far it is")
            }
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    private static func stopped(_ reason: String) -> CommandError {
        CommandError("NO_INDEX", "the index is not being made: \(reason)", hint: "see the broker's log")
    }
}
