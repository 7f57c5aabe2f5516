import ArgumentParser
import FoundationEssentials
import Glibc
import Logging
import MembusBroker
import MembusBus
import MembusDocuments
import MembusModel
import ServiceLifecycle

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run a broker, with its store; nothing else is needed.",
        discussion: """
            Prints one line when it is ready; its log goes to standard error. SIGTERM or SIGINT has it finish \
            what is under way, and end with 0; a second one has it give up long look-ups for that (a verification, \
            say), and a third ends it at once. Whatever ends it, nothing that was acknowledged is lost.

            It listens on the loopback interface alone unless you say otherwise: there are no rights yet, so \
            whoever reaches it can read and write. What other machines can reach is refused without --insecure. \
            Data directory, store and log can be read by their owner alone. Clients are told where events are; behind a wildcard \
            (tcp://*:7402) they use the host by which they reached the broker. Without --events they are at \
            the port after --listen's. Behind a proxy or a forwarded port, "advertisedEvents" in the \
            configuration file is what clients are told instead.

            An IPv6 address stands in brackets: tcp://[::1]:7401; one of a single link names its interface, \
            tcp://[fe80::1%eth0]:7401. * is every IPv4 address of this machine, [::] every address of both kinds. \
            An ipc path is taken where nothing is, or a socket that no process answers at; anything else that \
            is there stays, and the broker does not start.

            The configuration file is one JSON object; options override it. Every field may be left out. These \
            are all, with their defaults (advertisedEvents and idle have none, nor has embedding, below); what ends in Bytes counts bytes, as \
            retention.bytes does, the rest are numbers of things:

              {"dataDirectory": "/var/lib/membus",
               "requests": ["tcp://127.0.0.1:7401"], "events": ["tcp://127.0.0.1:7402"],
               "advertisedEvents": ["tcp://proxy:7402"], "insecure": false,
               "retention": {"age": "7d", "bytes": 1073741824, "least": "10m",
                             "notesBytes": 67108864},
               "limits": {"keyBytes": 1024, "valueBytes": 4194304, "annotationBytes": 65536,
                          "messageBytes": 16384, "nameBytes": 256, "transactionBytes": 16777216,
                          "changesPerTransaction": 1000, "keysPerRequest": 10000,
                          "topicsPerFilter": 256},
               "heartbeat": "250ms", "inlineValueBytes": 16384, "eventBytes": 65536,
               "eventMark": 4000, "replyMark": 4000, "writesWaiting": 16384,
               "writeBytesWaiting": 134217728, "readsWaiting": 4096, "idle": "1h", "readers": 2}

            History goes once it is older than retention.age, or while records and history take more than \
            retention.bytes; what is younger than retention.least stays. Ages are the times for which a broker \
            has run with it, so that no clock that is set makes history old. Notes of who read what have \
            retention.notesBytes for themselves: the oldest go first. annotationBytes bounds a record's \
            attributes, links and kind together; nameBytes the names of agents, contexts, kinds and attributes. \
            A value above inlineValueBytes, and an event above eventBytes, is announced and fetched instead of \
            sent. eventMark and replyMark bound what waits for one client, ...Waiting what waits for the broker. \
            With idle the broker ends after so long without clients.

            With embedding an endpoint that speaks as OpenAI does makes the vectors for search by meaning, in place \
            of the model that membus model fetch brings: what is written goes there.

              {"embedding": {"url": "https://api.openai.com/v1", "model": "text-embedding-3-small",
                             "dimensions": 512, "keyFile": "/etc/membus/key"}}

            dimensions may be left out, and keyFile, for the key of MEMBUS_EMBEDDING_KEY or none. Without a file: \
            MEMBUS_EMBEDDING_URL, MEMBUS_EMBEDDING_MODEL, MEMBUS_EMBEDDING_DIMENSIONS.

            Clients of this machine find the broker by its data directory: while it runs, the file "address" there \
            says where it takes requests. membus start runs one in the background.

              membus serve
              membus serve --data /var/lib/membus --listen ipc:///run/membus.sock
            """)

    @Option(
        help: ArgumentHelp(
            "Where the store lives; made if missing. (default: \(DataDirectoryOption.shown))", valueName: "directory"),
        completion: .directory, transform: LocalPath.directory)
    var data: LocalPath?

    @Option(
        help: ArgumentHelp(
            "Take requests here; may be given several times. (default: tcp://127.0.0.1:7401)", valueName: "url"))
    var listen: [String] = []

    @Option(
        help: ArgumentHelp(
            "Publish events here; may be given several times. (default: tcp://127.0.0.1:7402)", valueName: "url"))
    var events: [String] = []

    @Option(
        help: ArgumentHelp("Read the configuration from this file.", valueName: "file"),
        completion: .file(extensions: ["json"]), transform: LocalPath.file)
    var config: LocalPath?

    @Flag(
        help: """
            Listen where other machines can reach the broker, though there are no rights yet. \
            (environment: MEMBUS_INSECURE=1)
            """)
    var insecure = false

    @Option(
        help: ArgumentHelp("End after so long without clients. (default: never)", valueName: "time"),
        transform: Span.read)
    var idle: Span?

    @OptionGroup(title: "Global options") var options: GlobalOptions

    func validate() throws {
        if let idle, idle.duration <= .zero { throw ValidationError("--idle needs a time above zero.") }
        for url in listen + events {
            if let fault = Endpoint.fault(url, .listening) {
                throw ValidationError("\"\(url)\" is no endpoint: \(fault).")
            }
        }
        _ = try Self.environmentIsInsecure()
    }

    func run() async throws {
        let log = options.logger("membus.broker", default: .info)
        let service = BrokerService(
            configuration: try configured(), log: log, json: options.json, endings: Termination.counted())
        // The group traps the signals before it runs the service, so none after the ready line is missed.
        try await ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [.init(service: service, successTerminationBehavior: .gracefullyShutdownGroup)],
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: Logger(label: "membus.serve") { _ in SwiftLogNoOpLogHandler() })
        ).run()
    }

    private func configured() throws -> Configuration {
        var configuration = Configuration(dataDirectory: "")
        if let config = config?.path {
            switch ConfigurationFile.read(try LocalFile.read(config, atMost: 1 << 20), over: configuration) {
            case .success(let read): configuration = read
            case .failure(let fault):
                throw CommandError("CONFIGURATION", "\(config): \(fault)", hint: "see membus help serve", .usage)
            }
        }
        if data != nil || configuration.dataDirectory.isEmpty {
            configuration.dataDirectory = try DataDirectoryOption.path(data)
        }
        if try insecure || Self.environmentIsInsecure() { configuration.isInsecure = true }
        if !listen.isEmpty {
            configuration.requests = listen
            configuration.events = listen.map(ConfigurationFile.events(besides:))
        }
        if !events.isEmpty { configuration.events = events }
        if let idle { configuration.idle = idle.duration }
        if configuration.embedding == nil { configuration.embedding = try EmbeddingSettings.endpoint() }
        // What was derived was not looked at yet: a path may be too long with what is appended to it.
        for url in configuration.events {
            if let fault = Endpoint.fault(url, .listening) {
                throw CommandError(
                    "ENDPOINT", "\(url) is no endpoint for events: \(fault)",
                    hint: "say where events are: --events URL",
                    .usage)
            }
        }
        return configuration
    }
}

extension ServeCommand {
    /// Nothing but a clear yes opens a broker to others.
    static func environmentIsInsecure(
        _ environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws -> Bool {
        switch environment["MEMBUS_INSECURE"] ?? "" {
        case "1", "true", "yes": return true
        case "", "0", "false", "no": return false
        case let other: throw ValidationError("MEMBUS_INSECURE is \"\(other)\": say 1 or 0.")
        }
    }
}

/// The broker as a service: runs until it is asked to shut down, then drains.
struct BrokerService: Service {
    let configuration: Configuration
    let log: Logger
    let json: Bool
    let endings: Endings

    func run() async throws {
        let (idleness, isIdle) = AsyncStream.makeStream(of: Void.self)
        let broker = try await Blocking.run { [configuration, log] in
            try Broker.start(configuration, log: log) { isIdle.finish() }
        }
        endings.onSecond { [log] in
            log.notice("told to stop a second time: long look-ups are given up")
            broker.hurry()
        }
        announce(broker)
        // Returns when the shutdown begins; cancellation means the same.
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await gracefulShutdown() }
            group.addTask { for await _ in idleness {} }
            await group.next()
            group.cancelAll()
        }
        log.info("draining")
        try await Blocking.run { broker.stop() }
        log.info("stopped")
    }

    /// A reader that went away is no reason not to serve.
    private func announce(_ broker: Broker) {
        let line: String
        if json {
            let told: JSONValue = [
                "software": .string(Broker.software), "data": .string(configuration.dataDirectory),
                "requests": .array(broker.requestEndpoints.map { .string($0) }),
                "events": .array(broker.eventEndpoints.map { .string($0) }), "lineage": .string("\(broker.lineage)"),
                "instance": .string("\(broker.instance)"),
            ]
            line = told.line
        } else {
            line =
                "\(Broker.software) serves \(configuration.dataDirectory) at \(broker.requestEndpoints.joined(separator: " ")), "
                + "events at \(broker.eventEndpoints.joined(separator: " "))"
        }
        try? Output.standard.line(line)
        try? Output.standard.flush()
    }
}

/// Work that blocks its thread, kept off the threads that tasks share.
enum Blocking {
    static func run<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            do {
                _ = try BusThread.start(name: "membus-block") { continuation.resume(with: Result(catching: body)) }
            } catch { continuation.resume(throwing: error) }
        }
    }
}
