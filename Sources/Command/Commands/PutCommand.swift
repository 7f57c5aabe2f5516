import ArgumentParser
import FoundationEssentials
import Glibc
import Membus
import MembusDocuments

struct PutCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "put",
        abstract: "Write a record.",
        discussion: """
            Replaces the whole record: value, kind, attributes, links and expiry. Prints the revision of the \
            commit. - reads the value from standard input, and so does no VALUE at all, unless standard input is \
            a terminal.

            Change a record only if nobody else did since you read it (exit code 3 if somebody did):

              membus put plans/paris "night train" --if-revision 12

            Claim a task. One agent gets it, the others exit with 3 and see who has it; if the one who has it \
            vanishes, the claim lapses after ten minutes:

              membus put tasks/7 "me" --if-absent --expires 10m

            Renew a claim before it lapses, naming the revision that put printed; give it back with rm:

              membus put tasks/7 "me" --if-revision 31 --expires 10m
              membus rm tasks/7 --if-revision 32

            More:

              membus put people/ada '{"city": "Paris"}' --kind json
              membus put people/ada/note "met in May" --attribute source=mail
              membus put plans/paris "night train" --link of=trips/42
              membus put images/logo - --kind image/png < logo.png
              membus put counters/x --kind counter -- -5
              membus put plans/paris "night train" --vectors paris.json     # {"mine": [[0.1, 0.2, 0.3]]}
            """)

    @Argument(
        help: ArgumentHelp("The record's key, such as plans/paris.", valueName: "key"), transform: { try Key($0) })
    var key: Key

    @Argument(help: ArgumentHelp("Its value; - reads it from standard input.", valueName: "value"))
    var value: String?

    @Option(
        help: ArgumentHelp(
            "Only if the key's newest version is this one. (0: only if there is no record)", valueName: "revision"))
    var ifRevision: Revision?

    @Flag(help: "Only if there is no record.")
    var ifAbsent = false

    @Option(
        help: ArgumentHelp(
            "What the value is: text, json, counter, or a name of your own. (default: text)", valueName: "kind"))
    var kind: String?

    @Option(
        help: ArgumentHelp("An attribute; may be given several times.", valueName: "name=value"),
        transform: { try Pair($0) })
    var attribute: [Pair] = []

    @Option(
        help: ArgumentHelp("A link to another key; may be given several times.", valueName: "relation=key"),
        transform: { try Pair($0, form: "relation=KEY").link() })
    var link: [Link] = []

    @Option(
        help: ArgumentHelp("Have the broker delete it after this time: 30s, 10m, 1h30m, 7d.", valueName: "time"),
        transform: Span.read)
    var expires: Span?

    @Option(
        help: ArgumentHelp(
            "Vectors of the value by a model of your own, for membus search --space: a file of JSON, spaces by name.",
            valueName: "file"), completion: .file())
    var vectors: String?

    @OptionGroup var write: WriteOptions
    @OptionGroup(title: "Global options") var options: GlobalOptions

    func validate() throws {
        if ifAbsent, ifRevision != nil { throw ValidationError("--if-absent and --if-revision exclude each other.") }
        if let ifRevision, ifRevision < 0 { throw ValidationError("Revisions are never negative.") }
        if let expires, expires.duration <= .zero { throw ValidationError("--expires needs a time above zero.") }
        if kind == "" { throw ValidationError("--kind needs a name.") }
        _ = try Pair.attributes(attribute)
        if Set(link).count < link.count { throw ValidationError("A --link is given twice.") }
    }

    func run() async throws {
        let put = try record()
        var preconditions: [Precondition] = []
        if ifAbsent { preconditions.append(.absent(key)) }
        if let ifRevision { preconditions.append(.at(key, ifRevision)) }
        let transaction = Transaction(
            branch: options.branchName, context: write.contextName, message: write.message,
            preconditions: preconditions, changes: [Change(key, .put(put))])
        let receipt = try await options.withMemory { try await $0.submit(transaction) }
        try options.printReceipt(receipt, of: key)
    }

    private func record() throws -> Put {
        let data = try bytes()
        if kind == nil, String(validating: data, as: UTF8.self) == nil {
            throw CommandError(
                "USAGE", "the value is not UTF-8, so it is no text",
                hint: "say what it is, for example --kind image/png", .usage)
        }
        return Put(
            data, kind: kind.map { Kind($0) } ?? .text, attributes: try Pair.attributes(attribute), links: link,
            expiry: expires.map { .after($0.duration) } ?? .never,
            vectors: try vectors.map(VectorOptions.vectors) ?? .none)
    }

    private func bytes() throws -> Data {
        if let value, value != "-" { return Data(value.utf8) }
        if value == nil, isatty(STDIN_FILENO) == 1 {
            throw CommandError(
                "USAGE", "no value for \(key)", hint: "give one, or - to type it (end with Ctrl-D)", .usage)
        }
        return try StandardInput.read()
    }
}

extension GlobalOptions {
    /// - Parameter nothing: what is said to people if there is no commit.
    func printReceipt(
        _ receipt: Receipt, of key: Key? = nil, branch: BranchName? = nil, nothing: String? = nil
    ) throws {
        let keyed: JSONValue = key.map { ["key": .string($0.text)] } ?? [:]
        try Output.standard.tell(of: receipt.isCommitted ? "it is committed as revision \(receipt.revision)" : nil) {
            output in
            guard json else {
                return try output.line(
                    receipt.isCommitted ? "revision \(receipt.revision)" : nothing ?? "revision \(receipt.revision)")
            }
            try output.line(
                .receipt(receipt.token, isCommitted: receipt.isCommitted, branch: branch ?? branchName) + keyed)
        }
    }
}
