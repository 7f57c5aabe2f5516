import Logging
import MembusBus
import MembusSystem
import MembusWire

/// What the thread does until it is told to stop.
struct DriverLoop: ~Copyable {
    private static let tick = Duration.milliseconds(50)
    private static let notesEvery = Duration.milliseconds(200)
    /// How long the end waits for the last notes, and for the session's end.
    private static let farewell = Duration.milliseconds(500)
    /// Messages taken from a socket before the others have their turn.
    private static let burst = 512

    private var ports: DriverPorts
    private var core: ClientCore
    private let outside: DriverContext
    private var poller = Poller()
    private var views: [ViewID: SharedView] = [:]
    private var link = LinkState.connecting
    private var commands: [Command] = []
    private var replies: [Reply] = []
    private var messages: [Published] = []
    private var outputs: [ClientOutput] = []
    private var unreadable = 0
    private var nextTick: Instant
    private var nextNotes: Instant
    private var isBroken = false

    init(ports: consuming DriverPorts, core: ClientCore, outside: DriverContext) {
        self.ports = ports
        self.core = core
        self.outside = outside
        nextTick = Instant.now
        nextNotes = Instant.now
    }

    var openViews: [SharedView] { Array(views.values) }

    mutating func run() {
        step(.started)
        while !outside.stop.isRaised, !isBroken { tryTurn() }
        let end = Instant.now + Self.farewell
        let last = takenNotes
        step(.leaving(last.reads, dropped: last.dropped))
        while !core.hasLeft, !isBroken, Instant.now < end { tryTurn() }
    }

    private mutating func tryTurn() {
        do { try turn() } catch {
            // A socket that fails is closed by the context, or broken for good: end, and say so.
            outside.log.error("the client's thread ends", metadata: ["error": "\(error)"])
            isBroken = true
        }
    }

    private mutating func turn() throws {
        let now = Instant.now
        let pause = max(.zero, min(core.wakeAt, nextTick, outside.pauses.next ?? nextTick) - now)
        let ready: Poller.Ready
        if let box = ports.events {
            ready = try poller.wait(
                outside.waker.readable, ports.requests.readable, box.subscriber.readable, timeout: pause)
        } else {
            ready = try poller.wait(outside.waker.readable, ports.requests.readable, timeout: pause)
        }
        if ready[0] { takeCommands() }
        if ready[1] { try takeReplies() }
        if ready[2] { try takeEvents() }
        keepTime()
    }

    private mutating func step(_ input: ClientInput) {
        var taken: [ClientOutput] = []
        swap(&taken, &outputs)
        core.step(input, now: Instant.now, into: &taken)
        for output in taken { carryOut(output) }
        taken.removeAll(keepingCapacity: true)
        swap(&taken, &outputs)
    }

    // MARK: In

    private mutating func takeCommands() {
        outside.waker.drain()
        outside.inbox.take(into: &commands)
        for command in commands {
            switch command {
            case .call(let id, let call, let deadline):
                // What was read before it is what it is built on.
                if case .transact = call {
                    let taken = takenNotes
                    if !taken.isEmpty { step(.read(taken.reads, dropped: taken.dropped)) }
                }
                step(.call(id, call, deadline: deadline))
            case .noted(let reads, let dropped): step(.noted(reads, dropped: dropped))
            case .follow(let id, let follow, let view):
                views[id] = view
                view.hear(link)
                step(.follow(id, follow))
            case .unfollow(let id): drop(id)
            }
        }
        commands.removeAll(keepingCapacity: true)
        for id in outside.calls.takeCancelled() { step(.cancel(id)) }
    }

    private mutating func takeReplies() throws {
        var taken: [Reply] = []
        swap(&taken, &replies)
        var bad: WireError?
        _ = try ports.requests.receive(max: Self.burst) { frame in
            switch frame.withUnsafeBytes({ WireCodec.decodeReply($0) }) {
            case .success(let reply): taken.append(reply)
            case .failure(let error): bad = error
            }
        }
        if let bad { complain(bad) }
        for reply in taken { step(.reply(reply)) }
        taken.removeAll(keepingCapacity: true)
        swap(&taken, &replies)
    }

    private mutating func takeEvents() throws {
        guard let box = ports.events else { return }
        var taken: [Published] = []
        swap(&taken, &messages)
        var bad: WireError?
        _ = try box.subscriber.receive(max: Self.burst) { topic, frame in
            switch frame.withUnsafeBytes({ WireCodec.decodePublished(topic: topic, $0) }) {
            case .success(let published): taken.append(published)
            case .failure(let error): bad = error
            }
        }
        if let bad { complain(bad) }
        for published in taken { step(.published(published)) }
        taken.removeAll(keepingCapacity: true)
        swap(&taken, &messages)
    }

    private mutating func complain(_ error: WireError) {
        unreadable += 1
        if unreadable & (unreadable - 1) == 0 {
            outside.log.warning(
                "dropped what cannot be read", metadata: ["error": "\(error)", "count": "\(unreadable)"])
        }
    }

    private mutating func keepTime() {
        let now = Instant.now
        if now >= nextNotes {
            nextNotes = now + Self.notesEvery
            let taken = takenNotes
            if !taken.isEmpty { step(.noted(taken.reads, dropped: taken.dropped)) }
        }
        for tell in outside.pauses.takeDue(at: now) { tell() }
        guard now >= min(core.wakeAt, nextTick) else { return }
        nextTick = now + Self.tick
        step(.tick)
        for (id, view) in views where view.failure != nil && !view.follow.isSignal { drop(id) }
    }

    /// What was read of views since it was taken last.
    private var takenNotes: TakenReads { views.values.reduce(TakenReads()) { $0 + $1.takeNotes() } }

    /// A view that is closed, or can't be had any more, stops costing anything. What was read of it until then is
    /// noted all the same.
    private mutating func drop(_ id: ViewID) {
        let taken = views.removeValue(forKey: id)?.takeNotes() ?? TakenReads()
        if !taken.isEmpty { step(.noted(taken.reads, dropped: taken.dropped)) }
        step(.unfollow(id))
    }

    // MARK: Out

    private mutating func carryOut(_ output: ClientOutput) {
        switch output {
        case .view(let id, let output, let lineage): views[id]?.apply(output, of: lineage)
        case .finish(let id, let result): outside.calls.resolve(id, result)
        case .state(let state):
            outside.log.info("connection", metadata: ["state": "\(state)"])
            link = state
            for view in views.values { view.hear(state) }
            outside.states.post(state)
        case .send(let request): send(request)
        default:
            do { try carryOutOnSockets(output) } catch {
                outside.log.error("socket", metadata: ["error": "\(error)"])
            }
        }
    }

    /// What cannot be sent now is sent again by the core, like what got lost.
    private mutating func send(_ request: Request) {
        do {
            let bytes = try WireCodec.encode(request)
            if try ports.requests.send(bytes) != .sent { outside.log.debug("the request queue is full") }
        } catch {
            outside.log.error("a request was not sent", metadata: ["error": "\(error)"])
        }
    }

    private mutating func carryOutOnSockets(_ output: ClientOutput) throws {
        switch output {
        case .reopenRequests:
            outside.log.warning("no answer to anything: opening a new connection for requests")
            try ports.requests.reopen()
        case .connectEvents(let endpoint): try ports.connectEvents(endpoint)
        case .replaceEvents:
            outside.log.warning("the broker answers but its events do not arrive: opening a new connection for events")
            try ports.events?.subscriber.replace()
        case .subscribe(let stream): try ports.events?.subscriber.subscribe(stream.bytes)
        case .unsubscribe(let stream): try ports.events?.subscriber.unsubscribe(stream.bytes)
        case .send, .view, .finish, .state: break
        }
    }
}
