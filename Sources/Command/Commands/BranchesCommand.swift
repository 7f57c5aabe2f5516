import ArgumentParser
import Membus
import MembusDocuments

struct BranchesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "branches",
        abstract: "List the branches; close, protect, delete one.",
        discussion: """
            One line per branch: its name, where it was forked from, its newest commit, where it was merged last, and how many \
            commits it has that its parent lacks (ahead) and the other way round (behind). Commits that only make, close, \
            protect or tag something do not count.

              membus branches
              membus branches close trial        # read only; nothing on it expires
              membus branches protect main       # only merges write to it
              membus branches delete trial       # for good: its name is never used again
            """,
        subcommands: [
            ListBranches.self, CloseBranch.self, ReopenBranch.self, ProtectBranch.self, UnprotectBranch.self,
            DeleteBranch.self,
        ], defaultSubcommand: ListBranches.self)

    // Accepted before the subcommand as well as after it.
    @OptionGroup(title: "Global options") var options: GlobalOptions
}

struct ListBranches: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the branches.")

    @OptionGroup(title: "Global options") var options: GlobalOptions

    func run() async throws {
        let output = Output.standard
        let branches = try await options.withMemory { try await $0.branches(withFigures: true) }
        if options.json {
            for branch in branches { try output.line(JSONValue.branch(branch)) }
        } else {
            for line in BranchesText(branches, onTerminal: output.isTerminal).lines { try output.line(line) }
        }
    }
}

/// Branches as people see them: columns as wide as they have to be.
struct BranchesText {
    let lines: [String]

    init(_ branches: [BranchInfo], onTerminal isTerminal: Bool) {
        let rows = branches.map { Self.row($0, isTerminal) }
        var widths: [Int] = []
        for row in rows where row.count > 1 {
            for (column, text) in row.enumerated() {
                if column == widths.count { widths.append(0) }
                widths[column] = max(widths[column], text.count)
            }
        }
        lines = rows.map { row in
            var line = row.enumerated().map { Human.padded($1, $0 < widths.count ? widths[$0] : 0) }
                .joined(separator: "   ")
            while line.last == " " { line.removeLast() }
            return line
        }
    }

    private static func row(_ branch: BranchInfo, _ isTerminal: Bool) -> [String] {
        let name = Human.name(branch.name.text, onTerminal: isTerminal)
        var marks: [String] = []
        if let conflicts = branch.figures?.openConflicts, conflicts > 0 {
            marks.append("\(conflicts)\(conflicts >= 1000 ? "+" : "") open \(Human.noun(conflicts, "conflicts"))")
        }
        if branch.isClosed { marks.append("closed") }
        if branch.isProtected { marks.append("protected") }
        let state = marks.joined(separator: ", ")
        guard let parent = branch.parent else { return state.isEmpty ? [name] : [name, state] }
        var row = [name, "from \(Human.name(parent.text, onTerminal: isTerminal)) at \(branch.forkRevision)"]
        guard let figures = branch.figures else { return row + [state] }
        row.append("head \(figures.head)")
        row.append(
            figures.merged.map { "merged into \(Human.name($0.into.text, onTerminal: isTerminal)) at \($0.revision)" }
                ?? "")
        row.append("\(figures.ahead) ahead, \(figures.behind) behind")
        return row + [state]
    }
}

/// What the commands that change a branch have in common.
private protocol BranchChanging: AsyncParsableCommand {
    var name: BranchName { get }
    var write: WriteOptions { get }
    var options: GlobalOptions { get }
    /// If nothing had to be done.
    var already: String { get }
    func change(_ memory: Memory) async throws -> Receipt
}

extension BranchChanging {
    func run() async throws {
        let receipt = try await options.withMemory(context: write.contextName) { try await change($0) }
        try options.printReceipt(receipt, branch: name, nothing: "\(name) is \(already) already")
    }
}

struct CloseBranch: BranchChanging {
    static let configuration = CommandConfiguration(
        commandName: "close", abstract: "Nothing is written to a branch any more, and nothing on it expires.",
        discussion: "It can be read, forked, and merged into others.")
    @Argument(help: ArgumentHelp("The branch.", valueName: "name"), transform: { try BranchName($0) })
    var name: BranchName
    @OptionGroup var write: WriteOptions
    @OptionGroup(title: "Global options") var options: GlobalOptions
    fileprivate var already: String { "closed" }
    fileprivate func change(_ memory: Memory) async throws -> Receipt {
        try await memory.closeBranch(name, message: write.message)
    }
}

struct ReopenBranch: BranchChanging {
    static let configuration = CommandConfiguration(
        commandName: "reopen", abstract: "Have a closed branch be written to again.")
    @Argument(help: ArgumentHelp("The branch.", valueName: "name"), transform: { try BranchName($0) })
    var name: BranchName
    @OptionGroup var write: WriteOptions
    @OptionGroup(title: "Global options") var options: GlobalOptions
    fileprivate var already: String { "open" }
    fileprivate func change(_ memory: Memory) async throws -> Receipt {
        try await memory.reopenBranch(name, message: write.message)
    }
}

struct ProtectBranch: BranchChanging {
    static let configuration = CommandConfiguration(
        commandName: "protect", abstract: "Only merges write to a branch from now on.",
        discussion: "A protected branch can't be deleted. What expires on it goes as ever.")
    @Argument(help: ArgumentHelp("The branch.", valueName: "name"), transform: { try BranchName($0) })
    var name: BranchName
    @OptionGroup var write: WriteOptions
    @OptionGroup(title: "Global options") var options: GlobalOptions
    fileprivate var already: String { "protected" }
    fileprivate func change(_ memory: Memory) async throws -> Receipt {
        try await memory.protectBranch(name, message: write.message)
    }
}

struct UnprotectBranch: BranchChanging {
    static let configuration = CommandConfiguration(
        commandName: "unprotect", abstract: "Have a protected branch be written to again.")
    @Argument(help: ArgumentHelp("The branch.", valueName: "name"), transform: { try BranchName($0) })
    var name: BranchName
    @OptionGroup var write: WriteOptions
    @OptionGroup(title: "Global options") var options: GlobalOptions
    fileprivate var already: String { "unprotected" }
    fileprivate func change(_ memory: Memory) async throws -> Receipt {
        try await memory.unprotectBranch(name, message: write.message)
    }
}

struct DeleteBranch: BranchChanging {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Delete a branch for good.",
        discussion: """
            Its views and watches fail and say so; its name is never used again. What its forks show of it, and what tags name, \
            stays readable through those; the rest is compacted once the floor has passed the deletion.
            """)
    @Argument(help: ArgumentHelp("The branch.", valueName: "name"), transform: { try BranchName($0) })
    var name: BranchName
    @OptionGroup var write: WriteOptions
    @OptionGroup(title: "Global options") var options: GlobalOptions
    fileprivate var already: String { "deleted" }
    fileprivate func change(_ memory: Memory) async throws -> Receipt {
        try await memory.deleteBranch(name, message: write.message)
    }
}
