import ArgumentParser
import Membus
import MembusDocuments

struct PickCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pick",
        abstract: "Make the changes of some commits again, on --branch.",
        discussion: """
            One commit, with nothing else of their branch: each is a three-way change, with what was there before it as the \
            base. Merges, rollbacks, reverts and forks can't be picked. A later merge finds what was picked on both sides, and \
            agrees; but an increment that was picked counts again. What a cascade has undone on the branch, or what derives from \
            that, is a conflict.

              membus pick 58                          # onto --branch, or main
              membus pick 58 61 --same-reads          # only if what they had read is the same here
            """)

    @Argument(help: ArgumentHelp("The commits, by their revisions.", valueName: "revision"))
    var revisions: [Revision]

    @Flag(help: "Only if what the commits are on record to have read is there in the same versions.")
    var sameReads = false

    @Option(
        help: ArgumentHelp(
            "Decide a conflict: ours, theirs, base (what was there before the commit) or delete.",
            valueName: "key=choice"),
        transform: { try Settlement($0) })
    var resolve: [Settlement] = []

    @OptionGroup var planning: PlanOptions
    @OptionGroup var write: WriteOptions
    @OptionGroup(title: "Global options") var options: GlobalOptions

    func validate() throws { try Settlement.check(resolve) }

    func run() async throws {
        var again = ["pick"] + revisions.map { "\($0)" } + resolve.flatMap { ["--resolve", $0.text] }
        if sameReads { again.append("--same-reads") }
        let sorted = Set(revisions).sorted()
        try await planning.run(
            options, write, again: again, nothing: "nothing to pick: \(options.branchName) has all of it"
        ) { memory in
            if resolve.isEmpty { return .pick(sorted, sameReads: sameReads) }
            let conflicts = try await memory.plan(.pick(sorted, sameReads: sameReads)).conflicts
            return .pick(
                sorted, sameReads: sameReads,
                resolutions: conflicts.compactMap { conflict in
                    resolve.first { $0.key == conflict.key }.map { conflict.resolved($0.choice) }
                })
        }
    }
}

struct RebaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rebase",
        abstract: "Fork a branch anew, and make its own commits again there.",
        discussion: """
            The new branch starts from the parent as it is now. Each of the branch's own commits is picked, one by one, as \
            long as what it is on record to have read is the same there; where it would have read something else, or somebody \
            has to decide, it stops and says so: what was built on another past is not carried over unasked. The old branch \
            stays as it is.

              membus rebase trial trial-2            # from trial's parent, at its head
              membus rebase trial trial-2 --onto reviewed
            """)

    @Argument(help: ArgumentHelp("The branch.", valueName: "branch"), transform: { try BranchName($0) })
    var branch: BranchName

    @Argument(help: ArgumentHelp("The new branch's name.", valueName: "new"), transform: { try BranchName($0) })
    var new: BranchName

    @Option(
        help: ArgumentHelp("Which branch it starts from. (default: the branch's parent)", valueName: "branch"),
        transform: { try BranchName($0) })
    var onto: BranchName?

    @OptionGroup var write: WriteOptions
    @OptionGroup(title: "Global options") var options: GlobalOptions

    func run() async throws {
        let rebased = try await options.withMemory(context: write.contextName) { memory in
            try await memory.rebase(branch, as: new, onto: onto, message: write.message)
        }
        let count = rebased.picked.count
        try Output.standard.tell(of: "\(new) is made, with \(count) commits of \(branch)") { output in
            if options.json {
                var told: JSONValue = [
                    "branch": .string(new.text), "revision": .integer(rebased.fork.revision),
                    "picked": .array(
                        rebased.picked.map { ["from": .integer($0.from), "revision": .integer($0.revision)] }),
                    "passed_over": .array(rebased.passedOver.map { .integer($0) }),
                ]
                if let stopped = rebased.stopped { told = told + ["stopped_at": .integer(stopped.at)] }
                return try output.line(told)
            }
            let commits = Human.plural(count, "commit")
            try output.line("revision \(rebased.fork.revision): \(new), with \(commits) of \(branch)")
            if !rebased.passedOver.isEmpty {
                let names = rebased.passedOver.map { "\($0)" }.joined(separator: " ")
                try output.line("passed over, as they are no agents' own changes: \(names)")
            }
        }
        if let stopped = rebased.stopped {
            let error = CommandError(stopped.reason)
            throw CommandError(
                error.code, "stopped at revision \(stopped.at) of \(branch): \(error.message)",
                hint: "go on by hand: membus --branch \(new) pick \(stopped.at)", .conflict, json: error.json)
        }
    }
}
