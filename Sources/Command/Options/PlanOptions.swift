import ArgumentParser
import Membus
import MembusDocuments

/// What every command accepts that rewrites memory as a whole.
struct PlanOptions: ParsableArguments {
    @Flag(help: "Only tell what would be written.")
    var dryRun = false

    @Option(
        help: ArgumentHelp(
            "Write exactly what this dry run told, or nothing, if it would be something else by now.",
            valueName: "plan"),
        transform: { text in
            guard let id = PlanID(text) else {
                throw ValidationError("\"\(text)\" is no plan: --dry-run names one, of 16 hexadecimal digits")
            }
            return id
        })
    var plan: PlanID?

    func validate() throws {
        if dryRun, plan != nil { throw ValidationError("--dry-run and --plan exclude each other.") }
    }

    /// Tells what a rewrite would do, or does what a plan says.
    /// - Parameters:
    ///   - again: the command, without the options of all commands.
    ///   - nothing: said where nothing is written.
    func run(
        _ options: GlobalOptions, _ write: WriteOptions, again: [String], nothing: String = "nothing to write",
        _ rewrite: (Memory) async throws -> Rewrite
    ) async throws {
        let branch = options.branchName
        let words = (branch == .main ? [] : ["--branch", branch.text]) + again
        if dryRun {
            let plan = try await options.withMemory { memory in try await memory.plan(try await rewrite(memory)) }
            let output = Output.standard
            if options.json { return try output.line(.plan(plan, on: branch)) }
            let command = words.map { ShellWord($0).text }.joined(separator: " ")
            let parks = again.contains("--park")
            for line in Human.plan(plan, on: branch, again: command, parks: parks) { try output.line(line) }
            return
        }
        do {
            let receipt = try await options.withMemory(context: write.contextName) { memory in
                try await memory.carryOut(try await rewrite(memory), as: plan, message: write.message)
            }
            try options.printReceipt(receipt, nothing: nothing)
        } catch MembusError.refused(let refusal) where refusal.code == .planChanged {
            throw CommandError(
                "PLAN_CHANGED", refusal.message,
                hint: "look at the new plan: the same command with --dry-run", .conflict)
        }
    }
}

/// A word as a shell takes it.
struct ShellWord {
    let text: String

    init(_ word: String) {
        let plain = word.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "-_./@=:~+,%".utf8.contains(byte)
            }
        }
        if plain, !word.isEmpty {
            text = word
            return
        }
        let quoted = word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''")
        text = "'\(quoted)'"
    }
}

extension Human {
    /// What would be written, key by key.
    static func plan(_ plan: Plan, on branch: BranchName, again: String, parks: Bool) -> [String] {
        let head = "plan \(plan.id) as of revision \(plan.at.revision)"
        if plan.isContained { return ["\(head): nothing to merge, \(branch) contains it"] }
        if plan.changes.isEmpty, plan.conflicts.isEmpty { return ["\(head): nothing to write on \(branch)"] }
        var lines = ["\(head): one commit on \(branch)"]
        lines += plan.changes.map { "  \(padded("\($0.key)", 20))  \($0.told)" }
        if plan.unlisted > 0 { lines.append("  and \(plural(plan.unlisted, "key")) more") }
        if plan.agreed > 0 { lines.append("\(plural(plan.agreed, "key")) agreed") }
        if !plan.conflicts.isEmpty {
            if parks {
                lines.append("\(plural(plan.conflicts.count + plan.unlistedConflicts, "conflict")) parked:")
                lines += plan.conflicts.map { "  \($0.key)   \($0.kind.words)" }
                return lines + ["  to do exactly this: membus \(again) --plan \(plan.id)"]
            }
            lines.append(unsettled(plan.conflicts, plan.unlistedConflicts, "nothing can be written"))
            return lines
        }
        return lines + ["  to do exactly this: membus \(again) --plan \(plan.id)"]
    }
}

extension PlannedChange {
    fileprivate var told: String {
        if let old = from?.count, let new = to?.count { return "\(old) → \(new)" }
        guard let to else { return "goes" }
        if let from, from.content == to.content, from.kind == to.kind {
            return to.quarantine == nil ? "stays as it is" : "is marked: \(Human.preview(to))"
        }
        let shown = Human.preview(to)
        // What is made of several versions was never there before.
        guard madeOf.count == 1, let revision = madeOf.first else {
            return from == nil ? "comes: \(shown)" : "becomes: \(shown)"
        }
        let what = from == nil ? "comes" : "becomes what it was"
        return "\(what) as of revision \(revision): \(shown)"
    }
}
