import Dispatch
import Foundation
import Logging
import MembusBus
import MembusModel
import MembusStore
import MembusSystem

/// A running broker: one thread for the sockets, one that writes, some that read, one that
/// checkpoints the write-ahead log, one that counts.
///
/// ```swift
/// let broker = try Broker.start(Configuration(dataDirectory: "memory"), log: log)
/// print(broker.requestEndpoints)
/// broker.stop()
/// ```
package final class Broker: Sendable {
    package static let version = "0.1.0"
    package static var software: String { "membus \(version)" }

    /// As bound: with actual ports.
    package let requestEndpoints: [String]
    package let eventEndpoints: [String]
    package let lineage: Lineage
    package let instance: Instance

    private let context: Context
    private let bus: BusThread
    private let workers: [BusThread]
    private let checkpoints: CheckpointThread?
    private let projections: ProjectionThread
    private let backups: Backups
    private let results: Inbox<BrokerInput<PeerEnvelope>>
    private let writes: BatchQueue<QueuedWrite>
    private let reads: JobQueue<QueuedRead>
    private let longReads: JobQueue<QueuedRead>

    /// Opens the store, binds the sockets, and serves until ``stop()``.
    /// - Throws: `StoreError` (the directory is in use, read-only, of a newer version, …) or `BusError` (an
    ///   address in use, …); nothing is left running then.
    package static func start(_ configuration: Configuration, log: Logger) throws -> Broker {
        try Broker(configuration, log)
    }

    private init(_ configuration: Configuration, _ log: Logger) throws {
        var random = SystemRandomNumberGenerator()
        let store = try Store.open(
            at: configuration.dataDirectory, newLineage: .random(in: 1 ... .max, using: &random),
            limits: configuration.limits)
        let writer = try store.makeWriter()
        let readers = try (0..<max(1, configuration.readers)).map { _ in try store.makeReader() }
        let longReader = try store.makeReader()
        let projectionReader = try store.makeReader()
        let backups = try Backups(in: configuration.dataDirectory)
        let checkpointer = try store.makeCheckpointer()

        let context = try Context()
        let waker = try Waker()
        // The core bounds what is under way; the inbox has room for all of it.
        let results = Inbox<BrokerInput<PeerEnvelope>>(
            capacity: configuration.writesWaiting + configuration.readsWaiting + 16, waker: waker)
        let writes = BatchQueue<QueuedWrite>()
        let reads = JobQueue<QueuedRead>()
        let longReads = JobQueue<QueuedRead>()

        let ports: @Sendable () throws -> BrokerPorts = { try BrokerPorts(in: context, configuration) }
        let head = writer.head
        let visible = VisibleRevision(head.revision)
        let expiry = writer.nextExpiry
        let instance = Instance(.random(in: 1 ... .max, using: &random))
        let lineage = store.lineage
        let (bus, endpoints) = try BusThread.start(name: "membus-bus", open: ports) { ports in
            (requests: ports.requests.endpoints, events: ports.events.endpoints)
        } run: { ports in
            let core = BrokerCore<PeerEnvelope>(
                settings: CoreSettings(
                    configuration,
                    events: configuration.advertisedEvents.isEmpty
                        ? ports.events.endpoints : configuration.advertisedEvents,
                    software: Self.software),
                lineage: lineage, instance: instance, visible: head, nextExpiry: expiry,
                random: SystemRandomNumberGenerator(), now: .now)
            var loop = BusLoop(
                core: core, limits: configuration.limits, waker: waker, results: results, writes: writes,
                reads: reads, longReads: longReads, visible: visible, log: log)
            do { try loop.run(ports) } catch { die("the sockets failed: \(error)", log) }
        }

        var workers: [BusThread] = []
        let commits = CommitThread(
            writer: writer, retention: configuration.retention, queue: writes, results: results,
            log: log)
        workers.append(try BusThread.start(name: "membus-commit") { commits.run() })
        let counts = PostedCounts()
        for (number, (reader, queue)) in (readers.map { ($0, reads) } + [(longReader, longReads)]).enumerated() {
            let desk = Desk(
                store: store, reader: reader, inlineValueBytes: configuration.inlineValueBytes, backups: backups,
                counts: counts)
            let loop = ReadLoop(desk: desk, queue: queue, results: results)
            workers.append(try BusThread.start(name: "membus-read-\(number)") { loop.run() })
        }

        self.requestEndpoints = endpoints.requests
        self.eventEndpoints = endpoints.events
        self.lineage = store.lineage
        self.instance = instance
        self.context = context
        self.bus = bus
        self.workers = workers
        self.checkpoints = try checkpointer.map { checkpointer in
            try CheckpointThread(checkpointer, log: log) {
                backups.dropIdle()
                // What is written there would be gone with the process, though everybody was told that it is durable.
                if !store.isInPlace {
                    die("the store's file in \(configuration.dataDirectory) was removed or replaced", log)
                }
            }
        }
        self.projections = try ProjectionThread(projectionReader, visible: visible, counts: counts, log: log)
        self.backups = backups
        self.results = results
        self.writes = writes
        self.reads = reads
        self.longReads = longReads
        log.info("serving", metadata: ["lineage": "\(lineage)", "instance": "\(instance)", "head": "\(head)"])
    }

    /// Refuses what is new, finishes and answers what is under way, closes sockets and store. Blocks.
    package func stop() {
        // A full inbox has room again as soon as the bus thread turns.
        while !results.push(.stop) { usleep(1000) }
        bus.join()
        writes.close()
        reads.close(takers: workers.count)
        longReads.close(takers: 1)
        for worker in workers { worker.join() }
        projections.stop()
        checkpoints?.stop()
        backups.removeAll()
        context.close()
    }
}

/// What cannot be served truthfully is not served: the process ends, and recovers at its next start.
func die(_ reason: String, _ log: Logger) -> Never {
    log.critical("\(reason); the broker stops")
    FileHandle.standardError.write(Data("membus: \(reason); the broker stops\n".utf8))
    _exit(70)
}

extension BrokerPorts {
    init(in context: Context, _ configuration: Configuration) throws {
        var options = SocketOptions()
        options.sendMark = Int(configuration.replyMark)
        options.maxFrameBytes = configuration.limits.transactionBytes + (1 << 20)
        options.linger = .seconds(1)
        let requests = try RequestServer(in: context, endpoints: configuration.requests, options: options)
        options.sendMark = Int(configuration.eventMark)
        self.init(
            requests: requests,
            events: try EventPublisher(in: context, endpoints: configuration.events, options: options))
    }
}
