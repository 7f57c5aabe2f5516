import FoundationEssentials
import Logging

/// A team's memory, as one agent reaches it: one connection to a broker, shared by as many tasks as like.
///
/// It reconnects by itself. Once the last reference to it and to its views is gone, or after ``close()``,
/// its thread and sockets are released.
public final class Memory: Sendable {
    /// Who the agent is: the author of its commits.
    public let agent: String
    /// The run, task or conversation that it acts in: recorded with its commits and reads.
    public let context: String
    /// The branch that calls mean unless they name one.
    public let branch: BranchName
    let connection: Connection

    init(connection: Connection, context: String? = nil) {
        self.connection = connection
        agent = connection.settings.agent
        self.context = context ?? connection.settings.context
        branch = connection.settings.branch
    }

    /// The same memory in another run, task or conversation: it shares the connection, and ends with it. Of a view that is
    /// there already ``View/context(_:)`` shares the cache.
    public func context(_ context: String) -> Memory { Memory(connection: connection, context: context) }

    /// Connects to a broker and greets it.
    /// - Parameters:
    ///   - url: where the broker takes requests: `tcp://HOST:PORT` or `ipc://PATH`. It tells where events are. `nil`: what
    ///     the environment's `MEMBUS_BROKER` says, else the broker of the data directory (`MEMBUS_DATA`, else `~/.membus`),
    ///     such as `membus start` runs one, else `tcp://127.0.0.1:7401`.
    ///   - agent: who the agent is: the author of its commits.
    ///   - context: the run, task or conversation that it acts in.
    ///   - branch: what calls mean unless they name one.
    ///   - timeout: how long this call, and every other that does not say, waits for an answer.
    ///   - log: where the client says what it mends by itself.
    /// - Throws: ``MembusError/timeout(of:outcomeUnknown:last:)`` if no broker answers,
    ///   ``MembusError/refused(_:)`` if it speaks another major version.
    public static func connect(
        to url: String? = nil, as agent: String, context: String = "", branch: BranchName = .main,
        timeout: Duration = .seconds(30),
        log: Logger = Logger(label: "membus.client", factory: { _ in SwiftLogNoOpLogHandler() })
    ) async throws -> Memory {
        let broker = FoundBroker.find(said: url, in: ProcessInfo.processInfo.environment)
        return try await connect(
            ClientSettings(endpoint: broker.url, agent: agent, context: context, branch: branch, timeout: timeout), log)
    }

    /// The same for an agent whose tools name no context when they read: all that the broker answers goes on record.
    package static func connect(
        recordingAllTo url: String, as agent: String, branch: BranchName, timeout: Duration, log: Logger
    ) async throws -> Memory {
        var settings = ClientSettings(endpoint: url, agent: agent, context: "", branch: branch, timeout: timeout)
        settings.recordsAll = true
        return try await connect(settings, log)
    }

    private static func connect(_ settings: ClientSettings, _ log: Logger) async throws -> Memory {
        let connection = try open(settings, log: log)
        _ = try await connection.perform(.welcome)
        return Memory(connection: connection)
    }

    static func open(_ settings: ClientSettings, log: Logger) throws -> Connection {
        var random = SystemRandomNumberGenerator()
        return try Connection.open(settings, seed: random.next(), log: log)
    }

    /// How the connection stands now.
    public var state: ConnectionState { connection.states.current }
    /// How it stands, and each time that changes.
    public var states: AsyncStream<ConnectionState> { connection.states.stream() }

    /// Ends the connection and its views. Every call under way throws ``MembusError/closed``; the outcome of
    /// transactions among them is not known. What was read of views is put on record first, and the broker is told that it
    /// need not remember outcomes any longer, for which it has half a second. Returns once the sockets are closed.
    public func close() async { await connection.close() }
}
