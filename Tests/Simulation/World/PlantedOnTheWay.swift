import MembusChecker
import MembusModel

@testable import Membus
@testable import MembusBroker

// Planted bugs between broker and client: what a client says, and what it makes of what it is told.

extension World {
    // MARK: Requests

    func altered(_ request: Request, from peer: Peer) -> Request {
        guard plant != nil else { return request }
        var request = request
        switch request.body {
        case .pull(var pull):
            if plant == .hashUnchecked { pull.from = pull.from.map { unchecked($0) } }
            plants.pulls[PeerRequest(agent: peer.agent, life: peer.life, id: request.id)] = pull
            request.body = .pull(pull)
        case .register(var register):
            if plant == .hashUnchecked { register.newest = register.newest.map { unchecked($0) } }
            if plant == .resumeWithoutAcknowledged { register.newest = cut(of: register, agents[peer.agent]) }
            plants.registers[PeerRequest(agent: peer.agent, life: peer.life, id: request.id)] = register
            request.body = .register(register)
        case .get(var get):
            if plant == .hashUnchecked, let at = get.at { get.at = Position(revision: at.revision, hash: 0) }
            if plant == .largeByKeyAlone, isLarge(get, agents[peer.agent]) { get.at = nil }
            request.body = .get(get)
        case .range(var range) where plant == .rangePagesOfHead:
            plants.ranges[PeerRequest(agent: peer.agent, life: peer.life, id: request.id)] = range.at
            range.at = nil
            request.body = .range(range)
        default: break
        }
        return request
    }

    /// The revision alone counts, in the broker's history.
    private func unchecked(_ token: Token) -> Token {
        guard let broker, token.lineage == broker.lineage,
            let here = try? broker.reader.position(of: token.revision, visible: .max)
        else { return token }
        return Token(lineage: token.lineage, position: here)
    }

    private func cut(of register: Request.Register, _ agent: Agent) -> Token? {
        for id in agent.core.viewOrder {
            guard let seat = agent.core.views[id], seat.follow.branch == register.branch,
                seat.follow.filter == register.filter, seat.follow.mode == register.mode
            else { continue }
            guard let lineage = seat.machine.lineage, let cut = seat.machine.cut else { return nil }
            return Token(lineage: lineage, position: cut)
        }
        return register.newest
    }

    /// In an update view, what is missing is values that were too large to travel.
    private func isLarge(_ get: Request.Get, _ agent: Agent) -> Bool {
        let views = agent.followers.filter { view in
            view.follow.branch == get.branch && get.keys.allSatisfy { view.follow.filter.matches($0) }
        }
        return get.at != nil && !views.isEmpty && views.allSatisfy { $0.follow.mode == .update }
    }

    // MARK: Replies

    func altered(_ reply: Reply, to agent: Agent) -> Reply {
        var reply = reply
        switch (plant, reply.body) {
        case (.oldReplyResets, .registered(let registered)): reply.body = .registered(late(registered, reply, agent))
        case (.oldAnswerReused, .pong):
            if let old = plants.visible.last(where: { $0.time <= now - .milliseconds(300) })?.position { reply.visible = old }
        case (.freshnessOfAnotherHistory, .pong):
            // Its instance is what says that the history may be another one.
            guard let known = agent.core.link.instance, known != reply.instance, let lineage = agent.core.link.lineage
            else { break }
            (reply.instance, reply.lineage, reply.bookmarks) = (known, lineage, [])
        case (.ownWritesNotAwaited, .outcome(.committed(let position))):
            guard let op = ops[PeerRequest(agent: agent.index, life: agent.life, id: reply.id)] else { break }
            note(.finished(op, agent: agent.index, .decided(.committed(position), reply.lineage)))
        case (.acknowledgementAsBookmark, .outcome(.committed(let position))):
            let streams = agent.core.viewOrder.compactMap { agent.core.views[$0]?.machine.stream }
            reply.bookmarks += streams.map { StreamBookmark(stream: $0, bookmark: Bookmark(position: position, last: 0)) }
        case (.newStreamUnlisted, _):
            reply.bookmarks = reply.bookmarks.map { entry in
                StreamBookmark(stream: entry.stream, bookmark: entry.bookmark.map { atCut($0, entry.stream, agent) })
            }
        case (.watchSkipsWhatCameBetween, .log(var page)):
            if !page.more { page.next = .end(of: reply.visible.revision) }
            reply.body = .log(page)
        case (.rangePagesOfHead, .range(var page)):
            let asked = plants.ranges[PeerRequest(agent: agent.index, life: agent.life, id: reply.id)]
            let state = plants.visible.last { $0.position.revision == asked }
            if let state { page.at = state.position }
            reply.body = .range(page)
        default: break
        }
        return reply
    }

    /// The broker's reply to an earlier registration of the stream was held up, and is taken for that to the newest.
    private func late(_ registered: Reply.Registered, _ reply: Reply, _ agent: Agent) -> Reply.Registered {
        guard let register = plants.registers[PeerRequest(agent: agent.index, life: agent.life, id: reply.id)]
        else { return registered }
        let asked = PlantState.Registering(
            life: PlantState.Life(agent: agent.index, life: agent.life), instance: reply.instance,
            stream: StreamDefinition(branch: register.branch, filter: register.filter, mode: register.mode))
        defer { plants.registered[asked] = registered }
        return plants.registered[asked] ?? registered
    }

    // MARK: Events

    func altered(_ message: Published, to agent: Agent) -> Published {
        var message = message
        switch (plant, message.content) {
        case (.ageFromReceipt, .heartbeat(var beat)):
            if let broker { beat.clock = broker.now.nanoseconds }
            message.content = .heartbeat(beat)
        case (.heartbeatsUnbroken, .heartbeat(var beat)):
            let last = hears(agent) { heard in
                defer { heard.beat = beat.position.revision }
                return heard.beat
            }
            if last.map({ beat.since <= $0 }) ?? true { beat.since = 0 }
            message.content = .heartbeat(beat)
        case (.newStreamUnlisted, .heartbeat(var beat)):
            if isJoining(agent) { beat = Heartbeat(generation: beat.generation, since: 0, position: .origin, changed: [], clock: 0) }
            message.content = .heartbeat(beat)
        case (.newStreamUnlisted, .bookmark(let bookmark)):
            message.content = .bookmark(atCut(bookmark, message.topic, agent))
        case (.gapTolerated, .event(var event)):
            let cut = seats(of: agent, on: message.topic).compactMap { $0.machine.cut?.revision }.min()
            if let cut, event.previous > cut, event.previous - cut <= 10 { event.previous = cut }
            message.content = .event(event)
        case (.countAnewAtReconnect, .event(var event)):
            if hears(agent, { $0.streams.insert(message.topic).inserted }) { event.previous = 0 }
            message.content = .event(event)
        default: break
        }
        return message
    }

    /// What was heard of the present connection of the agent's events' socket.
    private func hears<T>(_ agent: Agent, _ body: (inout PlantState.Heard) -> T) -> T {
        let life = PlantState.Life(agent: agent.index, life: agent.life)
        let epoch = agent.sockets.eventsEpoch
        var heard = plants.heard[life] ?? PlantState.Heard(epoch: epoch)
        if heard.epoch != epoch { heard = PlantState.Heard(epoch: epoch) }
        defer { plants.heard[life] = heard }
        return body(&heard)
    }

    private func seats(of agent: Agent, on stream: StreamID) -> [Seat] {
        agent.core.viewOrder.compactMap { agent.core.views[$0] }.filter { $0.machine.stream == stream }
    }

    // MARK: Joining by heartbeats: see ``Plant/newStreamUnlisted``

    /// Views with a state that wait for their first pull of a stream without events.
    private func isJoining(_ seat: Seat) -> Bool {
        guard let broker, let stream = seat.machine.stream, seat.machine.cut != nil else { return false }
        return [.probe, .pull].contains(seat.machine.phase) && broker.planted.fresh.contains(stream)
    }

    private func isJoining(_ agent: Agent) -> Bool {
        agent.core.viewOrder.contains { agent.core.views[$0].map { isJoining($0) } ?? false }
    }

    /// Says nothing beyond the cut of a view that is joining.
    private func atCut(_ bookmark: Bookmark, _ stream: StreamID, _ agent: Agent) -> Bookmark {
        let cuts = seats(of: agent, on: stream).filter { isJoining($0) }.compactMap(\.machine.cut)
        guard let cut = cuts.min(by: { $0.revision < $1.revision }), cut.revision < bookmark.position.revision else {
            return bookmark
        }
        return Bookmark(position: cut, last: min(bookmark.last, cut.revision), nonce: bookmark.nonce)
    }
}
