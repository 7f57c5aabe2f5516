import ArgumentParser
import Membus
import MembusDocuments

struct ImpactCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "impact",
        abstract: "Tell what followed from a version or a commit, on all branches.",
        discussion: """
            A commit derives from a version if it is on record to have read or required it, or what derives from it; or if \
            its agent had read or written such before, in the same context (--own leaves these out). Each is told below the \
            one that it builds on, with the reason. Then come those who have read such and written nothing since: they are to \
            be told. To undo all of it: membus revert --cascade.

              membus impact facts/visa@41
              membus impact 41 --own
              membus impact facts/visa@41 --except 44    # 44 is good: what derives through it alone does not count
              membus impact --by scout --since 10m --format dot | dot -Tsvg > scout.svg
            """)

    @Argument(
        help: ArgumentHelp("Versions, KEY@REVISION, or revisions: all that these commits wrote.", valueName: "what"),
        transform: { try Reverted($0) })
    var what: [Reverted] = []

    @OptionGroup var author: AuthorOptions

    @Flag(name: .customLong("own"), help: "Only what commits themselves are on record to have read or required.")
    var ownOnly = false

    @Option(help: ArgumentHelp("A commit that is good, whatever it read.", valueName: "revision"))
    var except: [Revision] = []

    @Flag(help: "Leave out what is no longer kept, instead of refusing: what derived there is not told.")
    var belowFloor = false

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case tree, dot
    }

    @Option(help: "A tree, or a graph for Graphviz.")
    var format = Format.tree

    @OptionGroup(title: "Global options") var options: GlobalOptions

    func validate() throws {
        if what.isEmpty, !author.isGiven {
            throw ValidationError("say what is meant: KEY@REVISION, revisions, --by, --in")
        }
        if options.json, format == .dot { throw ValidationError("--json and --format dot exclude each other") }
    }

    func run() async throws {
        let impact = try await options.withMemory { memory in
            try await memory.impact(
                of: what.compactMap(\.version), revisions: what.revisions,
                by: try await author.read(on: memory, options),
                excluding: except, ownOnly: ownOnly, belowFloor: belowFloor)
        }
        if options.json { return try showJSON(impact) }
        let text = ImpactText(impact)
        for line in format == .dot ? text.graph : text.lines { try Output.standard.line(line) }
    }

    private func showJSON(_ impact: Impact) throws {
        for commit in impact.commits { try Output.standard.line(.derived(commit)) }
        for reader in impact.readers { try Output.standard.line(["reader": .reader(reader)]) }
        try Output.standard.line(
            [
                "at": .position(impact.at), "commits": JSONValue(impact.commits.count + impact.unlisted),
                "unlisted": JSONValue(impact.unlisted), "unjudged": .array(impact.unjudged.map { .integer($0) }),
                "unjudged_count": JSONValue(impact.unjudgedCount), "lost_reads": JSONValue(impact.lostReads),
                "since": .integer(impact.since),
            ])
    }
}

extension [Reverted] {
    /// Those that are commits.
    var revisions: [Revision] { compactMap { $0.version == nil ? $0.revision : nil } }
}

/// For people: a tree, each commit below the one that it builds on.
struct ImpactText {
    private let impact: Impact
    private let children: [Revision: [DerivedCommit]]
    private let roots: [DerivedCommit]

    init(_ impact: Impact) {
        self.impact = impact
        let listed = Set(impact.commits.map(\.commit.revision))
        var (children, roots): ([Revision: [DerivedCommit]], [DerivedCommit]) = ([:], [])
        for commit in impact.commits {
            let parent = commit.edges.first { $0.reason != .seed }?.version.revision
            if let parent, listed.contains(parent), parent < commit.commit.revision {
                children[parent, default: []].append(commit)
            } else {
                roots.append(commit)
            }
        }
        (self.children, self.roots) = (children, roots)
    }

    var lines: [String] {
        var lines: [String] = []
        // Beside the tree, what is still to be shown: a chain of thousands is no depth of calls.
        var open = roots.reversed().map { (commit: $0, indent: "", branch: "") }
        while let (commit, indent, branch) = open.popLast() {
            lines.append(indent + branch + Self.line(commit))
            let below = children[commit.commit.revision] ?? []
            let inner = indent + (branch.isEmpty ? "" : branch.first == "├" ? "│  " : "   ")
            for (index, child) in below.enumerated().reversed() {
                open.append((child, inner, index == below.count - 1 ? "└─ " : "├─ "))
            }
        }
        let derived = impact.commits.count { $0.edges.contains { $0.reason != .seed } } + impact.unlisted
        let branches = Set(impact.commits.filter { $0.edges.contains { $0.reason != .seed } }.map(\.commit.branch))
            .count
        lines.append(
            derived == 0
                ? "nothing on record derives from it"
                : "\(Human.plural(derived, "commit")) on \(branches == 1 ? "1 branch" : "\(branches) branches") "
                    + (derived == 1 ? "derives from it" : "derive from it"))
        if impact.unlisted > 0 { lines.append("\(impact.unlisted) of them are not listed") }
        if !impact.readers.isEmpty { lines.append("who knows of it, and has written nothing since:") }
        for reader in impact.readers {
            let what = reader.topic.map { "\($0) (listed)" } ?? "\(reader.version)"
            lines.append("  \(Self.who(reader.agent, reader.context))   \(what)   \(reader.time.written)")
        }
        if impact.unjudgedCount > 0 {
            let shown = impact.unjudged.prefix(10).map { "\($0)" }.joined(separator: " ")
            lines.append(
                "can't be judged, since nothing that they read is on record: "
                    + "\(Human.plural(impact.unjudgedCount, "commit")): \(shown)"
                    + (impact.unjudgedCount > 10 ? " …" : ""))
        }
        if impact.since > 0 {
            lines.append(
                "what came up to revision \(impact.since) is no longer kept, and what derived there can't be told")
        }
        if impact.lostReads > 0 {
            lines.append(
                "\(Human.plural(impact.lostReads, "read")) since could not be noted: who knows what by them can't be told"
            )
        }
        return lines
    }

    /// The same in Graphviz's language: commits, and what each builds on.
    var graph: [String] {
        var lines = ["digraph impact {", "  rankdir=LR; node [shape=box];"]
        let listed = Set(impact.commits.map(\.commit.revision))
        for derived in impact.commits {
            let commit = derived.commit
            let keys = derived.keys.prefix(3).map(\.text).joined(separator: "\n")
            let label = "\(commit.revision) \(commit.branch)\n\(Self.who(commit.agent, commit.context))\n\(keys)"
            lines.append("  \(commit.revision) [label=\(Self.quoted(label))];")
            for edge in derived.edges where edge.reason != .seed && listed.contains(edge.version.revision) {
                lines.append(
                    "  \(edge.version.revision) -> \(commit.revision) [label=\(Self.quoted(edge.reason.rawValue))];")
            }
        }
        for (number, reader) in impact.readers.enumerated() where listed.contains(reader.version.revision) {
            lines.append(
                "  reader\(number) [shape=ellipse, label=\(Self.quoted(Self.who(reader.agent, reader.context)))];")
            lines.append("  \(reader.version.revision) -> reader\(number) [style=dashed];")
        }
        return lines + ["}"]
    }

    private static func quoted(_ text: String) -> String {
        let escaped = text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
        return "\"" + escaped.replacing("\n", with: "\\n") + "\""
    }

    private static func line(_ derived: DerivedCommit) -> String {
        let commit = derived.commit
        var keys = derived.keys.prefix(3).map(\.text).joined(separator: " ")
        if derived.keyCount > 3 { keys += " and \(derived.keyCount - 3) more" }
        let why = derived.edges.first.map { reason($0) } ?? ""
        return "\(commit.revision)  \(commit.branch)  \(who(commit.agent, commit.context))  \(keys)   \(why)"
    }

    private static func reason(_ edge: DerivedCommit.Edge) -> String {
        switch edge.reason {
        case .seed: "asked about"
        case .read: edge.topic.map { "listed \($0), with \(edge.version)" } ?? "read \(edge.version)"
        case .required: edge.topic.map { "required \($0), with \(edge.version)" } ?? "required \(edge.version)"
        case .context: "earlier in its context: \(edge.version)"
        }
    }

    private static func who(_ agent: String, _ context: String) -> String {
        (context.isEmpty ? agent : "\(agent) \(context)").escapingControlCharacters
    }
}
