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

            --cascade undoes what membus impact shows: one commit on each branch that shows any of it. Others may go on \
            meanwhile; the same command again undoes what has followed since.
            """)

    @Argument(
        help: ArgumentHelp("Revisions, or single versions: KEY@REVISION.", valueName: "what"),
        transform: { try Reverted($0) })
    var what: [Reverted] = []

    @Option(help: ArgumentHelp("All that this agent committed since.", valueName: "agent"))
    var by: String?

    @Option(
        name: .customLong("in"),
        help: ArgumentHelp("All that was committed in this context since.", valueName: "context"))
    var inContext: String?

    @Option(
        help: ArgumentHelp(
            "Since when: a revision, how long ago (2h), a date, date and time, or ~N.", valueName: "state"),
        transform: { text in
            guard let moment = StateName.Moment(text) else {
                throw ValidationError("\"\(text)\" is no revision, no time, and not ~N")
            }
            return moment
        })
    var since: StateName.Moment?

    @Flag(help: "Undo all that followed from it, too, on every branch.")
    var cascade = false

    @Flag(name: .customLong("own"), help: "With --cascade: only what commits themselves are on record to have read.")
    var ownOnly = false

    @Option(help: ArgumentHelp("With --cascade: a commit that is good, whatever it read.", valueName: "revision"))
    var except: [Revision] = []

    @Option(
        help: ArgumentHelp(
            "Decide a key whose history can't be told without what is reverted: ours (as it is) or delete.",
            valueName: "key=choice"),
        transform: { try Settlement($0) })
    var resolve: [Settlement] = []

    @OptionGroup var write: WriteOptions
    @OptionGroup(title: "Global options") var options: GlobalOptions

    private var isByAuthor: Bool { by != nil || inContext != nil }

    func validate() throws {
        if what.isEmpty, !isByAuthor {
            throw ValidationError("say what to revert: revisions, KEY@REVISION, --by, --in")
        }
        if isByAuthor, since == nil { throw ValidationError("say since when: --since REVISION, or --since 2h") }
        if !isByAuthor, since != nil { throw ValidationError("--since goes with --by or --in") }
        if cascade, isByAuthor { throw ValidationError("--cascade goes with versions and revisions") }
        if !cascade, ownOnly || !except.isEmpty { throw ValidationError("--own and --except go with --cascade") }
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

    func run() async throws {
        if cascade { return try await undoAll() }
        let receipt = try await options.withMemory(context: write.contextName) { memory in
            var author: Authorship?
            if let since {
                author = Authorship(
                    agent: by, context: inContext,
                    since: try await memory.revision(of: StateName(options.branchName, since)))
            }
            return try await revert(author, on: memory)
        }
        try options.printReceipt(receipt, nothing: "nothing to revert: none of it is there any more")
    }

    private func undoAll() async throws {
        let done = try await options.withMemory(context: write.contextName) { memory in
            try await memory.revertCascade(
                of: what.compactMap(\.version), revisions: what.revisions, excluding: except, ownOnly: ownOnly,
                message: write.message)
        }
        let output = Output.standard
        if done.isEmpty, !options.json { return try output.line("nothing to revert: none of it is there any more") }
        for (branch, receipt) in done {
            try output.tell(of: "\(branch) is reverted by revision \(receipt.revision)") { output in
                if options.json {
                    return try output.line(.receipt(receipt.token, isCommitted: true, branch: branch))
                }
                try output.line("\(branch)   revision \(receipt.revision)")
            }
        }
    }

    private func revert(_ author: Authorship?, on memory: Memory) async throws -> Receipt {
        let versions = what.compactMap(\.version)
        let revisions = what.revisions
        func attempt(_ resolutions: [Resolution]) async throws -> Receipt {
            try await memory.revert(
                versions: versions, revisions: revisions, of: author, resolutions: resolutions, message: write.message)
        }
        do { return try await attempt([]) } catch MembusError.unsettled(let conflicts, _, _) where !resolve.isEmpty {
            return try await attempt(
                conflicts.compactMap { conflict in
                    resolve.first { $0.key == conflict.key }.map { conflict.resolved($0.choice) }
                })
        }
    }
}

/// `73`, or `plans/paris@41`.
struct Reverted: Sendable {
    let revision: Revision
    /// `nil`: all that the commit wrote.
    let version: VersionName?

    init(_ text: String) throws {
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
