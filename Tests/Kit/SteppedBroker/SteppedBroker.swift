import MembusModel
import MembusStore

@testable import MembusBroker

/// A broker's core over a real store in memory, without threads or sockets: whoever holds it decides when the commit
/// thread, the readers and the clocks have their turns. What was handed to them waits here until then.
struct SteppedBroker<Peer: Sendable> {
    private(set) var core: BrokerCore<Peer>
    let store: Store
    private(set) var writer: Writer
    let reader: Reader
    var now: Instant
    var wall = Timestamp(milliseconds: 1_700_000_000_000)
    private(set) var writes: [QueuedWrite] = []
    private(set) var reads: [QueuedRead] = []
    private var compactions: Compactions
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
        compactions = Compactions(writer: writer, retention: Retention(), now: now)
    }

    private static func core(
        _ settings: CoreSettings, _ store: Store, _ writer: Writer, _ instance: Instance, _ seed: UInt64, _ now: Instant
    ) -> BrokerCore<Peer> {
        BrokerCore(
            settings: settings, lineage: store.lineage, instance: instance, visible: writer.head,
            nextExpiry: writer.nextExpiry, random: SeededRandom(seed: seed), now: now)
    }

    /// The process dies, and another opens the store: what was not on disk is gone.
    mutating func restart(as instance: Instance, seed: UInt64) throws {
        (writes, reads) = ([], [])
        writer = try store.makeWriter()
        core = Self.core(settings, store, writer, instance, seed, now)
        compactions = Compactions(writer: writer, retention: Retention(), now: now)
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
        var (items, tickets): ([WriteItem], [UInt64]) = ([], [])
        var results: [(ticket: UInt64, result: WriteReport.Result)] = []
        for write in writes {
            switch write.job {
            case .item(let item):
                if let late = write.refusal(at: now) {
                    results.append((write.ticket, .item(.refused(late))))
                    continue
                }
                items.append(item)
                tickets.append(write.ticket)
            case .compact(let request): compactions.ask(request, ticket: write.ticket)
            }
        }
        writes = []
        let batch = try writer.commit(items, now: wall)
        results += zip(tickets, batch.results).map { ($0, WriteReport.Result.item($1)) }
        return WriteReport(results: results, commits: batch.commits, nextExpiry: writer.nextExpiry, sync: batch.sync)
    }

    /// The next step of the compaction that was asked for.
    /// - Returns: `nil` if there is none.
    mutating func compact() throws -> WriteReport? {
        guard compactions.isUnderWay else { return nil }
        let done = try compactions.step(now: now, wall: wall)
        return WriteReport(
            results: done.map { ($0.ticket, .compacted(floor: $0.floor)) }, nextExpiry: writer.nextExpiry)
    }

    /// The readers' turn.
    /// - Returns: what leaves the broker, in order.
    mutating func answer() -> [BrokerOutput<Peer>] {
        let desk = Desk(store: store, reader: reader, inlineValueBytes: settings.inlineValueBytes)
        let waiting = reads
        reads = []
        return waiting.flatMap { step(.answered(ticket: $0.ticket, desk.answer($0, now: now))) }
    }
}
