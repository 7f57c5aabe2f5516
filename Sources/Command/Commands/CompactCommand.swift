import ArgumentParser
import Membus
import MembusDocuments

struct CompactCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compact",
        abstract: "Drop old history.",
        discussion: """
            The newest version of every record stays, whatever its age; so does what branches start from. \
            Without options the broker's configured window decides. Prints the new floor: the oldest revision \
            that can still be read.

            It may take 10m, unless --timeout says otherwise; the broker goes on when nobody waits any more.

              membus compact --older-than 7d
              membus compact --below 120
            """)

    @Option(help: ArgumentHelp("What is older than this: 10m, 1h30m, 7d.", valueName: "time"), transform: Span.read)
    var olderThan: Span?

    @Option(help: ArgumentHelp("What only revisions below this one show.", valueName: "revision"))
    var below: Revision?

    @OptionGroup(title: "Global options") var options: GlobalOptions

    func validate() throws {
        if below != nil, olderThan != nil { throw ValidationError("--older-than and --below exclude each other.") }
        if let below, below < 1 { throw ValidationError("--below needs a revision of 1 or more.") }
        if let olderThan, olderThan.duration <= .zero { throw ValidationError("--older-than needs a time above zero.") }
    }

    func run() async throws {
        let floor = try await options.withMemory {
            try await $0.compact(
                olderThan: olderThan?.duration, below: below, timeout: options.timeout?.duration ?? .seconds(600))
        }
        try Output.standard.line(
            options.json ? JSONValue.object([.init("floor", .integer(floor))]).line : "floor \(floor)")
    }
}
