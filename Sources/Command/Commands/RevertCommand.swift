import ArgumentParser
import Membus

struct RevertCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revert",
        abstract: "Leave versions out of the history of their keys, on --branch.",
        discussion: """
            Each key gets what its history gives without them: the newest remaining whole write comes back, increments, \
            appends and patches on it are made again, later whole writes stay. One commit; reverting that one restores. A \
            merge that is reverted stays reverted: merging again does not bring it back.

              membus revert 73                        # all that this commit wrote
              membus revert plans/paris@41 notes/lisbon@44
              membus revert --by scout --since 120
              membus revert --in trip-42 --since 2h
              membus revert --cascade facts/visa@41   # with all that followed from it, on every branch

            --cascade undoes what membus impact shows: one commit on each branch that shows any of it, or on --branch \
            alone. Others may go on meanwhile; the same command again undoes what has followed since. A merge does not \
            bring it back unasked.

              membus revert --cascade facts/visa@41 --branch main --dry-run
            """)

    @OptionGroup var named: NamedOptions

    @Option(
        help: ArgumentHelp(
            "Decide a key whose history can't be told without what is reverted: ours (as it is) or delete.",
            valueName: "key=choice"),
        transform: { try Settlement($0) })
    var resolve: [Settlement] = []

    @OptionGroup var planning: PlanOptions
    @OptionGroup var write: WriteOptions
    @OptionGroup(title: "Global options") var options: GlobalOptions

    func validate() throws {
        try Settlement.check(resolve)
        for settlement in resolve {
            switch settlement.choice {
            case .ours, .delete: break
            case .theirs, .base, .put:
                throw ValidationError(
                    "a revert has one side: write \(settlement.key)=ours, or \(settlement.key)=delete")
            }
        }
    }

    private static let nothing = "nothing to revert: none of it is there any more"

    func run() async throws {
        if planning.dryRun || planning.plan != nil {
            let again = ["revert"] + named.words + resolve.flatMap { ["--resolve", $0.text] }
            return try await planning.run(options, write, again: again, nothing: Self.nothing) { memory in
                let author = try await named.author(on: memory, options)
                func rewrite(_ resolutions: [Resolution]) -> Rewrite {
                    .revert(
                        versions: named.versions, revisions: named.revisions, of: author, cascade: named.cascaded,
                        resolutions: resolutions)
                }
                if resolve.isEmpty { return rewrite([]) }
                return rewrite(resolved(try await memory.plan(rewrite([])).conflicts))
            }
        }
        if named.cascade, !options.namesBranch { return try await undoEverywhere() }
        let receipt = try await options.withMemory(context: write.contextName) { memory in
            try await revert(try await named.author(on: memory, options), on: options.branchName, memory)
        }
        try options.printReceipt(receipt, nothing: Self.nothing)
    }

    private func undoEverywhere() async throws {
        try await Everywhere(options: options, write: write, done: "reverted", nothing: Self.nothing).run {
            branch, memory in try await revert(try await named.author(on: memory, options), on: branch, memory)
        }
    }

    private func revert(_ author: Authorship?, on branch: BranchName, _ memory: Memory) async throws -> Receipt {
        func attempt(_ resolutions: [Resolution]) async throws -> Receipt {
            try await memory.revert(
                versions: named.versions, revisions: named.revisions, of: author, on: branch,
                cascade: named.cascaded, resolutions: resolutions, message: write.message)
        }
        do { return try await attempt([]) } catch MembusError.unsettled(let conflicts, _, _) where !resolve.isEmpty {
            return try await attempt(resolved(conflicts))
        }
    }

    private func resolved(_ conflicts: [MergeConflict]) -> [Resolution] {
        conflicts.compactMap { conflict in
            resolve.first { $0.key == conflict.key }.map { conflict.resolved($0.choice) }
        }
    }
}

/// Which versions are meant.
struct NamedOptions: ParsableArguments {
    @Argument(
        help: ArgumentHelp("Revisions, or single versions: KEY@REVISION.", valueName: "what"),
        transform: { try Reverted($0) })
    var what: [Reverted] = []

    @OptionGroup var author: AuthorOptions

    @Flag(help: "And all that followed from it, on whatever branch.")
    var cascade = false

    @Flag(name: .customLong("own"), help: "With --cascade: only what commits themselves are on record to have read.")
    var ownOnly = false

    @Option(help: ArgumentHelp("With --cascade: a commit that is good, whatever it read.", valueName: "revision"))
    var except: [Revision] = []

    func validate() throws {
        if what.isEmpty, !author.isGiven {
            throw ValidationError("say what is meant: revisions, KEY@REVISION, --by, --in")
        }
        if !cascade, ownOnly || !except.isEmpty { throw ValidationError("--own and --except go with --cascade") }
    }

    var versions: [VersionName] { what.compactMap(\.version) }
    var revisions: [Revision] { what.revisions }
    var cascaded: Cascade? { cascade ? Cascade(ownOnly: ownOnly, excluded: except) : nil }

    func author(on memory: Memory, _ options: GlobalOptions) async throws -> Authorship? {
        try await author.read(on: memory, options)
    }

    /// As they were written.
    var words: [String] {
        var words = what.map(\.text) + author.words
        if cascade { words.append("--cascade") }
        if ownOnly { words.append("--own") }
        return words + except.flatMap { ["--except", "\($0)"] }
    }
}

/// Whose commits are meant.
struct AuthorOptions: ParsableArguments {
    @Option(help: ArgumentHelp("All that this agent committed since.", valueName: "agent"))
    var by: String?

    @Option(
        name: .customLong("in"),
        help: ArgumentHelp("All that was committed in this context since.", valueName: "context"))
    var inContext: String?

    @Option(
        help: ArgumentHelp(
            "Since when: a revision, how long ago (2h), a date, date and time, ~N, or a tag.", valueName: "state"),
        transform: AtOption.read)
    var since: StateName?

    var isGiven: Bool { by != nil || inContext != nil }

    func validate() throws {
        if isGiven, since == nil { throw ValidationError("say since when: --since REVISION, or --since 2h") }
        if !isGiven, since != nil { throw ValidationError("--since goes with --by or --in") }
    }

    func read(on memory: Memory, _ options: GlobalOptions) async throws -> Authorship? {
        guard let since else { return nil }
        return Authorship(
            agent: by, context: inContext, since: try await memory.pastState(since, of: options.branchName))
    }

    /// As they were written.
    var words: [String] {
        var words: [String] = []
        if let by { words += ["--by", by] }
        if let inContext { words += ["--in", inContext] }
        if let since { words += ["--since", "\(since)"] }
        return words
    }
}

/// `73`, or `plans/paris@41`.
struct Reverted: Sendable {
    /// As it was written.
    let text: String
    let revision: Revision
    /// `nil`: all that the commit wrote.
    let version: VersionName?

    init(_ text: String) throws {
        self.text = text
        if let revision = Int64(text), revision >= 0 {
            (self.revision, version) = (revision, nil)
            return
        }
        guard let sign = text.lastIndex(of: "@"), let revision = Int64(text[text.index(after: sign)...]), revision >= 0
        else {
            throw ValidationError("\"\(text)\" is no revision (73), and no version (plans/paris@41)")
        }
        self.revision = revision
        version = VersionName(try Key(String(text[..<sign])), at: revision)
    }
}
