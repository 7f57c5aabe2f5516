import ArgumentParser
import Membus
import MembusDocuments

struct BlameCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "blame",
        abstract: "Tell who last changed each line of a record.",
        discussion: """
            A line per line of a text, or per member of a JSON object; a record of another kind has one. Each with the \
            revision, agent and context of the commit that it came with; what was taken out and put in again came with \
            the later one, and what a merge or a revert wrote came with that. \
            ≤ before a revision: the line may be older, but history before it is no longer kept, or too long. \
            Exits with 4 if there is no record.

              membus blame plans/paris
              membus blame plans/paris --at 12       # as it was after revision 12
              membus blame people/ada --json
            """)

    @Argument(help: ArgumentHelp("The record's key.", valueName: "key"), transform: { try Key($0) })
    var key: Key

    @OptionGroup var state: AtOption
    @OptionGroup(title: "Global options") var options: GlobalOptions

    /// Versions that are looked at, at most.
    private static let most = 10_000

    func run() async throws {
        let (found, at, floor) = try await options.withMemory { memory in
            let at = try await state.state(options, of: memory)
            let blame = try await memory.blame(key.text, at: at.revision, branch: at.branch, most: Self.most)
            let isCut = blame?.lines.contains { $0.isAtOrBefore } == true
            return (blame, at, isCut ? try await memory.status().figures.floor : 0)
        }
        guard let blame = found else {
            throw CommandError.notFound(
                "there is no record under \(key)\(at.words)",
                hint: "membus history \(key) tells whether there was one")
        }
        let output = Output.standard
        if options.json {
            for line in blame.lines { try output.line(.blamed(line, of: blame.version.record)) }
        } else {
            for line in BlameText(blame, output).lines { try output.line(line) }
        }
        if let line = blame.lines.first(where: \.isAtOrBefore) {
            try output.flush()
            let why =
                line.commit.revision <= floor
                ? "what was replaced by revision \(floor), the floor, is no longer kept"
                : "only the newest \(Human.grouped(Int64(Self.most))) versions were looked at"
            Output.warn("≤: at or before that revision: \(why)")
        }
    }
}

/// Who is to blame, as people see it: columns, then the line.
private struct BlameText {
    let lines: [String]

    init(_ blame: Blame, _ output: Output) {
        let revisions = blame.lines.map { ($0.isAtOrBefore ? "≤" : "") + "\($0.commit.revision)" }
        let agents = blame.lines.map { $0.commit.agent.escapingControlCharacters }
        let contexts = blame.lines.map { $0.commit.context.escapingControlCharacters }
        func width(_ column: [String]) -> Int { column.map(\.count).max() ?? 0 }
        let (revision, agent, context) = (width(revisions), width(agents), width(contexts))
        lines = blame.lines.indices.map { index in
            var who = Human.padded(revisions[index], revision, right: true) + "  " + Human.padded(agents[index], agent)
            // Few name one.
            if context > 0 { who += "  " + Human.padded(contexts[index], context) }
            return output.style.dim(who) + "   " + Self.text(of: blame.lines[index], blame.version.record)
        }
    }

    private static func text(of line: Blame.Line, _ record: Record) -> String {
        switch line.place {
        case .line: Human.line(line.text ?? "")
        case .member(let path): Human.line("\(path.isEmpty ? "" : path + ": ")\(line.text ?? "")")
        case .whole: Human.preview(record)
        }
    }
}
