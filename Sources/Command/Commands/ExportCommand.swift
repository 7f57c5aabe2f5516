import ArgumentParser
import Glibc
import Membus
import MembusDocuments

struct ExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Print the records of a topic as JSON Lines.",
        discussion: """
            All as of one revision, in the order of their keys, one JSON object a line, as membus get --json \
            prints it; values that are not text are value_base64. membus import reads the lines back.

              membus export > everything.jsonl
              membus export plans/ --at 12 > plans.jsonl
            """)

    @Argument(
        help: ArgumentHelp("A prefix ending in /, one key, or / for everything.", valueName: "topic"),
        transform: { try Topic($0) })
    var topic: Topic = .everything

    @OptionGroup var state: AtOption
    @OptionGroup(title: "Global options") var options: GlobalOptions

    func run() async throws {
        let output = Output.standard
        // Records on the same terminal show well enough how far it has got.
        let progress = output.isTerminal ? nil : Progress("export", counting: "records")
        try await options.withMemory { memory in
            let at = try await state.state(options, of: memory)
            at.tell()
            // The count costs a scan, which only somebody who looks on is worth. The list may be of a newer state.
            if progress != nil, isatty(STDERR_FILENO) == 1 {
                let digest = try await memory.digest([topic.text], at: at.revision, branch: at.branch)
                progress?.update { $0.total = digest.digest.count }
            }
            for try await record in memory.range([topic.text], at: at.revision, branch: at.branch) {
                let whole = try await complete(record, at, memory)
                let line = JSONValue.record(whole).line
                try output.line(line)
                progress?.update {
                    $0.done += 1
                    $0.bytes += Int64(line.utf8.count + 1)
                }
            }
            try output.flush()
        }
        progress?.finish()
    }

    /// A value that did not travel with the page: by key and revision, which may be kept though the floor has passed it.
    private func complete(_ record: Record, _ state: NamedState, _ memory: Memory) async throws -> Record {
        if record.value != nil { return record }
        // By the state where it has a name: of a deleted branch nothing else can be read.
        let before = state.isNamed ? state.revision.map { $0 + 1 } : record.revision + 1
        var versions = memory.history(record.key.text, before: before, branch: state.branch, pageSize: 1)
            .makeAsyncIterator()
        guard let whole = try await versions.next()?.record, whole.revision == record.revision, whole.value != nil
        else {
            throw CommandError(
                "EXPORT", "the value of \(record.key) at revision \(record.revision) is gone", hint: "export again")
        }
        return whole
    }
}
