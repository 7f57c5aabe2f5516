import ArgumentParser
import FoundationEssentials
import Glibc
import Membus
import MembusDocuments

struct GetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Print a record's value.",
        discussion: """
            Prints the value byte by byte (on a terminal a line end follows); --json prints the whole record: \
            its revision, kind, attributes, links, owner and expiry. Exits with 4 if there is no record.

              membus get plans/paris
              membus get plans/paris --at 12         # as it was after revision 12
              membus get plans/paris --at 10m        # ten minutes ago
              membus get plans/paris --at before-the-trip
              membus get plans/paris --json
            """)

    @Argument(help: ArgumentHelp("The record's key.", valueName: "key"), transform: { try Key($0) })
    var key: Key

    @OptionGroup var state: AtOption
    @OptionGroup var reading: ReadOptions
    @OptionGroup(title: "Global options") var options: GlobalOptions

    func run() async throws {
        let (found, at) = try await options.withMemory(context: reading.contextName) { memory in
            let at = try await state.state(options, of: memory)
            return (try await memory.get(key.text, at: at.revision, branch: at.branch), at)
        }
        guard let record = found else {
            throw CommandError.notFound(
                "there is no record under \(key)\(at.words)",
                hint: "membus history \(key) tells whether there was one")
        }
        if let reason = record.quarantine {
            Output.warn("quarantined at revision \(record.revision): \(reason.escapingControlCharacters)")
        }
        if options.json { return try Output.standard.line(.record(record)) }
        try show(record.value ?? Data(), of: record)
    }

    private func show(_ value: Data, of record: Record) throws {
        let output = Output.standard
        guard output.isTerminal else { return try output.write(value) }
        guard let text = String(validating: value, as: UTF8.self) else {
            throw CommandError(
                "BINARY", "\(record.key) holds \(Human.bytes(Int64(value.count))) of kind \(record.kind), not text",
                hint: "write it to a file: membus get \(record.key) > FILE; or use --json")
        }
        try output.write(text.utf8)
        if text.utf8.last != UInt8(ascii: "\n") { try output.line("") }
    }
}
