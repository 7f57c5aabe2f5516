import ArgumentParser
import Membus
import MembusDocuments

struct SQLCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sql",
        abstract: "Ask with one SELECT.",
        discussion: """
            The tables are records, links, commits, changes, reads, branches, tags, and search(question, k); they hold what may \
            be read at that state. Nothing can be written. Bytes are printed in hexadecimal digits, in JSON as an object with \
            base64.

              membus sql "SELECT kind, count(*) FROM records GROUP BY kind"
              membus sql "SELECT key, score FROM search('night train', 5)" --at 10m
              membus sql "SELECT * FROM commits" --format csv > commits.csv    # RFC 4180

            --format jsonl, and --json, print an object per row. Says on standard error if there are more rows than --limit.
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case table, jsonl, csv
    }

    @Argument(help: ArgumentHelp("The statement.", valueName: "select"))
    var statement: String

    @Option(help: "A table for people, JSON Lines, or comma-separated values. (default: table)")
    var format: Format?

    @Option(
        name: [.customShort("n"), .long],
        help: ArgumentHelp("At most this many rows, up to 100000. (default: 10000)", valueName: "number"))
    var limit: Int?

    @OptionGroup var state: AtOption
    @OptionGroup(title: "Global options") var options: GlobalOptions

    func validate() throws {
        if let limit, limit < 1 { throw ValidationError("--limit needs a number above zero.") }
        if options.json, let format, format != .jsonl {
            throw ValidationError("--json and --format \(format.rawValue) exclude each other.")
        }
    }

    func run() async throws {
        let result = try await options.withMemory { memory in
            let at = try await state.state(options, of: memory)
            at.tell()
            return try await memory.query(
                statement, at: at.revision, branch: at.branch, limit: limit ?? 10_000)
        }
        let output = Output.standard
        let rows = RowsText(result)
        let form: Format = options.json ? .jsonl : format ?? .table
        switch form {
        case .table: for line in rows.table(output.style) { try output.line(line) }
        case .jsonl: for row in rows.objects { try output.line(row) }
        case .csv: for record in rows.csv { try output.write(record.utf8) }
        }
        try output.flush()
        if result.isCut {
            Output.warn(
                "there are more rows than these \(Human.grouped(Int64(result.rows.count))): see --limit; "
                    + "an answer holds at most 16 MiB")
        }
    }
}
