import ArgumentParser
import Membus

/// As of when something is read.
struct AtOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "As of this revision, or how long ago (10m), a date, date and time (ISO 8601), or ~N: before the newest N commits. (default: now)",
            valueName: "state"),
        transform: AtOption.read)
    var at: StateName.Moment?

    static func read(_ text: String) throws -> StateName.Moment {
        guard let moment = StateName.Moment(text) else {
            throw ValidationError(
                "write a revision, how long ago (10m, 2h), a date (2026-03-01), date and time "
                    + "(2026-03-01T12:00:00Z), or ~3")
        }
        return moment
    }

    /// - Returns: `nil`: now.
    func revision(on branch: BranchName, of memory: Memory) async throws -> Revision? {
        guard let at else { return nil }
        return try await memory.revision(of: StateName(branch, at))
    }
}
