import Logging
import MembusBus
import MembusSystem
import Synchronization

/// What the driver's thread is told from outside.
enum Command: Sendable {
    case call(CallID, Call, deadline: Instant)
    case follow(ViewID, Follow, SharedView)
    case unfollow(ViewID)
    case noted([NotedRead], dropped: Int)
}

/// The door to the one thread that owns the sockets. Everything public holds on to it; once nobody does any
/// more, the thread ends and lets go of sockets and continuations.
final class Connection: Sendable {
    let settings: ClientSettings
    let log: Logger
    let states: ConnectionStates
    private let calls: CallTable
    private let pauses: PauseTable
    private let inbox: Inbox<Command>
    private let stop: StopFlag
    private let lastView = Atomic<UInt64>(0)
    /// Reads that there was no room for.
    private let dropped = Atomic<Int>(0)

    private init(
        settings: ClientSettings, log: Logger, states: ConnectionStates, calls: CallTable, pauses: PauseTable,
        inbox: Inbox<Command>, stop: StopFlag
    ) {
        self.settings = settings
        self.log = log
        self.states = states
        self.calls = calls
        self.pauses = pauses
        self.inbox = inbox
        self.stop = stop
    }

    deinit { stop.raise() }

    static func open(_ settings: ClientSettings, seed: UInt64, log: Logger) throws -> Connection {
        let waker = try Waker()
        let inbox = Inbox<Command>(capacity: settings.mostCalls, waker: waker)
        let (calls, states, stop) = (CallTable(), ConnectionStates(), StopFlag(waker: waker))
        let pauses = PauseTable(waker: waker)
        let outside = DriverContext(
            inbox: inbox, waker: waker, calls: calls, pauses: pauses, states: states, stop: stop, log: log)
        try Driver.start(settings: settings, seed: seed, outside: outside)
        return Connection(
            settings: settings, log: log, states: states, calls: calls, pauses: pauses, inbox: inbox, stop: stop)
    }

    /// Has the call made and waits for its answer. Cancelling the task cancels the call.
    func perform(_ call: Call, timeout: Duration? = nil) async throws -> Answer {
        try Task.checkCancellation()
        return try await value(of: try start(call, timeout: timeout))
    }

    func value(of pending: PendingCall) async throws -> Answer {
        try await withTaskCancellationHandler {
            try await pending.value()
        } onCancel: {
            cancel(pending)
        }
    }

    func cancel(_ pending: PendingCall) { calls.cancel(pending.id) }

    /// Tells on the driver's thread, once the time has passed or the connection has ended.
    func after(_ time: Duration, _ tell: @escaping @Sendable () -> Void) { pauses.add(until: Instant.now + time, tell) }

    /// Has the call made, in the order in which this is called.
    func start(_ call: Call, timeout: Duration? = nil) throws -> PendingCall {
        let pending = try calls.open()
        let deadline = Instant.now + (timeout ?? settings.timeout)
        if !inbox.push(.call(pending.id, call, deadline: deadline)) {
            let busy = Refusal(.busy, "more than \(inbox.capacity) calls are waiting", hint: "await some of them first")
            calls.resolve(pending.id, .failure(MembusError.refused(busy)))
            throw MembusError.refused(busy)
        }
        return pending
    }

    /// The answer to a request that is safe to repeat.
    func ask<O: Operation>(_ operation: O, timeout: Duration? = nil) async throws -> Answered<O.Answer> {
        try await perform(.request(operation.body), timeout: timeout).answered(to: O.self)
    }

    /// Puts reads on record that the broker has answered.
    func note(_ reads: [NotedRead]) {
        let before = dropped.exchange(0, ordering: .relaxed)
        if !inbox.push(.noted(reads, dropped: before)) {
            dropped.add(before + reads.count, ordering: .relaxed)
        }
    }

    func follow(_ follow: Follow, _ view: SharedView) throws -> ViewID {
        let id = ViewID(number: lastView.add(1, ordering: .relaxed).newValue)
        if stop.isRaised { throw MembusError.closed }
        guard inbox.push(.follow(id, follow, view)) else {
            throw MembusError.refused(Refusal(.busy, "more than \(inbox.capacity) calls are waiting"))
        }
        return id
    }

    /// Lets go of a view. If the inbox is full, the view's cache is gone anyhow and its stream lapses.
    func unfollow(_ id: ViewID) { _ = inbox.push(.unfollow(id)) }

    /// Ends the thread; every call under way throws ``MembusError/closed``. Returns once the sockets are closed.
    func close() async {
        await withCheckedContinuation { continuation in close { continuation.resume() } }
    }

    /// The same for whoever has no task.
    func close(then tell: @escaping @Sendable () -> Void) {
        stop.raise()
        states.whenClosed(tell)
    }

    /// An answer of another kind than the request's: a broker that breaks the protocol.
    static let unexpected = MembusError.refused(
        Refusal(
            .malformed, "the broker answered with something else than was asked for",
            hint: "check that client and broker are of versions that fit"))
}

/// An answer, and what the reply that brought it says of the broker.
struct Answered<Answer: Sendable>: Sendable {
    let answer: Answer
    let lineage: Lineage
    let instance: Instance
    /// V when the reply was made.
    let visible: Position

    /// - Throws: ``Connection/unexpected`` if it is an answer to something else.
    init<O: Operation>(_ reply: Reply, to operation: O.Type) throws where O.Answer == Answer {
        guard let answer = O.answer(in: reply.body) else { throw Connection.unexpected }
        self.answer = answer
        lineage = reply.lineage
        instance = reply.instance
        visible = reply.visible
    }

    /// V, as a place in the broker's history.
    var token: Token { Token(lineage: lineage, position: visible) }
}

/// Tells the thread to end.
final class StopFlag: Sendable {
    private let raised = Atomic<Bool>(false)
    private let waker: Waker
    init(waker: Waker) { self.waker = waker }
    var isRaised: Bool { raised.load(ordering: .acquiring) }
    func raise() {
        raised.store(true, ordering: .releasing)
        waker.signal()
    }
}
