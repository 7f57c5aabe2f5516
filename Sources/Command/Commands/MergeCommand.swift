import ArgumentParser
import Membus
import MembusDocuments

struct MergeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "merge",
        abstract: "Bring what another branch has into --branch: one commit.",
        discussion: """
            A key that only one side has changed since both were the same is that side's; counters add up; JSON objects are \
            merged by member, texts by line. Where somebody has to decide nothing is written, and it is told what: \
            decide key by key with --resolve, or once for a topic by a policy, a record such as

              membus put .membus/policies/plans '{"topic": "plans/", "policy": "newest"}' --kind json

            (counter, json, text, set, newest, ours, theirs, ask). Or commit what is clear with --park, and have the rest \
            settled later, by anybody: see membus conflicts. Merging again brings only what is new.

              membus merge trial                     # trial into --branch, or main
              membus --branch trial merge main       # the other way round
              membus merge trial@60 --message "reviewed up to 60"
              membus merge trial --resolve plans/rome=theirs --resolve notes/lisbon=ours
              membus merge trial --park
              membus merge trial --dry-run           # what it would write, and a plan to have exactly that done
            """)

    @Argument(
        help: ArgumentHelp(
            "The branch to bring in: BRANCH, BRANCH@REVISION, BRANCH@TIME, BRANCH~N, or a tag.", valueName: "source"),
        transform: { try StateName($0) })
    var source: StateName

    @Option(
        help: ArgumentHelp(
            "Decide a conflict: ours, theirs, base (what both had in common) or delete.", valueName: "key=choice"),
        transform: { try Settlement($0) })
    var resolve: [Settlement] = []

    @Flag(help: "Have records under .membus/policies/ and .membus/rights/ come along.")
    var carryRules = false

    @Flag(help: "Leave what nobody has decided for later: see membus conflicts.")
    var park = false

    @OptionGroup var planning: PlanOptions
    @OptionGroup var write: WriteOptions
    @OptionGroup(title: "Global options") var options: GlobalOptions

    func validate() throws {
        try Settlement.check(resolve)
        guard source.branch != nil else {
            throw ValidationError("name the branch to bring in: membus merge BRANCH, or BRANCH@\(source)")
        }
    }

    func run() async throws {
        guard let branch = source.branch else { return }
        if planning.dryRun || planning.plan != nil { return try await runPlanned(branch) }
        let outcome: MergeOutcome
        do {
            outcome = try await options.withMemory(context: write.contextName) { memory in
                // A name alone may be a tag's.
                let state = try await memory.state(of: source)
                let isHead = source.moment == .now && state.branch == branch
                return try await memory.merge(
                    state.branch ?? branch, at: isHead ? nil : state.revision, carriesRules: carryRules, parks: park,
                    message: write.message
                ) { conflict in
                    resolve.first { $0.key == conflict.key }?.choice
                }
            }
        } catch let error as MembusError {
            guard case .unsettled = error else { throw error }
            var told = CommandError(error)
            told.hint += ", or leave it for later: --park"
            throw told
        }
        try tell(outcome, of: branch)
    }

    private func runPlanned(_ branch: BranchName) async throws {
        var again = ["merge", "\(source)"] + resolve.flatMap { ["--resolve", $0.text] }
        if carryRules { again.append("--carry-rules") }
        if park { again.append("--park") }
        try await planning.run(options, write, again: again) { memory in
            let state = try await memory.state(of: source)
            let at = source.moment == .now && state.branch == branch ? nil : state.revision
            var resolutions: [Resolution] = []
            func rewrite() -> Rewrite {
                .merge(state.branch ?? branch, at: at, resolutions: resolutions, carriesRules: carryRules, parks: park)
            }
            if resolve.isEmpty { return rewrite() }
            // Resolutions name the versions that they settle.
            let conflicts = try await memory.plan(rewrite()).conflicts
            resolutions = conflicts.compactMap { conflict in
                resolve.first { $0.key == conflict.key }.map { conflict.resolved($0.choice) }
            }
            return rewrite()
        }
    }

    private func tell(_ outcome: MergeOutcome, of source: BranchName) throws {
        let target = options.branchName
        switch outcome {
        case .nothing(let token):
            if options.json {
                return try Output.standard.line(["merged": false, "position": .position(token.position)])
            }
            try Output.standard.line("nothing to merge: \(target) contains \(self.source)")
        case .merged(let receipt, let report):
            let deed = "revision \(receipt.revision): \(source)@\(report.source) merged into \(target)"
            try Output.standard.tell(of: deed) { output in
                if options.json { return try output.line(.merged(receipt.position, report)) }
                let agreed = report.agreed > 0 ? ", \(report.agreed) agreed" : ""
                let settled = report.settled > 0 ? "\(report.settled) decided" : "no conflicts"
                let parked = "\(Human.plural(report.parked, "conflict")) parked: see membus conflicts"
                let rest = report.parked == 0 ? settled : report.settled == 0 ? parked : "\(settled), \(parked)"
                try output.line("\(deed): \(Human.plural(report.written, "key")) written\(agreed), \(rest)")
            }
        }
    }
}

/// What somebody decided of a key: `plans/rome=theirs`.
struct Settlement: Sendable {
    /// As it was written.
    let text: String
    let key: Key
    let choice: Resolution.Choice

    init(_ text: String) throws {
        self.text = text
        // A key may hold the sign; a choice does not.
        guard let sign = text.lastIndex(of: "=") else { throw Self.misunderstood(text) }
        key = try Key(String(text[..<sign]))
        switch text[text.index(after: sign)...].utf8 {
        case let word where word.elementsEqual("ours".utf8): choice = .ours
        case let word where word.elementsEqual("theirs".utf8): choice = .theirs
        case let word where word.elementsEqual("base".utf8): choice = .base
        case let word where word.elementsEqual("delete".utf8): choice = .delete
        case _: throw Self.misunderstood(text)
        }
    }

    /// Each key once.
    static func check(_ settlements: [Settlement]) throws {
        var seen: Set<Key> = []
        for settlement in settlements where !seen.insert(settlement.key).inserted {
            throw ValidationError("\(settlement.key) is decided twice")
        }
    }

    private static func misunderstood(_ text: String) -> ValidationError {
        ValidationError("\"\(text)\" decides nothing: write KEY=ours, KEY=theirs, KEY=base or KEY=delete")
    }
}
