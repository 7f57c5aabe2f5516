import MembusChecker
import MembusModel

@testable import Membus

// The network between one broker and its agents. Requests and replies of one socket keep their order, and so do
// the messages of one events' socket; the two overtake each other. Any message may be lost. A connection that
// breaks loses what is under way on it; ZeroMQ makes it anew and subscribes again by itself, after a while.

/// An agent's two sockets, and their connections.
struct Sockets {
    /// Replaced sockets count on.
    var requests = 0
    var events = 0
    /// Connections of each socket, made and broken.
    var requestsEpoch = 0
    var eventsEpoch = 0
    /// The broker to which the events' socket is connected.
    var connected: Int?
    /// What the socket wants, and what of it the broker knows.
    var wanted: [StreamID] = []
    var known: Set<StreamID> = []
    /// Nothing passes until then, in either direction.
    var cutUntil = Instant(nanoseconds: 0)
    /// The subscriber's mark is reached: its messages are dropped.
    var overflowUntil = Instant(nanoseconds: 0)
    /// Events, not heartbeats, are lost from now on.
    var losesTail = false
    /// Lost events of streams that nothing was heard of since.
    var lostSince: [StreamID: Int] = [:]
    /// This connection stands, but brings nothing any more.
    var isDeaf = false
    /// The connection for requests stands, but brings nothing any more, in one direction.
    var isDeadUp = false
    var isDeadDown = false
    /// What was sent while there was no broker.
    var parked: [Request] = []
    var lastUp = Instant(nanoseconds: 0)
    var lastDown = Instant(nanoseconds: 0)
    var lastEvent = Instant(nanoseconds: 0)
    /// The latest sent of what arrived on each socket.
    var newestReply = 0
    var newestEvent = 0
    init() {}
    init(requests: Int, events: Int) {
        self.requests = requests
        self.events = events
    }
}

extension World {
    private func delay() -> Duration {
        if isCalm { return .milliseconds(1) }
        return dice.milliseconds(dice.chance(profile.slow) ? profile.slowDelay : profile.delay)
    }

    private func isLost(_ percent: Int, _ agent: Agent) -> Bool {
        !isCalm && (agent.sockets.cutUntil > now || dice.chance(percent))
    }

    // MARK: Requests

    func send(_ request: Request, from agent: Agent) {
        if case .transact(let transact) = request.body, case .success(let work) = transact.work, let op = work.op {
            ops[PeerRequest(agent: agent.index, life: agent.life, id: request.id)] = op
        }
        if agent.sockets.isDeadUp {
            return remark("a request of agent \(agent.index) dies on its half-open connection: \(request.body.story)")
        }
        if isLost(profile.lostRequests, agent) {
            coverage.count(.lostRequest)
            return remark("a request of agent \(agent.index) is lost: \(request.body.story)")
        }
        let peer = Peer(
            agent: agent.index, life: agent.life, connection: agent.sockets.requests, epoch: agent.sockets.requestsEpoch
        )
        agent.sockets.lastUp = max(agent.sockets.lastUp, now + delay())
        after(agent.sockets.lastUp - now) { $0.arrive(request, from: peer) }
    }

    private func arrive(_ request: Request, from peer: Peer) {
        let sockets = agents[peer.agent].sockets
        if agents[peer.agent].isAlive(peer.life), sockets.requests == peer.connection,
            sockets.requestsEpoch != peer.epoch
        {
            coverage.count(.requestDiedUnderWay)
            return remark("a request of agent \(peer.agent) dies with its connection: \(request.body.story)")
        }
        guard let broker else {
            guard agents[peer.agent].isAlive(peer.life) else { return }
            agents[peer.agent].sockets.parked.append(request)
            return coverage.count(.requestParked)
        }
        do {
            try coded(request, for: broker, from: peer) { broker.receive(altered($0, from: peer), from: peer) }
        } catch { failure = error }
    }

    func deliver(_ reply: Reply, to peer: Peer) {
        let agent = agents[peer.agent]
        guard agent.isAlive(peer.life), agent.sockets.requests == peer.connection else { return }
        if agent.sockets.isDeadDown {
            return remark("a reply to agent \(agent.index) dies on its half-open connection: \(reply.body.story)")
        }
        if agent.sockets.requestsEpoch != peer.epoch { return replyDied(reply, agent) }
        if isLost(profile.lostReplies, agent) {
            coverage.count(.lostReply)
            return remark("a reply to agent \(agent.index) is lost: \(reply.body.story)")
        }
        agent.sockets.lastDown = max(agent.sockets.lastDown, now + delay())
        sent += 1
        let order = sent
        after(agent.sockets.lastDown - now) { world in
            let agent = world.agents[peer.agent]
            guard agent.isAlive(peer.life), agent.sockets.requests == peer.connection else { return }
            if agent.sockets.requestsEpoch != peer.epoch { return world.replyDied(reply, agent) }
            if agent.sockets.newestEvent > order { world.coverage.count(.eventOvertookReply) }
            agent.sockets.newestReply = max(agent.sockets.newestReply, order)
            do { agent.take(.reply(world.altered(try world.coded(reply), to: agent))) } catch { world.failure = error }
        }
    }

    /// The broker knows the old connection only: what it sends there reaches nobody.
    private func replyDied(_ reply: Reply, _ agent: Agent) {
        coverage.count(.replyDiedUnderWay)
        remark("a reply to agent \(agent.index) dies with its connection: \(reply.body.story)")
    }

    // MARK: Events

    func publish(_ original: Published) throws {
        let message = try coded(original)
        sent += 1
        let order = sent
        for agent in agents where agent.sockets.known.contains(message.topic) {
            if isLost(message, to: agent) { continue }
            if let lost = agent.sockets.lostSince.removeValue(forKey: message.topic), !message.isHeartbeat {
                coverage.count(.lostEvent, times: lost)
            }
            agent.sockets.lastEvent = max(agent.sockets.lastEvent, now + delay())
            let (index, life, epoch) = (agent.index, agent.life, agent.sockets.eventsEpoch)
            after(agent.sockets.lastEvent - now) { world in
                let agent = world.agents[index]
                guard agent.isAlive(life) else { return }
                if agent.sockets.eventsEpoch != epoch {
                    world.coverage.count(.eventDiedUnderWay)
                    return world.remark("for agent \(index) dies with its connection: \(message.story)")
                }
                if agent.sockets.newestReply > order { world.coverage.count(.replyOvertookEvent) }
                agent.sockets.newestEvent = max(agent.sockets.newestEvent, order)
                agent.take(.published(world.altered(message, to: agent)))
            }
        }
    }

    private func isLost(_ message: Published, to agent: Agent) -> Bool {
        if agent.sockets.isDeaf {
            remark("for agent \(agent.index), whose events' socket is deaf: \(message.story)")
            return true
        }
        if message.isHeartbeat {
            guard agent.sockets.overflowUntil > now || isLost(profile.lostEvents, agent) else { return false }
            coverage.count(.lostHeartbeat)
        } else {
            let isOver = agent.sockets.overflowUntil > now
            guard agent.sockets.losesTail || isOver || isLost(profile.lostEvents, agent) else { return false }
            if isOver { coverage.count(.highWaterDrop) }
            agent.sockets.lostSince[message.topic, default: 0] += 1
        }
        remark("for agent \(agent.index), lost: \(message.story)")
        return true
    }

    /// What was lost with nothing after it: nothing but heartbeats and bookmarks can tell of it.
    func countTails(of agent: Agent) {
        coverage.count(.lostTail, times: agent.sockets.lostSince.values.reduce(0, +))
        agent.sockets.lostSince = [:]
    }

    /// Before the calm something is written whose events some agents never hear, and nothing follows.
    func loseTail() throws {
        guard !part.spared.contains(.lostEvents), !agents.isEmpty, dice.chance(35) else { return }
        for agent in agents where dice.chance(70) {
            remark("events to agent \(agent.index) are lost until the calm")
            agent.sockets.losesTail = true
        }
        write(by: dice.pick(agents))
        try pass(dice.milliseconds(dice.pick([20...200, 200...1000])))
    }

    /// A new events' socket, that knows heartbeats only.
    func openEvents(of agent: Agent) {
        agent.sockets.events += 1
        agent.sockets.wanted = [.heartbeat]
        breakEvents(of: agent)
        connectEvents(of: agent, after: delay())
    }

    func breakEvents(of agent: Agent) {
        agent.sockets.eventsEpoch += 1
        agent.sockets.connected = nil
        agent.sockets.isDeaf = false
        agent.sockets.known = []
    }

    /// Silently, what the socket wants by then is subscribed again.
    func connectEvents(of agent: Agent, after pause: Duration) {
        let (index, life, socket) = (agent.index, agent.life, agent.sockets.events)
        after(pause) { world in
            let agent = world.agents[index]
            guard agent.isAlive(life), agent.sockets.events == socket, agent.sockets.connected == nil,
                let broker = world.broker
            else { return }
            if agent.sockets.cutUntil > world.now {
                return world.connectEvents(of: agent, after: .milliseconds(100))
            }
            agent.sockets.connected = broker.number
            if agent.sockets.wanted.count > 1 { world.coverage.count(.resubscribed) }
            for stream in agent.sockets.wanted { world.announce(stream, of: agent) }
        }
    }

    func subscribe(_ agent: Agent, _ stream: StreamID) {
        agent.sockets.wanted.append(stream)
        if agent.sockets.connected != nil { announce(stream, of: agent) }
    }

    func unsubscribe(_ agent: Agent, _ stream: StreamID) {
        agent.sockets.wanted.removeAll { $0 == stream }
        let (index, epoch) = (agent.index, agent.sockets.eventsEpoch)
        after(delay()) { world in
            let agent = world.agents[index]
            if agent.sockets.eventsEpoch == epoch, !agent.sockets.wanted.contains(stream) {
                agent.sockets.known.remove(stream)
            }
        }
    }

    /// The subscription travels to the broker; some become live late.
    private func announce(_ stream: StreamID, of agent: Agent) {
        let (index, epoch) = (agent.index, agent.sockets.eventsEpoch)
        let isLate = !isCalm && dice.chance(10)
        if isLate { coverage.count(.subscribedLate) }
        after(isLate ? dice.milliseconds(100...1500) : delay()) { world in
            let agent = world.agents[index]
            guard agent.sockets.eventsEpoch == epoch, agent.sockets.wanted.contains(stream) else { return }
            agent.sockets.known.insert(stream)
        }
    }
}

extension Published {
    fileprivate var isHeartbeat: Bool { if case .heartbeat = content { true } else { false } }
}

extension Work {
    /// The number in its message.
    var op: Int? {
        switch self {
        case .transaction(let transaction): Int(transaction.message.dropFirst(3))
        case .fork(let fork): Int(fork.message.dropFirst(3))
        case .merge(let merge): Int(merge.message.dropFirst(3))
        case .rollback(let rollback): Int(rollback.message.dropFirst(3))
        case .revert(let revert): Int(revert.message.dropFirst(3))
        case .pick(let pick): Int(pick.message.dropFirst(3))
        case .quarantine(let quarantine): Int(quarantine.message.dropFirst(3))
        case .branch(let change): Int(change.message.dropFirst(3))
        case .tag(let change): Int(change.message.dropFirst(3))
        }
    }
}

extension Agent {
    func brokerDied() {
        (sockets.isDeadUp, sockets.isDeadDown) = (false, false)
        world.breakEvents(of: self)
    }

    func brokerStarted() {
        world.connectEvents(of: self, after: world.dice.milliseconds(1...300))
        let parked = sockets.parked
        sockets.parked = []
        // What was queued is sent on the new connection, or lost with the old one.
        for request in parked {
            if world.dice.chance(30) {
                world.remark("a request of agent \(index) that waited for a broker is lost: \(request.body.story)")
            } else {
                world.send(request, from: self)
            }
        }
    }

    /// What is under way on it is lost; ZeroMQ makes another, and the broker sees a new peer.
    func cutRequests() {
        world.remark("the requests' connection of agent \(index) breaks")
        world.coverage.count(.requestsCut)
        sockets.requestsEpoch += 1
        (sockets.isDeadUp, sockets.isDeadDown) = (false, false)
    }

    func cutOff(for time: Duration) {
        world.remark("agent \(index) is cut off for \(time)")
        world.coverage.count(.partition)
        sockets.cutUntil = max(sockets.cutUntil, world.now + time)
        if world.dice.chance(50) { cutRequests() }
        world.breakEvents(of: self)
        world.connectEvents(of: self, after: time)
    }

    func cutEvents() {
        world.remark("the events' connection of agent \(index) breaks")
        world.coverage.count(.eventsCut)
        world.breakEvents(of: self)
        world.connectEvents(of: self, after: world.dice.milliseconds(1...500))
    }

    /// The connection stands, but nothing comes any more: only another socket helps.
    func deafen() {
        world.remark("the events' socket of agent \(index) is deaf from now on")
        world.coverage.count(.eventsHalfOpen)
        sockets.isDeaf = true
    }

    /// The same of the connection for requests, in one direction: only another one helps.
    func halfOpen(upwards: Bool) {
        world.remark(
            "agent \(index)'s connection for requests is dead \(upwards ? "upwards" : "downwards") from now on")
        world.coverage.count(upwards ? .requestsHalfOpenUp : .requestsHalfOpenDown)
        if upwards { sockets.isDeadUp = true } else { sockets.isDeadDown = true }
    }

    func reopenRequests() {
        world.coverage.count(.requestsReopened)
        sockets.requests += 1
        (sockets.isDeadUp, sockets.isDeadDown) = (false, false)
    }

    func overflow(for time: Duration) {
        world.remark("events to agent \(index) are dropped for \(time)")
        sockets.overflowUntil = world.now + time
    }
}
