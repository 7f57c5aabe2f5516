import MembusModel
import MembusStore

@testable import MembusBroker

/// A broker's core over a real store in memory, without threads or sockets: whoever holds it decides when the commit
/// thread, the readers and the clocks have their turns. What was handed to them waits here until then.
struct SteppedBroker<Peer: Hashable & Sendable> {
    private(set) var core: BrokerCore<Peer>
    let store: Store
    private(set) var writer: Writer
    let reader: Reader
    var now: Instant
    var wall = Timestamp(milliseconds: 1_700_000_000_000)
    private(set) var writes: [QueuedWrite] = []
    private(set) var reads: [QueuedRead] = []
    private var turn: CommitTurn
    private let counts = Posted<MemoryCounts>()
    private let held = HeldStates()
    private var counting = ProjectionFeed(Counts())
    private let settings: CoreSettings

    init(
        settings: CoreSettings = CoreSettings(), lineage: UInt64 = 7, instance: Instance = Instance(99),
        seed: UInt64 = 42,
        now: Instant = Instant(nanoseconds: 1_000_000_000)
    ) throws {
        store = try Store.inMemory(newLineage: lineage)
        writer = try store.makeWriter()
        reader = try store.makeReader()
        self.settings = settings
        self.now = now
        core = Self.core(settings, store, writer, instance, seed, now)
        turn = CommitTurn(writer: writer, upkeep: Upkeep(retention: Retention(), now: now), held: held)
    }

    private static func core(
        _ settings: CoreSettings, _ store: Store, _ writer: Writer, _ instance: Instance, _ seed: UInt64, _ now: Instant
    ) -> BrokerCore<Peer> {
        BrokerCore(
            settings: settings, lineage: store.lineage, instance: instance, visible: writer.head,
            nextExpiry: writer.nextExpiry, lastCommit: writer.lastCommit, random: SeededRandom(seed: seed), now: now)
    }

    /// The process dies, and another opens the store: what was not on disk is gone.
    mutating func restart(as instance: Instance, seed: UInt64) throws {
        (writes, reads) = ([], [])
        writer = try store.makeWriter()
        core = Self.core(settings, store, writer, instance, seed, now)
        turn = CommitTurn(writer: writer, upkeep: Upkeep(retention: Retention(), now: now), held: held)
    }

    /// - Returns: what leaves the broker, in order.
    mutating func step(_ input: BrokerInput<Peer>) -> [BrokerOutput<Peer>] {
        core.step(input, now: now).filter { output in
            switch output {
            case .write(let write): writes.append(write)
            case .read(let read): reads.append(read)
            default: return true
            }
            return false
        }
    }

    /// The commit thread's turn, up to the disk; what it reports is not told to the core yet.
    mutating func sync() throws -> WriteReport {
        defer { writes = [] }
        return try run(writes)
    }

    /// The next step of the compaction that was asked for.
    /// - Returns: `nil` if there is none.
    mutating func compact() throws -> WriteReport? { turn.isUnderWay ? try run([]) : nil }

    /// One turn; its reports, if there is more than one, as one.
    private mutating func run(_ writes: [QueuedWrite]) throws -> WriteReport {
        var environment = SteppedEnvironment(writer: writer, now: now, wall: wall)
        try turn.run(writes, in: &environment)
        return environment.reported
    }

    /// The counting thread's turn, until it has reached what is visible.
    mutating func project() throws {
        while try counting.step(upTo: core.visible.revision, from: reader) {}
        if let told = counting.projection.told { counts.post(told) }
    }

    /// The readers' turn.
    /// - Returns: what leaves the broker, in order.
    mutating func answer() -> [BrokerOutput<Peer>] {
        let desk = Desk(
            store: store, reader: reader, inlineValueBytes: settings.inlineValueBytes, counts: counts, held: held)
        let waiting = reads
        reads = []
        return waiting.flatMap { step(.answered(ticket: $0.ticket, desk.answer($0, now: now))) }
    }
}

/// A disk that does as it is told, and clocks that stand still.
private struct SteppedEnvironment: CommitEnvironment {
    let writer: Writer
    let now: Instant
    let wall: Timestamp
    let logBytes: Int64 = 0
    private(set) var reported: WriteReport

    init(writer: Writer, now: Instant, wall: Timestamp) {
        self.writer = writer
        self.now = now
        self.wall = wall
        reported = WriteReport(results: [], nextExpiry: writer.nextExpiry)
    }

    mutating func write(_ items: [WriteItem], of tickets: [Ticket], at time: Timestamp) throws(StoreError)
        -> WrittenBatch
    { try writer.write(items, at: time) }

    mutating func sweep(_ step: () throws(StoreError) -> Bool) throws(StoreError) -> Bool { try step() }

    mutating func report(_ report: WriteReport) {
        reported.results += report.results
        reported.commits += report.commits
        reported.nextExpiry = report.nextExpiry
        reported.sync = report.sync ?? reported.sync
    }

    mutating func note(_ note: CommitNote) {}
}

extension Desk {
    /// All pieces of a look-up, one after another.
    func answer(_ read: QueuedRead, now: Instant) -> Result<LookUpResult, Refusal> {
        var read = read
        while true {
            if let answer = step(&read, now: now) { return answer }
        }
    }
}
