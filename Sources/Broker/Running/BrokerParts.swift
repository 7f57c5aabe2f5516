import Dispatch
import FoundationEssentials
import Glibc
import Logging
import MembusBus
import MembusModel
import MembusStore
import MembusSystem

// What a broker is made of before anything runs, and the threads that are then started on it, in this order:
//
//   commit      one turn after another, with all writes that wait
//   read-N      look-ups: the first piece of each, the further pieces in turns, then the long ones, and last what is
//               planned, to be committed or to be told
//   bus         owns the sockets, drives the core; ends first, once the others have done what it has under way
//   project     counts beside the commits
//   search      keeps the index beside the commits, and answers from it
//   embed       makes vectors of what the index holds, when nobody else has anything to do
//   query       answers SQL
//   checkpoint  copies the write-ahead log into the store's file
struct BrokerParts: Sendable {
    typealias Endpoints = (requests: [String], events: [String])

    let configuration: Configuration
    let store: Store
    let instance: Instance
    private let writer: Writer
    private let readers: [Reader]
    private let pieceReaders: [Reader]
    private let longReader: Reader
    private let planReader: Reader
    private let dryRunReader: Reader
    private let projectionReader: Reader
    private let searchReader: Reader
    private let queryReaders: [Reader]
    private let checkpointer: Checkpointer?
    private let backups: Backups
    private let counts = Posted<MemoryCounts>()
    private let held = HeldStates()
    private let memoryChore = MemoryChore()
    private let hurry = Hurry()
    private let queryHurry = Hurry(Hurry.ofQueries)
    private let context: Context
    private let waker: Waker
    private let results: Inbox<BrokerInput<PeerEnvelope>>
    private let writes = WorkQueue<QueuedWrite>()
    private let pieces: PieceQueue
    private let lookUps: LookUpQueues
    private let errands: SearchErrands
    private let embedding: EmbeddingDesk
    private let indexed = Posted<IndexFigures>()
    private let running = RunningLookUps()
    private let heldLog = Posted<HeldLog>()
    private let evicted = Posted<EvictedHistory>()
    let files: BrokerFiles

    init(_ configuration: Configuration) throws {
        var random = SystemRandomNumberGenerator()
        self.configuration = configuration
        files = BrokerFiles(configuration.dataDirectory)
        store = try Store.open(
            at: configuration.dataDirectory, newLineage: .random(in: 1 ... .max, using: &random),
            limits: configuration.limits)
        instance = Instance(.random(in: 1 ... .max, using: &random))
        writer = try store.makeWriter()
        readers = try (0..<max(1, configuration.readers)).map { [store] _ in try store.makeReader() }
        pieceReaders = try readers.map { [store] _ in try store.makeReader() }
        longReader = try store.makeReader()
        planReader = try store.makeReader()
        dryRunReader = try store.makeReader()
        projectionReader = try store.makeReader()
        searchReader = try store.makeReader()
        queryReaders = try (0..<LookUpQueues.queryThreads).map { [store] _ in try store.makeReader() }
        checkpointer = try store.makeCheckpointer()
        backups = try Backups(in: configuration.dataDirectory)
        context = try Context()
        waker = try Waker()
        // The core bounds what is under way; the inbox has room for all of it.
        results = Inbox(capacity: configuration.writesWaiting + configuration.readsWaiting + 16, waker: waker)
        lookUps = LookUpQueues(readers: readers.count)
        errands = SearchErrands { [lookUps] in lookUps.search.wake() }
        embedding = EmbeddingDesk(configuration.embedding) { [lookUps] in lookUps.search.wake() }
        pieces = PieceQueue(takers: pieceReaders.count)
        ConnectionReserve.keep()
    }

    /// Look-ups are given up: those that wait, and what is being read. One that begins just then is missed, so that this is
    /// said again until all have ended.
    func giveUpReading() {
        hurry.begin()
        giveUpQueries()
        for reader in readers + pieceReaders + [longReader, planReader, dryRunReader, searchReader] + queryReaders {
            reader.interrupt()
        }
        lookUps.search.wake()
    }

    /// SQL is given up: what waits, what runs, and what it asks the index for.
    func giveUpQueries() {
        queryHurry.begin()
        errands.close()
    }

    /// Nobody uses it any more.
    func close() {
        files.forget()
        backups.removeAll()
        context.close()
        ConnectionReserve.release()
    }

    // MARK: Threads

    /// Says where requests are taken, for as long as it runs. A full disk keeps nobody from reading.
    func tell(_ endpoints: [String], _ log: Logger) {
        do throws(FileError) { try files.tell(endpoints.map(Self.asReachedHere)) } catch {
            log.warning("nobody will find the broker by its data directory: \(error.path) \(error.problem)")
        }
    }

    /// A wildcard is no address to go to.
    private static func asReachedHere(_ endpoint: String) -> String {
        switch try? Address(endpoint) {
        case .tcp(let host, let port) where host.isEvery:
            if case .ipv6 = host { return "tcp://[::1]:\(port)" }
            return "tcp://127.0.0.1:\(port)"
        case .ipc(let path) where !path.hasPrefix("/"):
            return "ipc://\(FileManager.default.currentDirectoryPath)/\(path)"
        case .tcp, .ipc, nil: return endpoint
        }
    }

    func start(
        _ threads: RunningThreads, _ log: Logger, whenIdle: @escaping @Sendable () -> Void
    ) throws -> Endpoints {
        try sweepExpired(for: .milliseconds(500))
        let visible = VisibleRevision(writer.head.revision)
        // Before the bus thread, which takes requests for them at once.
        try startCommits(threads, log)
        try startReaders(threads)
        try startSearches(threads, visible, log)
        let endpoints = try startBus(threads, visible, log, whenIdle)
        let projections = try ProjectionThread(projectionReader, visible: visible, counts: counts, log: log)
        threads.add { projections.stop() }
        try startCheckpoints(threads, log)
        log.info(
            "serving",
            metadata: ["lineage": "\(store.lineage)", "instance": "\(instance)", "head": "\(writer.head)"])
        return endpoints
    }

    /// What expired while nobody ran is gone before anybody looks, unless it is very much: the rest goes while the broker
    /// serves.
    private func sweepExpired(for patience: Duration) throws {
        var clock = SteadyClock(lastCommit: writer.lastCommit)
        let time = clock.time(wall: .now, now: .now)
        let end = Instant.now + patience
        do throws(StoreError) {
            while let next = writer.nextExpiry, next <= time, .now < end { _ = try writer.write([.expire], at: time) }
        } catch {
            // A full disk keeps nobody from reading.
            if error.isFatal { throw error }
        }
    }

    private func startBus(
        _ threads: RunningThreads, _ visible: VisibleRevision, _ log: Logger,
        _ whenIdle: @escaping @Sendable () -> Void
    ) throws -> Endpoints {
        let (head, expiry, lineage) = (writer.head, writer.nextExpiry, store.lineage)
        let lastCommit = writer.lastCommit
        let ports: @Sendable () throws -> BrokerPorts = { [context, configuration] in
            try BrokerPorts(in: context, configuration)
        }
        let (bus, endpoints) = try BusThread.start(name: "membus-bus", open: ports) { ports -> Endpoints in
            (requests: ports.requests.endpoints, events: ports.events.endpoints)
        } run: {
            [configuration, instance, waker, results, writes, lookUps, memoryChore] ports in
            let advertised = configuration.advertisedEvents
            let core = BrokerCore<PeerEnvelope>(
                settings: CoreSettings(
                    configuration, events: advertised.isEmpty ? ports.events.endpoints : advertised,
                    software: Broker.software),
                lineage: lineage, instance: instance, visible: head, nextExpiry: expiry,
                lastCommit: lastCommit,
                random: SystemRandomNumberGenerator(), now: .now)
            var loop = BusLoop(
                core: core, limits: configuration.limits, waker: waker, results: results, writes: writes,
                lookUps: lookUps, visible: visible, memoryChore: memoryChore,
                idleness: configuration.idle.map { Idleness(after: $0, now: .now) }, whenIdle: whenIdle, log: log)
            do { try loop.run(ports) } catch { die("the sockets failed: \(error)", log) }
        }
        threads.add(isFirstToEnd: true) { [results] in
            // A full inbox has room again as soon as the bus thread turns.
            while !results.push(.stop) { usleep(1000) }
            bus.join()
        }
        return endpoints
    }

    private func startCommits(_ threads: RunningThreads, _ log: Logger) throws {
        let commits = CommitThread(
            writer: writer, retention: configuration.retention, held: held, queue: writes, results: results,
            evicted: evicted, log: log)
        let thread = try BusThread.start(name: "membus-commit") { commits.run() }
        threads.add { [writes] in
            writes.close()
            thread.join()
        }
    }

    private func startReaders(_ threads: RunningThreads) throws {
        var lives: [(run: @Sendable () -> Void, close: @Sendable () -> Void)] = []
        let others = [
            (longReader, lookUps.long), (planReader, lookUps.planning), (dryRunReader, lookUps.dryRuns),
        ].map { (desk($0), $1) }
        let asking = queryReaders.map { (desk($0, queryHurry), lookUps.queries) }
        for (desk, queue) in readers.map({ (desk($0), lookUps.short) }) + others + asking {
            let loop = ReadLoop(desk: desk, queue: queue, pieces: pieces, running: running, results: results)
            lives.append((run: { loop.run() }, close: { queue.close() }))
        }
        for reader in pieceReaders {
            let loop = PiecesLoop(desk: desk(reader), queue: pieces, results: results)
            lives.append((run: { loop.run() }, close: { [pieces] in pieces.close() }))
        }
        for (number, life) in lives.enumerated() {
            let thread = try BusThread.start(name: "membus-read-\(number)") { life.run() }
            threads.add {
                life.close()
                thread.join()
            }
        }
    }

    private func startSearches(_ threads: RunningThreads, _ visible: VisibleRevision, _ log: Logger) throws {
        let room = SearchRoom(
            in: configuration.dataDirectory, lineage: store.lineage, searchReader, visible: visible, embedding)
        var desk = desk(searchReader)
        desk.searching = room
        let loop = SearchLoop(
            desk: desk, room: room, queue: lookUps.search, errands: errands, visible: visible,
            results: results, log: log)
        let thread = try BusThread.start(name: "membus-search") { loop.run() }
        try embedding.start(for: configuration.dataDirectory, log)
        threads.add { [lookUps, errands, embedding] in
            embedding.stop()
            errands.close()
            lookUps.search.close()
            thread.join()
        }
    }

    /// - Parameter hurry: `nil`: the one of all but SQL.
    private func desk(_ reader: Reader, _ hurry: Hurry? = nil) -> Desk {
        var desk = Desk(
            store: store, reader: reader, inlineValueBytes: configuration.inlineValueBytes, backups: backups,
            counts: counts, held: held, heldLog: heldLog, evicted: evicted, hurry: hurry ?? self.hurry)
        desk.indexed = indexed
        desk.errands = errands
        return desk
    }

    private func startCheckpoints(_ threads: RunningThreads, _ log: Logger) throws {
        guard let checkpointer else { return }
        let checkpoints = try CheckpointThread(checkpointer, running: running, held: heldLog, log: log) {
            [backups, store, configuration, memoryChore] in
            backups.dropIdle()
            memoryChore.run()
            // What is written there would be gone with the process, though everybody was told that it is durable.
            if !store.isInPlace {
                die("the store's file in \(configuration.dataDirectory) was removed or replaced", log)
            }
        }
        threads.add { checkpoints.stop() }
    }
}

extension BrokerPorts {
    init(in context: Context, _ configuration: Configuration) throws {
        var options = SocketOptions()
        options.sendMark = Int(configuration.replyMark)
        options.maxFrameBytes = configuration.limits.transactionBytes + (1 << 20)
        options.linger = .seconds(1)
        options.stall = .seconds(20)
        let requests = try RequestServer(in: context, endpoints: configuration.requests, options: options)
        options.sendMark = Int(configuration.eventMark)
        self.init(
            requests: requests,
            events: try EventPublisher(in: context, endpoints: configuration.events, options: options))
    }
}
