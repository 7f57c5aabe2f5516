import ArgumentParser
import FoundationEssentials
import Membus
import MembusDocuments

struct BisectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bisect",
        abstract: "Find the commit since which a check fails.",
        discussion: """
            Looks at the commits of --branch between two states that changed the keys, and halves them: after each of \
            some, it runs the command by sh, until one is left. The good state is taken to be good and the bad one to be \
            bad; neither is tried. The command finds the revision in MEMBUS_AT, and the broker and branch in \
            MEMBUS_BROKER and MEMBUS_BRANCH, so that membus in it reads from there. It ends with 0: good; 125: it can't \
            be told there, a neighbour is tried; another code up to 127: bad; above: the search is given up. It \
            has no input, and what it prints goes to standard error.

              membus bisect plans/lisbon --good 38 --bad 60 \\
                --run 'membus get plans/lisbon --at "$MEMBUS_AT" | grep -q hotel'
              membus bisect plans/ facts/visa --good 2h --run './check-plan'
              membus bisect plans/ --good ~20 --run './simulate' --fork

            With --fork each revision that is tried gets a branch of its own, bisect-REVISION-…, which MEMBUS_BRANCH \
            names: for commands that write. These branches stay.

            Exits with 1 if what was skipped leaves several: they are listed.
            """)

    @Argument(
        help: ArgumentHelp("Keys, or prefixes ending in /: what changed any of them is looked at.", valueName: "topic"),
        transform: { try Topic($0) })
    var topics: [Topic]

    @Option(
        help: ArgumentHelp(
            "When all was well: a revision, how long ago (10m), a date, date and time (ISO 8601), or ~N: before the newest N commits.",
            valueName: "state"),
        transform: AtOption.read)
    var good: StateName

    @Option(
        help: ArgumentHelp("When it was not, written the same way. (default: now)", valueName: "state"),
        transform: AtOption.read)
    var bad: StateName?

    @Option(name: .customLong("run"), help: ArgumentHelp("What tells good from bad.", valueName: "command"))
    var command: String

    @Flag(help: "Try each revision on a branch of its own, which stays.")
    var fork = false

    @OptionGroup(title: "Global options") var options: GlobalOptions

    func validate() throws {
        if command.isEmpty { throw ValidationError("--run needs a command.") }
        if command.utf8.contains(0) { throw ValidationError("The command contains a null character.") }
    }

    func run() async throws { try await Termination.cleaningUp { try await search() } }

    private func search() async throws {
        let context = ProcessInfo.processInfo.environment["MEMBUS_CONTEXT"] ?? ""
        try await options.withMemory(context: context) { memory in
            let commits = try await commits(memory)
            let output = Output.standard
            try output.tell(BisectReport.begin(commits.count, steps: Bisection.tries(for: commits.count)), options)
            var bisection = Bisection(of: commits.count)
            while case .attempt(let place) = bisection.next {
                try output.flush()
                let attempt = try await attempt(commits[place], memory)
                try output.tell(BisectReport.attempt(attempt, command), options)
                bisection.take(attempt.verdict, at: place)
            }
            switch bisection.next {
            case .attempt: break
            case .found(let place): try output.tell(.found(commits[place]), options)
            case .undecided(let places):
                try output.tell(.undecided(Array(commits[places])), options)
                var undecided = CommandError("UNDECIDED", "", hint: "")
                undecided.isSilent = true
                throw undecided
            }
        }
    }

    /// Those to search, of which the last is bad.
    private func commits(_ memory: Memory) async throws -> [CommitInfo] {
        let branch = options.branchName
        let (from, to) = (good, bad)
        let good = try await memory.pastState(from, of: branch)
        let bad = try await memory.pastState(to ?? .now, of: branch)
        guard good < bad else {
            // One that is not there yet is told as such.
            _ = try await memory.compare(.branch(branch, at: good), .branch(branch, at: bad))
            throw CommandError(
                "USAGE", "the good state (\(branch)@\(good)) is not before the bad one (\(branch)@\(bad))",
                hint: "the search is for what broke it: name an earlier --good", .usage)
        }
        let commits = try await memory.commits(changing: topics, on: branch, after: good, through: bad)
        if commits.isEmpty {
            throw CommandError(
                "NOTHING_CHANGED",
                "no commit on \(branch) changed \(topics.count == 1 ? "this key" : "these keys") after revision \(good), "
                    + "up to \(bad)",
                hint: "membus diff \(good) \(bad) tells what changed between the two")
        }
        return commits
    }

    private func attempt(_ commit: CommitInfo, _ memory: Memory) async throws -> BisectAttempt {
        let branch = try await branch(at: commit.revision, memory)
        var environment = ProcessInfo.processInfo.environment
        environment["MEMBUS_AT"] = "\(commit.revision)"
        environment["MEMBUS_BROKER"] = options.brokerURL
        environment["MEMBUS_BRANCH"] = branch.text
        if let agent = options.givenAgent { environment["MEMBUS_AGENT"] = agent }
        let ending = try await ShellCommand(text: command, environment: environment).run()
        guard let verdict = Bisection.Verdict(ending), case .code(let code) = ending else {
            let how =
                switch ending {
                case .code(let code): "with \(code)"
                case .signal(let number): "by signal \(number)"
                }
            throw CommandError(
                "ABORTED", "the command ended \(how) at revision \(commit.revision): the search is given up",
                hint: "0 means good, 125 that it can't be told, 1 to 127 bad; above it, that the command itself failed")
        }
        // A branch keeps what it starts from.
        if !fork { try await holds(commit.revision, memory) }
        return BisectAttempt(commit: commit, branch: branch, verdict: verdict, code: code)
    }

    /// What the command could not read says nothing, though it looks like a failed check.
    private func holds(_ revision: Revision, _ memory: Memory) async throws {
        let floor = try await memory.status().figures.floor
        guard floor > revision else { return }
        throw CommandError(
            "BELOW_FLOOR",
            "history was compacted up to revision \(floor) meanwhile: what was tried at \(revision) counts for nothing",
            hint: "begin with a later --good, or have each revision kept by --fork")
    }

    /// What the command works on.
    private func branch(at revision: Revision, _ memory: Memory) async throws -> BranchName {
        guard fork else { return options.branchName }
        let letters = (0..<8).map { _ in String(Int.random(in: 0..<36), radix: 36) }.joined()
        let name = try BranchName("bisect-\(revision)-\(letters)")
        try await memory.fork(name, at: revision, message: "tried by bisect of \(TopicFilter(topics))".cut(to: 200))
        return name
    }
}

extension Bisection.Verdict {
    /// What a command's end says; `nil`: it has failed itself.
    init?(_ ending: ShellCommand.Ending) {
        switch ending {
        case .code(0): self = .good
        case .code(125): self = .skipped
        case .code(1...127): self = .bad
        case .code, .signal: return nil
        }
    }
}

extension String {
    /// Its beginning, if it has more characters.
    fileprivate func cut(to most: Int) -> String { count > most ? prefix(most) + "…" : self }
}

/// What came of one.
private struct BisectAttempt {
    let commit: CommitInfo
    let branch: BranchName
    let verdict: Bisection.Verdict
    let code: Int32
}

/// A step of the search, as it is told.
private struct BisectReport {
    let lines: [String]
    let json: JSONValue

    static func begin(_ commits: Int, steps: Int) -> BisectReport {
        BisectReport(
            lines: ["\(Human.plural(commits, "commit")) changed these keys: \(Human.plural(steps, "step"))"],
            json: ["commits": JSONValue(commits), "steps": JSONValue(steps)])
    }

    static func attempt(_ attempt: BisectAttempt, _ command: String) -> BisectReport {
        let came =
            switch attempt.verdict {
            case .good: "passed"
            case .bad: attempt.code == 1 ? "failed" : "failed with \(attempt.code)"
            case .skipped: "skipped"
            }
        let shown = command.cut(to: 60).escapingControlCharacters
        let verdict: JSONValue = [
            "revision": .integer(attempt.commit.revision), "branch": .string(attempt.branch.text),
            "verdict": .string(attempt.verdict.rawValue), "exit_code": JSONValue(Int(attempt.code)),
        ]
        return BisectReport(lines: ["  \(attempt.commit.revision)  \(shown)  \(came)"], json: verdict)
    }

    static func found(_ commit: CommitInfo) -> BisectReport {
        BisectReport(
            lines: ["\(commit.revision) is the first for which it fails: \(who(commit))"],
            json: ["first_bad": .commit(commit)])
    }

    static func undecided(_ commits: [CommitInfo]) -> BisectReport {
        BisectReport(
            lines: ["one of these is the first for which it fails; what could tell was skipped:"]
                + commits.map { "  \($0.revision)  \(who($0))" },
            json: ["first_bad": .null, "candidates": .array(commits.map { .commit($0) })])
    }

    /// `scout, trip-42: "found it on a forum"`
    private static func who(_ commit: CommitInfo) -> String {
        let author = commit.context.isEmpty ? commit.agent : "\(commit.agent), \(commit.context)"
        return (commit.message.isEmpty ? author : "\(author): \"\(commit.message)\"").escapingControlCharacters
    }
}

extension Output {
    fileprivate func tell(_ report: BisectReport, _ options: GlobalOptions) throws {
        if options.json { return try line(report.json) }
        for text in report.lines { try line(text) }
    }
}
