import ArgumentParser
import Membus
import MembusDocuments

struct ListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ls",
        abstract: "List the records of a topic.",
        discussion: """
            One line per record, in the order of their keys, all as of one revision: revision, kind, size, key.

              membus ls                  # everything
              membus ls plans/
              membus ls plans/ --at 12
              membus ls plans/ --at 10m  # as it was ten minutes ago
            """)

    @Argument(
        help: ArgumentHelp("A prefix ending in /, one key, or / for everything.", valueName: "topic"),
        transform: { try Topic($0) })
    var topic: Topic = .everything

    @OptionGroup var state: AtOption
    @OptionGroup var reading: ReadOptions
    @OptionGroup(title: "Global options") var options: GlobalOptions

    func run() async throws {
        let output = Output.standard
        try await options.withMemory(context: reading.contextName) { memory in
            let at = try await state.state(options, of: memory)
            at.tell()
            for try await record in memory.range([topic.text], at: at.revision, keysOnly: true, branch: at.branch) {
                if options.json {
                    try output.line(.record(record))
                } else {
                    try output.line(line(record, output.style))
                }
            }
        }
    }

    private func line(_ record: Record, _ style: Style) -> String {
        let facts = [
            Human.padded("\(record.revision)", 10, right: true),
            Human.padded(record.kind.name.escapingControlCharacters, 8),
            Human.padded(Human.bytes(Int64(record.size)), 10, right: true),
        ]
        return style.dim(facts.joined(separator: "  ")) + "  "
            + Human.key(record.key, onTerminal: Output.standard.isTerminal)
    }
}
