import ArgumentParser
import FoundationEssentials
import Glibc
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
            a second or so of a change, and at the end. What keeps it from being written, a full disk say, is told, \
            and tried again.

            A file that exists may take 1h to be brought up to date, unless --timeout says otherwise. Where the \
            broker's events do not come through (only its port for requests is reachable), it says so, and \
            fetches the records anew: with --follow whenever the broker's log, read every few seconds, tells of \
            a change.

              membus warm plans/ people/ --into plans.warm
              membus warm plans/ --into plans.warm --follow
            """)

    @Argument(
        help: ArgumentHelp("Prefixes ending in /, keys, or / for everything.", valueName: "topic"),
        transform: { try Topic($0) })
    var topics: [Topic]

    @Option(help: ArgumentHelp("The file.", valueName: "file"), completion: .file(), transform: LocalPath.file)
    var into: LocalPath

    @Flag(help: "Keep the file fresh.")
    var follow = false

    @OptionGroup(title: "Global options") var options: GlobalOptions

    private var file: URL { into.url }
    private var patience: Duration { options.timeout?.duration ?? .seconds(3600) }

    func run() async throws {
        let into = into.path
        try LocalFile.refuseDirectory(into)
        try await options.withMemory(withoutEvents: "the records are fetched anew as its log tells of changes") {
            memory in
            let isThere = FileManager.default.fileExists(atPath: into)
            guard let view = try await Termination.cleaningUp({ try await fill(memory, isThere) }) else { return }
            if follow { try await WarmFollower(view, WarmFetch(memory, TopicFilter(topics), file), file).run() }
            view.close()
        }
    }

    /// - Returns: what the file was brought up to date from; `nil`: it was filled, and that was all.
    private func fill(_ memory: Memory, _ isThere: Bool) async throws -> View? {
        if !isThere { try await WarmFetch(memory, TopicFilter(topics), file).run() }
        let before = try WarmFile(reading: file)
        guard isThere || follow else {
            try tell(before)
            return nil
        }
        let view = try await memory.follow(
            topics.map(\.text), capacity: 1 << 40, branch: options.branchName, warm: file)
        if isThere { Output.warn("\(into.path) is at revision \(before.token.revision); catching up…") }
        if try await isLive(view, memory) {
            try await view.saveWhole(to: file, timeout: patience)
        } else if isThere {
            try await WarmFetch(memory, TopicFilter(topics), file).run()
        }
        try tell(try WarmFile(reading: file))
        // Nothing since the view came live has looked.
        if follow { try Task.checkCancellation() }
        return view
    }

    /// Waits until the view is live.
    /// - Returns: false if it won't be for the time being, as no events come.
    private func isLive(_ view: View, _ memory: Memory) async throws -> Bool {
        let deadline = Instant.now + patience
        while case .stale = view.state, Instant.now < deadline {
            if case .withoutEvents = memory.state { return false }
            try await Task.sleep(for: .milliseconds(20))
        }
        try await view.waitUntilLive(timeout: max(.milliseconds(1), deadline - Instant.now))
        return true
    }

    private func tell(_ warm: WarmFile) throws {
        let size = ReadableFile.size(of: into.path)
        if options.json {
            try Output.standard.line(
                [
                    "revision": .integer(warm.token.revision), "lineage": .string("\(warm.token.lineage)"),
                    "records": JSONValue(warm.records.count), "total_bytes": .integer(size), "file": .string(into.path),
                ] as JSONValue)
        } else {
            try Output.standard.line(
                "\(into.path) holds \(Human.plural(warm.records.count, "record")) as of revision \(warm.token.revision) (\(Human.bytes(size)))"
            )
        }
        try Output.standard.flush()
    }
}

/// The first fill: the records of one revision, page by page, into the file.
struct WarmFetch {
    let memory: Memory
    let filter: TopicFilter
    let file: URL

    init(_ memory: Memory, _ filter: TopicFilter, _ file: URL) {
        self.memory = memory
        self.filter = filter
        self.file = file
    }

    func run() async throws {
        let names = filter.topics.map(\.text)
        let progress = Progress("warm", counting: "records")
        let digest = try await memory.digest(names)
        progress.update { $0.total = digest.digest.count }
        try await fetch(names, progress)
        progress.finish()
    }

    /// The same without a word about how far it has come.
    /// - Returns: what the file holds then.
    @discardableResult
    func fetch(_ names: [String], _ progress: Progress? = nil) async throws -> Token {
        // The state that it is of is the broker's to choose: any newer than what was counted does.
        let whole = try await memory.range(names).whole { record in
            progress?.update {
                $0.done += record == nil ? -$0.done : 1
                $0.bytes += record.map { Int64($0.size) } ?? -$0.bytes
            }
        }
        let warm = WarmFile(branch: memory.branch, filter: filter, token: whole.token, records: whole.elements)
        try warm.write(to: file)
        return whole.token
    }
}

/// Keeps a warm file fresh, and people told of how the view stands.
struct WarmFollower {
    let view: View
    let fetching: WarmFetch
    let file: URL

    init(_ view: View, _ fetching: WarmFetch, _ file: URL) {
        self.view = view
        self.fetching = fetching
        self.file = file
    }

    /// A file whose topics rest moves with the head all the same, so that its revision stays above the floor.
    private static let rest = Duration.seconds(60)

    func run() async throws {
        let work = Task { try await keep(WarmFile(reading: file).token) }
        let ending = Task {
            await Termination.first(watching: nil)
            if !Task.isCancelled { work.cancel() }
        }
        defer { ending.cancel() }
        let saved = try await work.value
        if isNewer(than: saved) { try await finish() }
    }

    /// The last state, as far as it can be had.
    private func finish() async throws {
        do { try await view.saveWhole(to: file, timeout: .seconds(5)) } catch  where Self.passes(error) {
            if case MembusError.file = error { throw error }
            Output.warn("the file's last state could not be had: \(CommandError(error).message)")
        }
    }

    /// Whether what keeps the file from being written may be over some time.
    private static func passes(_ error: any Error) -> Bool {
        switch error {
        case MembusError.file, MembusError.timeout, MembusError.stale, MembusError.historyChanged: true
        case MembusError.refused(let refusal): refusal.code.remedy != .fixRequest
        default: false
        }
    }

    /// What was fetched may be newer than what a view without events shows.
    private func isNewer(than saved: Token) -> Bool {
        let token = view.token
        return token.lineage != saved.lineage ? isLive : token.revision > saved.revision
    }

    private var isLive: Bool { if case .live = view.state { true } else { false } }

    /// Until it is cancelled. Looks at the view ten times a second, so that also a short silence is told of;
    /// writes much less often.
    /// - Returns: what the file holds then.
    private func keep(_ first: Token) async throws -> Token {
        if isLive {
            Output.warn("live at revision \(view.cut.revision): keeping \(file.lastPathComponent) fresh")
        } else {
            Output.warn("at revision \(first.revision): keeping \(file.lastPathComponent) fresh without events")
        }
        let news = Latch()
        let listening = Task { [view] in for await _ in view.changes { news.arrive() } }
        defer { listening.cancel() }
        var polling: WarmPolling?
        defer { polling?.end() }
        var saved = (token: first, at: Instant.now)
        var tried = saved.at
        var pause = Duration.seconds(1)
        var isLive = isLive
        var isFailing = false
        func failed(_ error: any Error) {
            if !isFailing {
                Output.warn(
                    "\(CommandError(error).message): the file stays at revision \(saved.token.revision) for the time being"
                )
            }
            isFailing = true
            pause = min(pause * 2, .seconds(30))
        }
        while (try? await Task.sleep(for: .milliseconds(100))) != nil {
            isLive = try tell(isLive)
            if !isLive, case .withoutEvents = fetching.memory.state {
                let present = polling ?? WarmPolling(fetching, after: saved.token)
                polling = present
                guard .now - tried >= pause else { continue }
                do {
                    guard let token = try await present.fetchIfChanged(orFailedBefore: isFailing) else { continue }
                    (saved, tried, pause, isFailing) = ((token, .now), .now, present.pause, false)
                    polling = nil
                } catch  where Self.passes(error) {
                    tried = .now
                    failed(error)
                }
                continue
            }
            if isLive, polling != nil {
                polling?.end()
                polling = nil
            }
            guard isLive, .now - tried >= pause, isNewer(than: saved.token),
                news.take() || isFailing || .now - saved.at > Self.rest
            else { continue }
            if view.token.lineage != saved.token.lineage, !isFailing {
                Output.warn("the broker's history changed (a restored backup): the file is filled anew")
            }
            let start = Instant.now
            tried = start
            let token = view.token
            do { try await view.saveWhole(to: file) } catch  where Self.passes(error) {
                failed(error)
                continue
            } catch is CancellationError {
                return saved.token
            }
            if isFailing { Output.warn("the file is written again, at revision \(token.revision)") }
            isFailing = false
            // A large file does not keep the disk busy all the time.
            tried = .now
            saved = (token, tried)
            pause = max(.seconds(1), (tried - start) * 4)
        }
        return saved.token
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

/// Looks into the broker's log for changes while its events do not come, and fetches all records once there are some.
final class WarmPolling {
    private let fetching: WarmFetch
    private let names: [String]
    private let news = Latch()
    private let watching: Task<Void, Never>
    /// A large fetch does not keep the broker busy all the time.
    private(set) var pause = Duration.seconds(1)

    init(_ fetching: WarmFetch, after token: Token) {
        self.fetching = fetching
        names = fetching.filter.topics.map(\.text)
        let watch = fetching.memory.watch(names, after: token)
        watching = Task { [news] in
            // However it ends (its history was replaced, or dropped below the floor), there is something to fetch.
            do { for try await _ in watch { news.arrive() } } catch {}
            if !Task.isCancelled { news.arrive() }
        }
    }

    func end() { watching.cancel() }

    /// - Returns: what the file holds now; `nil`: nothing changed. It has ended then, so begin another.
    /// - Parameter hasFailed: what was to be fetched the last time was not, so it is tried again.
    func fetchIfChanged(orFailedBefore hasFailed: Bool) async throws -> Token? {
        guard news.take() || hasFailed else { return nil }
        end()
        let start = Instant.now
        let token = try await fetching.fetch(names)
        pause = max(.seconds(1), (.now - start) * 4)
        return token
    }
}
