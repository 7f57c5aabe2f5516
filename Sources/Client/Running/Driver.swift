// The one thread that owns the client's sockets.
//
//   poll ──▶ commands, replies, events, ticks ──▶ core ──▶ outputs, carried out in order ──▶ poll
//
// Nothing here decides anything. The thread ends when the stop sign is raised; then, in this order: sockets
// are closed, every call under way is resolved, every view is closed, the connection is posted as closed.

import Logging
import MembusBus
import MembusSystem
import MembusWire

enum Driver {
    /// - Throws: ``BusError`` if the endpoint cannot be used.
    static func start(settings: ClientSettings, seed: UInt64, outside: DriverContext) throws {
        _ = try BusThread.start(
            name: "membus-client",
            open: { try DriverPorts(endpoint: settings.endpoint) },
            report: { (_: borrowing DriverPorts) in },
            run: { ports in
                let views = run(ports, ClientCore(settings: settings, seed: seed, now: Instant.now), outside)
                outside.calls.close()
                outside.pauses.close()
                for view in views { view.close() }
                outside.states.post(.closed)
            })
    }

    /// - Returns: the views that were open.
    private static func run(_ ports: consuming DriverPorts, _ core: ClientCore, _ outside: DriverContext)
        -> [SharedView]
    {
        var loop = DriverLoop(ports: ports, core: core, outside: outside)
        loop.run()
        return loop.openViews
    }
}

/// What the thread shares with the rest of the process.
struct DriverContext: Sendable {
    let inbox: Inbox<Command>
    let waker: Waker
    let calls: CallTable
    let pauses: PauseTable
    let states: ConnectionStates
    let stop: StopFlag
    let log: Logger
}

/// The sockets. Only the thread that opened them touches them.
struct DriverPorts: ~Copyable {
    let context: Context
    var requests: RequestClient
    /// `nil` before the broker told where events are.
    var events: SubscriberBox?

    /// Holds what cannot be copied, so that there may be none.
    final class SubscriberBox {
        var subscriber: EventSubscriber
        init(_ subscriber: consuming EventSubscriber) { self.subscriber = subscriber }
    }

    init(endpoint: String) throws {
        let context = try Context()
        let requests = try RequestClient(in: context, endpoint: endpoint, options: Self.requestOptions)
        self.context = context
        self.requests = requests
        events = nil
    }

    mutating func connectEvents(_ endpoint: String) throws {
        events = SubscriberBox(try EventSubscriber(in: context, endpoint: endpoint, options: Self.eventOptions))
    }

    private static var requestOptions: SocketOptions {
        var options = SocketOptions()
        // What waits is bounded by the calls under way, and resending by its pauses.
        options.sendMark = 20_000
        options.receiveMark = 20_000
        return options
    }

    /// Events are at most 64 KiB: what waits is at most 256 MiB. What is lost beyond is noticed and pulled.
    private static var eventOptions: SocketOptions {
        var options = SocketOptions()
        options.receiveMark = 4000
        return options
    }
}
