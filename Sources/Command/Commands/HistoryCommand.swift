import ArgumentParser
import Membus
import MembusDocuments

struct HistoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history",
        abstract: "List the versions of a record, newest first.",
        discussion: """
            One line per version, deletions included: revision, time, value, author. Exits with 4 if the key \
            never had a record, or its history is no longer kept. Says on standard error if older versions may \
            have been dropped.

              membus history plans/paris
              membus history plans/paris --at before-the-trip
              membus get plans/paris --at 12         # one of them, whole
            """)

    @Argument(help: ArgumentHelp("The record's key.", valueName: "key"), transform: { try Key($0) })
    var key: Key

    @Option(
        name: [.customShort("n"), .long],
        help: ArgumentHelp("At most this many versions. (default: all)", valueName: "number"))
    var limit: Int?

    @Option(help: ArgumentHelp("Only versions before this revision.", valueName: "revision"))
    var before: Revision?

    @OptionGroup var state: AtOption
    @OptionGroup(title: "Global options") var options: GlobalOptions

    func validate() throws {
        if let limit, limit < 1 { throw ValidationError("--limit needs a number above zero.") }
        if let before, before < 1 { throw ValidationError("--before needs a revision of 1 or more.") }
        if before != nil, state.at != nil { throw ValidationError("--before and --at exclude each other.") }
    }

    func run() async throws {
        let (shown, floor) = try await options.withMemory { memory -> (Int, Revision) in
            var shown = 0
            let at = try await state.state(options, of: memory)
            at.tell()
            let versions = memory.history(
                key.text, before: before ?? at.revision.map { $0 + 1 }, branch: at.branch,
                pageSize: min(limit ?? 100, 100))
            for try await version in versions {
                try show(version)
                shown += 1
                if shown == limit { return (shown, 0) }
            }
            return (shown, try await memory.status().figures.floor)
        }
        let dropped = "versions that were replaced by revision \(floor), the floor, are no longer kept"
        if shown == 0 {
            throw CommandError.notFound(
                "no version of \(key) is kept", hint: floor > 0 ? dropped : "membus log lists what was written")
        }
        if floor > 0 {
            try Output.standard.flush()
            Output.warn(dropped)
        }
    }

    private func show(_ version: KeyVersion) throws {
        let output = Output.standard
        if options.json { return try output.line(.version(version.record, by: version.commit)) }
        let what = version.record.isDeleted ? output.style.red("deleted") : Human.preview(version.record)
        try output.line(
            "\(Human.padded("\(version.record.revision)", 8, right: true))  \(version.commit.time.shown)  \(what)  "
                + output.style.dim("(\(Human.commit(version.commit)))"))
    }
}
