import ArgumentParser
import Membus

/// As of when something is read.
struct AtOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "As of this revision, or how long ago (10m), a date, date and time (ISO 8601), ~N: before the newest N commits, a tag, or BRANCH, BRANCH@REVISION, BRANCH@TIME, BRANCH~N. (default: now)",
            valueName: "state"),
        transform: AtOption.read)
    var at: StateName?

    static func read(_ text: String) throws -> StateName { try StateName(at: text) }

    /// What is to be read: the branch that the state names, or else --branch.
    /// - Parameter branch: takes the place of --branch.
    func state(_ options: GlobalOptions, from branch: BranchName? = nil, of memory: Memory) async throws -> NamedState {
        let working = branch ?? options.branchName
        guard let at else { return NamedState(branch: working, revision: nil, isNamed: false) }
        return try await NamedState(at, on: working, asked: branch ?? options.branch, of: memory)
    }
}

/// A state that somebody has named, found.
struct NamedState {
    let branch: BranchName
    /// `nil`: now.
    let revision: Revision?
    /// By something else than its revision, so that it has to be told.
    let isNamed: Bool

    init(branch: BranchName, revision: Revision?, isNamed: Bool) {
        self.branch = branch
        self.revision = revision
        self.isNamed = isNamed
    }

    /// - Parameter asked: the branch that somebody has named beside the state.
    init(_ name: StateName, on working: BranchName, asked: BranchName?, of memory: Memory) async throws {
        let state = try await memory.state(of: StateName(name.branch ?? working, name.moment))
        branch = state.branch ?? working
        revision = state.revision
        isNamed = name.revision == nil
        // What is read is to be beyond doubt.
        guard let asked, asked != branch else { return }
        throw CommandError(
            "USAGE", "\(name) is a state of branch \(branch), not of \(asked)", hint: "name one branch alone", .usage)
    }

    /// "as of revision 66", where people could not know.
    func tell() { if isNamed, let revision { Output.warn("as of revision \(revision)") } }

    /// For a sentence about it: " at revision 66 on branch trial".
    var words: String {
        (revision.map { " at revision \($0)" } ?? "") + (branch == .main ? "" : " on branch \(branch)")
    }
}
