import Logging
import MembusBus
import MembusModel
import MembusStore
import MembusSystem

/// The life of the thread that writes: turn after turn, each with all writes that wait.
final class CommitThread: @unchecked Sendable {  // used by its one thread only, after it was made
    private let queue: WorkQueue<QueuedWrite>
    private let log: Logger
    private var turn: CommitTurn
    private var environment: ThreadEnvironment

    init(
        writer: Writer, retention: Retention, held: HeldStates, queue: WorkQueue<QueuedWrite>,
        results: Inbox<BrokerInput<PeerEnvelope>>, evicted: Posted<EvictedHistory>, log: Logger
    ) {
        self.queue = queue
        self.log = log
        turn = CommitTurn(writer: writer, upkeep: Upkeep(retention: retention, now: .now), held: held)
        environment = ThreadEnvironment(
            writer: writer, results: results, evicted: evicted, mostBytes: retention.bytes, log: log)
    }

    func run() {
        var writes: [QueuedWrite] = []
        while queue.take(into: &writes, patience: turn.patience) {
            do throws(StoreError) { try turn.run(writes, in: &environment) } catch {
                die("the store failed: \(error)", log)
            }
        }
    }
}

/// The product's: real clocks, the disk, and the way back to the bus thread.
private struct ThreadEnvironment: CommitEnvironment {
    let writer: Writer
    let results: Inbox<BrokerInput<PeerEnvelope>>
    private let evicted: Posted<EvictedHistory>
    /// Of records and history.
    private let mostBytes: Int64
    let log: Logger
    private var batches = RepeatedFault()
    private var compactions = RepeatedFault()

    init(
        writer: Writer, results: Inbox<BrokerInput<PeerEnvelope>>, evicted: Posted<EvictedHistory>, mostBytes: Int64,
        log: Logger
    ) {
        self.writer = writer
        self.results = results
        self.evicted = evicted
        self.mostBytes = mostBytes
        self.log = log
    }

    var now: Instant { .now }
    var wall: Timestamp { .now }
    var logBytes: Int64 { writer.logBytes }

    mutating func write(_ items: [WriteItem], of tickets: [Ticket], at time: Timestamp) throws(StoreError)
        -> WrittenBatch
    {
        // COMMIT makes it durable, with its sync.
        let written = try writer.write(items, at: time)
        if let line = batches.worked("batches are written", now: now) { log.notice("\(line)") }
        return written
    }

    mutating func sweep(_ step: () throws(StoreError) -> Bool) throws(StoreError) -> Bool { try step() }

    mutating func report(_ report: WriteReport) {
        // The core admits no more writes than the inbox has room for.
        _ = results.push(.written(report))
    }

    mutating func note(_ note: CommitNote) {
        switch note {
        case .batchRefused(let count, let error):
            let line = batches.failed("a batch of \(count) was refused: \(error)", now: now)
            if let line { log.error("\(line)") }
        case .compactionStopped(let why):
            let line = compactions.failed("compaction stopped: \(why)", now: now)
            if let line { log.error("\(line)") }
        case .historyEvicted(let history, let floor):
            evicted.post(history)
            log.notice("\(history.told(mostBytes: mostBytes, floor: floor))")
        }
    }
}
