import ArgumentParser
import Foundation
import Membus

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
            second run goes on after it, so each takes effect once.

            The whole file is checked before anything is written; a malformed line is named, as file:line.

              membus import everything.jsonl
              membus --branch trial import plans.jsonl --message "from the old notebook"
            """)

    @Argument(help: ArgumentHelp("The file; not a pipe, as it is read twice.", valueName: "file"), completion: .file(extensions: ["jsonl"]))
    var file: String

    @Option(help: ArgumentHelp("At most this many records a commit.", valueName: "number"))
    var batch = 500

    @OptionGroup var write: WriteOptions
    @OptionGroup(title: "Global options") var options: GlobalOptions

    func validate() throws {
        guard 1...10_000 ~= batch else { throw ValidationError("--batch needs a number from 1 to 10000.") }
    }

    func run() async throws {
        let plan = try ImportPlan(checking: file)
        let progress = Progress("import", counting: plan.content.rawValue)
        progress.update { ($0.total, $0.totalBytes) = (plan.lines, plan.bytes) }
        let message = write.message.isEmpty ? "import \((file as NSString).lastPathComponent)" : write.message
        let result: ImportResult
        do {
            result = try await options.withMemory(context: write.contextName) { memory in
                switch plan.content {
                case .records:
                    var work = RecordImport(file, plan, memory, message: message, batchSize: batch, progress: progress)
                    return try await work.run()
                case .transactions:
                    return try await TransactionImport(file, plan, memory, message: message, progress: progress).run()
                }
            }
        } catch {
            progress.interrupt()
            throw error
        }
        progress.finish()
        try report(result, plan.content)
    }

    private func report(_ result: ImportResult, _ content: ImportPlan.Content) throws {
        if options.json {
            return try Output.standard.line(
                [
                    content.rawValue: .integer(result.lines), "written": .integer(result.written),
                    "unchanged": .integer(result.unchanged), "superseded": .integer(result.superseded),
                    "expired": .integer(result.expired), "revision": .integer(result.revision),
                ] as JSONValue)
        }
        var parts = ["\(result.written) written", "\(result.unchanged) there already"]
        if result.superseded > 0 { parts.append("\(result.superseded) superseded by later lines") }
        if result.expired > 0 { parts.append("\(result.expired) expired") }
        let revision = result.revision > 0 ? "; revision \(result.revision)" : ""
        try Output.standard.line("\(result.lines) \(content.rawValue): \(parts.joined(separator: ", "))\(revision)")
    }
}
