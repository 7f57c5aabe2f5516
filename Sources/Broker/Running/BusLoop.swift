import Glibc
import Logging
import MembusBus
import MembusModel
import MembusSystem
import MembusWire

// The life of the thread that owns the broker's sockets.
//
// Order of one turn:
//   1. wait for a request, a subscription, a result of the store, or the next tick
//   2. results first: they free the queues, and what they publish goes out before anything newer is admitted
//   3. then requests, at most `requestsPerTurn`, so that results are never starved
//   4. carry out what the core decided, in its order: replies and events to the sockets, writes and reads to
//      their threads at the end of the turn, all at once
//
// Nothing here waits for a peer: a reply or an event that does not fit a peer's mark is lost to that peer alone.

struct BrokerPorts: ~Copyable {
    var requests: RequestServer
    var events: EventPublisher
}

struct BusLoop {
    static let requestsPerTurn = 256
    static let tick: Duration = .milliseconds(50)
    static let sweep: Duration = .seconds(2)

    var core: BrokerCore<PeerEnvelope>
    let limits: Limits
    let waker: Waker
    let results: Inbox<BrokerInput<PeerEnvelope>>
    let writes: WorkQueue<QueuedWrite>
    let lookUps: LookUpQueues
    let visible: VisibleRevision
    let memoryChore: MemoryChore
    private var idleness: Idleness?
    private let whenIdle: @Sendable () -> Void
    let log: Logger

    private var outputs: [BrokerOutput<PeerEnvelope>] = []
    private var inputs: [BrokerInput<PeerEnvelope>] = []
    private var newWrites: [QueuedWrite] = []
    private var newReads: [QueuedRead] = []
    private var nextTick = Instant(nanoseconds: 0)
    private var malformedSeen: Int64 = 0
    private var isDrained = false
    private var reserve = ConnectionReserve()
    private var pressure = EventPressure()
    private var subscriptions = SubscriptionPressure()
    private var memory = MemoryReturn()
    private var nextSweep = Instant(nanoseconds: 0)
    /// Since idleness was last looked at.
    private var hasReceived = false

    init(
        core: BrokerCore<PeerEnvelope>, limits: Limits, waker: Waker, results: Inbox<BrokerInput<PeerEnvelope>>,
        writes: WorkQueue<QueuedWrite>, lookUps: LookUpQueues, visible: VisibleRevision,
        memoryChore: MemoryChore, idleness: Idleness?, whenIdle: @escaping @Sendable () -> Void, log: Logger
    ) {
        self.core = core
        self.limits = limits
        self.waker = waker
        self.results = results
        self.writes = writes
        self.lookUps = lookUps
        self.visible = visible
        self.memoryChore = memoryChore
        self.idleness = idleness
        self.whenIdle = whenIdle
        self.log = log
    }

    mutating func run(_ ports: consuming BrokerPorts) throws {
        var poller = Poller()
        while !isDrained {
            let ready = try poller.wait(
                ports.requests.readable, ports.events.readable, waker.readable,
                timeout: max(.zero, nextTick - .now))
            if ready[2] { waker.drain() }
            results.take(into: &inputs)
            for input in inputs { core.step(input, now: .now, into: &outputs) }
            try carryOut(on: &ports)
            if ready[1] { _ = try ports.events.drainSubscriptions(max: 1000) }
            if ready[0] { try receive(on: &ports) }
            if .now >= nextTick {
                nextTick = .now + Self.tick
                core.step(.tick(wall: .now), now: .now, into: &outputs)
                mind(&ports)
            }
            try carryOut(on: &ports)
            visible.rise(to: core.visible.revision)
            lookUps.search.nudge()
            writes.push(contentsOf: newWrites)
            if !newReads.isEmpty { lookUps.push(contentsOf: newReads) }
            newWrites.removeAll(keepingCapacity: true)
            newReads.removeAll(keepingCapacity: true)
        }
    }

    /// What is to be seen to at every tick.
    private mutating func mind(_ ports: inout BrokerPorts) {
        tell(reserve.look(now: .now))
        tell(pressure.look(bytesWaiting: ports.events.bytesWaiting, now: .now))
        tell(subscriptions.look(disconnected: ports.events.disconnected, now: .now))
        if .now >= nextSweep {
            nextSweep = .now + Self.sweep
            ports.events.sweepSubscriptions()
            mindIdleness(ports.events.hasSubscribers)
        }
        let subscribed = ports.events.takeSubscriptionBytes()
        let others = ports.events.bytesWaiting + ports.requests.bytesWaiting + core.footprint
        if memory.isDue(held: others + subscribed.now, most: others + subscribed.most, now: .now) { memoryChore.want() }
    }

    /// A client has a subscription for as long as it is connected; others are known by what they ask.
    private mutating func mindIdleness(_ hasSubscribers: Bool) {
        guard let isOver = idleness?.look(hasClients: hasSubscribers || hasReceived, now: .now) else { return }
        hasReceived = false
        if isOver {
            idleness = nil
            log.notice("no client for a long time: the broker's owner is told")
            whenIdle()
        }
    }

    private func tell(_ trouble: Trouble?) {
        switch trouble {
        case .begun(let line): log.warning("\(line)")
        case .over(let line): log.notice("\(line)")
        case nil: break
        }
    }

    private mutating func receive(on ports: inout BrokerPorts) throws {
        let now = Instant.now
        hasReceived = true
        _ = try ports.requests.receive(max: Self.requestsPerTurn) { peer, frame in
            let decoded = frame.withUnsafeBytes { WireCodec.decodeRequest($0, limits: limits) }
            switch decoded.result {
            case .success(let request):
                // The transport proves nothing yet: the request's own word counts.
                let principal = Principal(namedBy: request.body)
                core.step(
                    .request(from: peer, as: principal, bytes: frame.count, request), now: now, into: &outputs)
            case .failure(let refusal):
                core.step(.undecodable(from: peer, id: decoded.id, refusal), now: now, into: &outputs)
            }
        }
        while malformedSeen < ports.requests.malformed {
            malformedSeen += 1
            core.step(.malformed, now: now, into: &outputs)
        }
    }

    private mutating func carryOut(on ports: inout BrokerPorts) throws {
        for output in outputs {
            switch output {
            case .reply(let peer, let reply):
                try send(reply, to: peer, on: &ports)
            case .publish(let message): try publish(message, on: &ports)
            case .write(let write): newWrites.append(write)
            case .read(let read): newReads.append(read)
            case .drained: isDrained = true
            }
        }
        outputs.removeAll(keepingCapacity: true)
    }

    /// An event that finds too much waiting goes without its records, or not at all: the streams' order is kept by
    /// revisions, and heartbeats tell of what was left out. Heartbeats and bookmarks always go; marks bound those.
    private mutating func publish(_ message: Published, on ports: inout BrokerPorts) throws {
        let (topic, payload) = (message.topic.bytes, WireCodec.encode(message))
        guard case .event(let event) = message.content else {
            return try ports.events.publish(topic: topic, payload)
        }
        let room = ports.events.room(for: topic, payload.count)
        if room == .whole { return try ports.events.publish(topic: topic, payload) }
        pressure.count()
        if !event.isAnnounced { core.countAnnouncedEvent() }
        if room == .announcement {
            try ports.events.publish(topic: topic, WireCodec.encode(message.announced))
        }
    }

    /// A peer that takes its replies too slowly is told so, in few bytes, if it can ask again without harm. A
    /// write's outcome is lost to it: a refusal in its place would say that nothing was decided.
    private mutating func send(_ reply: Reply, to peer: PeerEnvelope, on ports: inout BrokerPorts) throws {
        let sent = try ports.requests.reply(to: peer, WireCodec.encode(reply))
        if sent == .sent { return }
        core.countDroppedReply()
        if sent == .wouldBlock, let refusal = reply.tooSlow {
            _ = try ports.requests.reply(to: peer, WireCodec.encode(refusal))
        }
    }
}

extension Reply {
    /// In place of an answer that may come later; `nil` for other replies.
    fileprivate var tooSlow: Reply? {
        guard body.yieldsToBusy else { return nil }
        var refusal = self
        refusal.body = .refused(
            Refusal(
                .busy, "too much is waiting for this client, which does not take its replies",
                hint: "take the replies that are under way, then ask again", subject: "replies"))
        return refusal
    }
}
