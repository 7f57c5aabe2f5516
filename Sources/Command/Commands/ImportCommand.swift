import ArgumentParser
import Glibc
import Membus
import MembusDocuments

struct ImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Write the records or transactions of a JSON Lines file.",
        discussion: """
            Records: one JSON object a line, as membus export prints them: key, value (or value_base64), and \
            if you like kind, attributes, links, expires_ms. What is in the memory already is left alone, so \
            that an import that was interrupted is resumed by running it again, and running a finished one \
            again changes nothing. Of several lines with one key the last counts.

            Transactions: one a line, in the form that membus help commit describes. They are committed one \
            by one, in order. The same commits note the line in the record imports/<SHA-256 of the file>: a \
            second run goes on after it, so each takes effect once. A line that fills a transaction to the broker's \
            limits is noted by commits of their own, before and after it.

            With --mcp-memory the file is one that the reference memory server of MCP has written: its entities and \
            relations become the records that membus mcp --as-graph works on.

            The whole file is checked before anything is written; a malformed line is named, as file:line.

              membus import everything.jsonl
              membus --branch trial import plans.jsonl --message "from the old notebook"
            """)

    @Argument(
        help: ArgumentHelp("The file (no pipe, as it is read twice); - for standard input.", valueName: "file"),
        completion: .file(extensions: ["jsonl"]), transform: InputPath.read)
    var file: InputPath

    @Option(help: ArgumentHelp("At most this many records a commit.", valueName: "number"))
    var batch = 500

    @Flag(help: "The file is the reference memory server's (memory.jsonl).")
    var mcpMemory = false

    @OptionGroup var write: WriteOptions
    @OptionGroup(title: "Global options") var options: GlobalOptions

    func validate() throws {
        guard 1...10_000 ~= batch else { throw ValidationError("--batch needs a number from 1 to 10000.") }
    }

    func run() async throws {
        let given = try ImportSource(file)
        let source = try mcpMemory ? ImportSource(mcpMemory: given) : given
        let plan = try ImportPlan(checking: source)
        let progress = Progress("import", counting: plan.content.rawValue)
        progress.update { ($0.total, $0.totalBytes) = (plan.lines, plan.bytes) }
        let result: ImportResult
        do {
            result = try await options.withMemory(context: write.contextName) { memory in
                let limits = try await memory.limits()
                let message = write.message.isEmpty ? Self.message(source, limits) : write.message
                switch plan.content {
                case .records:
                    var work = RecordImport(
                        source, plan, memory, limits: limits, message: message, batchSize: batch, progress: progress)
                    return try await work.run()
                case .transactions:
                    var work = TransactionImport(
                        source, plan, memory, limits: limits, message: message, progress: progress)
                    return try await work.run()
                }
            }
        } catch {
            progress.interrupt()
            throw error
        }
        progress.finish()
        try report(result, plan.content)
    }

    /// As much of it as a commit may say.
    private static func message(_ source: ImportSource, _ limits: Limits) -> String {
        var message = "import \(source.shortName)"
        while message.utf8.count > limits.messageBytes { message.removeLast() }
        return message
    }

    private func report(_ result: ImportResult, _ content: ImportPlan.Content) throws {
        let deed = result.written > 0 ? "the import is done, up to revision \(result.revision)" : nil
        try Output.standard.tell(of: deed) { output in
            try output.line(options.json ? json(result, content).line : shown(result, content))
        }
    }

    private func json(_ result: ImportResult, _ content: ImportPlan.Content) -> JSONValue {
        [
            content.rawValue: .integer(result.lines), "written": .integer(result.written),
            "unchanged": .integer(result.unchanged), "superseded": .integer(result.superseded),
            "expired": .integer(result.expired), "revision": .integer(result.revision),
        ]
    }

    private func shown(_ result: ImportResult, _ content: ImportPlan.Content) -> String {
        var parts = ["\(result.written) written", "\(result.unchanged) there already"]
        if result.superseded > 0 { parts.append("\(result.superseded) superseded by later lines") }
        if result.expired > 0 { parts.append("\(result.expired) expired") }
        let revision = result.revision > 0 ? "; revision \(result.revision)" : ""
        return
            "\(result.lines) \(Human.noun(result.lines, content.rawValue)): \(parts.joined(separator: ", "))\(revision)"
    }
}
