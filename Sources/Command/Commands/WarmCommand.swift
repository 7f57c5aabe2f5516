import ArgumentParser
import Foundation
import Membus
import MembusDocuments
import MembusSystem

struct WarmCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "warm",
        abstract: "Keep a cache file that agents start from.",
        discussion: """
            Fetches the records of the topics, as of one revision, into a file. An agent that opens it \
            (memory.follow("plans/", warm: file)) reads at once, and catches up from the file's revision.

            A file that exists is brought up to date by what changed since. A damaged one, or one of another \
            history (the broker was restored from a backup), is refused: remove it and run the command again. \
            The file is replaced at once as a whole; readers find the old one or the new one.

            With --follow it is kept fresh until the command is ended (Ctrl-C, SIGTERM): written again within \
            a second or so of a change, and at the end.

            A file that exists may take 1h to be brought up to date, unless --timeout says otherwise.

              membus warm plans/ people/ --into plans.warm
              membus warm plans/ --into plans.warm --follow
            """)

    @Argument(
        help: ArgumentHelp("Prefixes ending in /, keys, or / for everything.", valueName: "topic"),
        transform: { try Topic($0) })
    var topics: [Topic]

    @Option(help: ArgumentHelp("The file.", valueName: "file"), completion: .file())
    var into: String

    @Flag(help: "Keep the file fresh.")
    var follow = false

    @OptionGroup(title: "Global options") var options: GlobalOptions

    private var file: URL { URL(fileURLWithPath: into) }
    private var patience: Duration { options.timeout?.duration ?? .seconds(3600) }

    func validate() throws {
        if into.isEmpty { throw ValidationError("--into needs a file.") }
    }

    func run() async throws {
        try LocalFile.refuseDirectory(into)
        try await options.withMemory { memory in
            let isThere = FileManager.default.fileExists(atPath: into)
            guard let view = try await Termination.cleaningUp({ try await fill(memory, isThere) }) else { return }
            if follow { try await WarmFollower(view, file).run() }
            view.close()
        }
    }

    /// - Returns: what the file was brought up to date from; `nil`: it was filled, and that was all.
    private func fill(_ memory: Memory, _ isThere: Bool) async throws -> View? {
        if !isThere { try await WarmFetch(memory, TopicFilter(topics), into).run() }
        let before = try WarmFile(reading: file)
        guard isThere || follow else {
            try tell(before)
            return nil
        }
        let view = try await memory.follow(
            topics.map(\.text), capacity: 1 << 40, branch: options.branchName, warm: file)
        if isThere { Output.warn("\(into) is at revision \(before.token.revision); catching up…") }
        try await view.waitUntilLive(timeout: patience)
        try view.save(to: file)
        try tell(try WarmFile(reading: file))
        // Nothing since the view came live has looked.
        if follow { try Task.checkCancellation() }
        return view
    }

    private func tell(_ warm: WarmFile) throws {
        let size = (try? FileManager.default.attributesOfItem(atPath: into)[.size] as? NSNumber)??.int64Value ?? 0
        if options.json {
            try Output.standard.line(
                [
                    "revision": .integer(warm.token.revision), "lineage": .string("\(warm.token.lineage)"),
                    "records": JSONValue(warm.records.count), "total_bytes": .integer(size), "file": .string(into),
                ] as JSONValue)
        } else {
            try Output.standard.line(
                "\(into) holds \(Human.plural(warm.records.count, "record")) as of revision \(warm.token.revision) (\(Human.bytes(size)))"
            )
        }
        try Output.standard.flush()
    }
}

/// The first fill: the records of one revision, page by page, into the file.
struct WarmFetch {
    let memory: Memory
    let filter: TopicFilter
    let path: String

    init(_ memory: Memory, _ filter: TopicFilter, _ path: String) {
        self.memory = memory
        self.filter = filter
        self.path = path
    }

    func run() async throws {
        let names = filter.topics.map(\.text)
        let progress = Progress("warm", counting: "records")
        let digest = try await memory.digest(names)
        progress.update { $0.total = digest.digest.count }
        var records: [Record] = []
        var pages = memory.range(names, at: digest.at.revision).makeAsyncIterator()
        while let record = try await pages.next() {
            records.append(record)
            progress.update {
                $0.done += 1
                $0.bytes += Int64(record.size)
            }
        }
        guard let token = pages.token else { throw CommandError("WARM", "the broker sent no page", hint: "try again") }
        let file = WarmFile(branch: memory.branch, filter: filter, token: token, records: records)
        try file.write(to: URL(fileURLWithPath: path))
        progress.finish()
    }
}

/// Keeps a warm file fresh, and people told of how the view stands.
struct WarmFollower {
    let view: View
    let file: URL

    init(_ view: View, _ file: URL) {
        self.view = view
        self.file = file
    }

    /// A file whose topics rest moves with the head all the same, so that its revision stays above the floor.
    private static let rest = Duration.seconds(60)

    func run() async throws {
        let work = Task { try await keep() }
        let ending = Task {
            await Termination.first(watching: nil)
            if !Task.isCancelled { work.cancel() }
        }
        defer { ending.cancel() }
        try await work.value
        try view.save(to: file)
    }

    /// Until it is cancelled. Looks at the view ten times a second, so that also a short silence is told of;
    /// writes much less often.
    private func keep() async throws {
        Output.warn("live at revision \(view.cut.revision): keeping \(file.lastPathComponent) fresh")
        let news = Latch()
        let listening = Task { [view] in for await _ in view.changes { news.arrive() } }
        defer { listening.cancel() }
        var saved = (token: view.token, at: Instant.now)
        var pause = Duration.seconds(1)
        var isLive = true
        while (try? await Task.sleep(for: .milliseconds(100))) != nil {
            isLive = try tell(isLive)
            let age = Instant.now - saved.at
            guard isLive, age >= pause, view.token != saved.token, news.take() || age > Self.rest else { continue }
            if view.token.lineage != saved.token.lineage {
                Output.warn("the broker's history changed (a restored backup): the file is filled anew")
            }
            let start = Instant.now
            try view.save(to: file)
            saved = (view.token, .now)
            // A large file does not keep the disk busy all the time.
            pause = max(.seconds(1), (saved.at - start) * 4)
        }
    }

    /// - Returns: whether the view is live.
    private func tell(_ wasLive: Bool) throws -> Bool {
        switch view.state {
        case .live:
            if !wasLive { Output.warn("live again at revision \(view.cut.revision)") }
            return true
        case .stale(let age):
            if wasLive {
                Output.warn(
                    "stale for \(Human.duration(age)): the file stays at revision \(view.cut.revision) for the time being"
                )
            }
            return false
        case .failed(let refusal): throw MembusError.refused(refusal)
        case .closed: throw MembusError.closed
        }
    }
}
