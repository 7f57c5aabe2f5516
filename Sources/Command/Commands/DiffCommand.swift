import ArgumentParser
import Membus
import MembusDocuments

struct DiffCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Tell what differs between two states.",
        discussion: """
            A state is a branch (main), a branch as of a revision (main@60), as it was a while ago (main@2h) or at a time \
            (main@2026-03-01), or before its newest commits (main~3); without the branch, of --branch (60, @2h, ~3); or what a tag names. Without a \
            second one: --branch as it is now. Topics may follow; no state has a / in its name. Keys are told in their \
            order, text by lines, JSON objects by members. It costs as much as was written between the two, whatever \
            they hold. Exits with 0 whether anything differs or not.

              membus diff main trial
              membus diff main@40 main@60 plans/
              membus diff 40 plans/               # what happened since
              membus diff @2h                     # in the last two hours
              membus diff main trial --stat       # only how much, and how far they are apart
            """)

    @Argument(
        help: ArgumentHelp(
            "The one state: BRANCH, BRANCH@REVISION, BRANCH@TIME, BRANCH~N, or a tag.", valueName: "from"),
        transform: { try StateName($0) })
    var from: StateName

    @Argument(
        help: ArgumentHelp(
            "The other (default: --branch, now), then topics: only those are looked at.", valueName: "to-or-topic"))
    var others: [String] = []

    @Flag(help: "A line per key, and how far the two states are apart.")
    var stat = false

    @OptionGroup(title: "Global options") var options: GlobalOptions

    func validate() throws { _ = try (to, topics) }

    private var hasTo: Bool { others.first?.utf8.contains(UInt8(ascii: "/")) == false }
    private var to: StateName { get throws { hasTo ? try StateName(others[0]) : .now } }
    private var topics: [String] {
        get throws {
            let given = try others.dropFirst(hasTo ? 1 : 0).map { try Topic($0).text }
            return given.isEmpty ? [Topic.everything.text] : given
        }
    }

    func run() async throws {
        let (to, topics) = try (to, topics)
        let (compared, differences) = try await options.withMemory { memory in
            do { return try await memory.wholeDiff(from: from, to: to, topics: topics) } catch MembusError.refused(
                var refusal) where refusal.code == .unknownBranch && hasTo
            {
                refusal.hint = "list the branches; a key without a / is named behind both states: diff FROM TO KEY"
                throw MembusError.refused(refusal)
            }
        }
        for difference in differences { try show(difference, compared) }
        if stat { try summary(differences.count, compared) }
    }

    private func show(_ difference: Difference, _ compared: Comparison) throws {
        let output = Output.standard
        if options.json { return try output.line(.difference(difference)) }
        let shown = DifferenceText(difference, compared, output)
        for line in stat ? [shown.summary] : shown.whole { try output.line(line) }
    }

    private func summary(_ count: Int, _ compared: Comparison) throws {
        let output = Output.standard
        if options.json { return try output.line(.comparison(compared, keys: count)) }
        let common = compared.common.map { "\($0)" }.joined(separator: ", ")
        try output.line(
            output.style.dim(
                "\(Human.plural(count, "key")); \(compared.from) is "
                    + "\(Human.plural(Int(compared.onlyFrom), "commit")) ahead of the common past "
                    + "(\(common.isEmpty ? "nothing" : common)), \(compared.to) \(compared.onlyTo)"))
    }
}
