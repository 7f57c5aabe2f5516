import MembusChecker
import MembusModel

@testable import Membus
@testable import MembusBroker

// Mutants between broker and client: what a client says, and what it makes of what it is told.

extension World {
    // MARK: Requests

    func altered(_ request: Request, from peer: Peer) -> Request {
        guard mutant != nil else { return request }
        var request = request
        switch request.body {
        case .pull(var pull):
            if mutant == .hashUnchecked { pull.from = pull.from.map { unchecked($0) } }
            mutants.pulls[PeerRequest(agent: peer.agent, life: peer.life, id: request.id)] = pull
            request.body = .pull(pull)
        case .register(var register):
            if mutant == .hashUnchecked { register.newest = register.newest.map { unchecked($0) } }
            if mutant == .resumeWithoutAcknowledged { register.newest = cut(of: register, agents[peer.agent]) }
            mutants.registers[PeerRequest(agent: peer.agent, life: peer.life, id: request.id)] = register
            request.body = .register(register)
        case .get(var get):
            if mutant == .hashUnchecked, let at = get.at { get.at = Position(revision: at.revision, hash: 0) }
            if mutant == .largeByKeyAlone, isLarge(get, agents[peer.agent]) { get.at = nil }
            request.body = .get(get)
        case .range(var range) where mutant == .rangePagesOfHead:
            mutants.ranges[PeerRequest(agent: peer.agent, life: peer.life, id: request.id)] = range.at
            range.at = nil
            request.body = .range(range)
        case .diff(var diff) where mutant == .diffPagesOfHead || mutant == .diffOfOwnLine:
            mutants.diffs[PeerRequest(agent: peer.agent, life: peer.life, id: request.id)] = diff
            if mutant == .diffPagesOfHead, diff.cursor != nil {
                (diff.from.moment, diff.to.moment) = (.head, .head)
                request.body = .diff(diff)
            }
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

    private func cut(of register: Register, _ agent: Agent) -> Token? {
        for id in agent.core.viewOrder {
            guard let entry = agent.core.views[id], entry.follow.branch == register.branch,
                entry.follow.filter == register.filter, entry.follow.mode == register.mode
            else { continue }
            guard let lineage = entry.machine.lineage, let cut = entry.machine.cut else { return nil }
            return Token(lineage: lineage, position: cut)
        }
        return register.newest
    }

    /// In an update view, what is missing is values that were too large to travel.
    private func isLarge(_ get: Get, _ agent: Agent) -> Bool {
        let views = agent.followers.filter { view in
            view.follow.branch == get.branch && get.keys.allSatisfy { view.follow.filter.matches($0) }
        }
        return get.at != nil && !views.isEmpty && views.allSatisfy { $0.follow.mode == .update }
    }

    // MARK: Replies

    func altered(_ reply: Reply, to agent: Agent) -> Reply {
        var reply = reply
        switch (mutant, reply.body) {
        case (.oldReplyResets, .registered(let registered)): reply.body = .registered(late(registered, reply, agent))
        case (.oldAnswerReused, .pong):
            if let old = mutants.visible.last(where: { $0.time <= now - .milliseconds(300) })?.position {
                reply.visible = old
            }
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
            reply.bookmarks += streams.map {
                StreamBookmark(stream: $0, bookmark: Bookmark(position: position, last: 0))
            }
        case (.newStreamUnlisted, _):
            reply.bookmarks = reply.bookmarks.map { entry in
                StreamBookmark(stream: entry.stream, bookmark: entry.bookmark.map { atCut($0, entry.stream, agent) })
            }
        case (.watchSkipsWhatCameBetween, .log(var page)):
            if !page.more { page.next = .end(of: reply.visible.revision) }
            reply.body = .log(page)
        case (.rangePagesOfHead, .range(var page)):
            let asked = mutants.ranges[PeerRequest(agent: agent.index, life: agent.life, id: reply.id)]
            let state = mutants.visible.last { $0.position.revision == asked }
            if let state { page.at = state.position }
            reply.body = .range(page)
        case (.diffPagesOfHead, .diff(var page)):
            let asked = mutants.diffs[PeerRequest(agent: agent.index, life: agent.life, id: reply.id)]
            if let asked, asked.cursor != nil {
                let states = [asked.from.at, asked.to.at].map { at in
                    mutants.visible.last { $0.position.revision == at }?.position
                }
                (page.from, page.to) = (states[0] ?? page.from, states[1] ?? page.to)
            }
            reply.body = .diff(page)
        case (.diffOfOwnLine, .diff(var page)):
            let asked = mutants.diffs[PeerRequest(agent: agent.index, life: agent.life, id: reply.id)]
            let truth = history.truths[reply.lineage]
            page.differences.removeAll { difference in
                let newest = difference.to ?? difference.from
                return newest.flatMap { truth?.commit($0.revision)?.info.branch } != asked?.to.branch
            }
            reply.body = .diff(page)
        default: break
        }
        return reply
    }

    /// The broker's reply to an earlier registration of the stream was held up, and is taken for that to the newest.
    private func late(_ registered: Registered, _ reply: Reply, _ agent: Agent) -> Registered {
        guard let register = mutants.registers[PeerRequest(agent: agent.index, life: agent.life, id: reply.id)]
        else { return registered }
        let asked = MutantState.Registering(
            life: MutantState.Life(agent: agent.index, life: agent.life), instance: reply.instance,
            stream: StreamDefinition(branch: register.branch, filter: register.filter, mode: register.mode))
        defer { mutants.registered[asked] = registered }
        return mutants.registered[asked] ?? registered
    }

    // MARK: Events

    func altered(_ message: Published, to agent: Agent) -> Published {
        var message = message
        switch (mutant, message.content) {
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
            if isJoining(agent) {
                beat = Heartbeat(generation: beat.generation, since: 0, position: .origin, changed: [], clock: 0)
            }
            message.content = .heartbeat(beat)
        case (.newStreamUnlisted, .bookmark(let bookmark)):
            message.content = .bookmark(atCut(bookmark, message.topic, agent))
        case (.gapTolerated, .event(var event)):
            let cut = entries(of: agent, on: message.topic).compactMap { $0.machine.cut?.revision }.min()
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
    private func hears<T>(_ agent: Agent, _ body: (inout MutantState.Heard) -> T) -> T {
        let life = MutantState.Life(agent: agent.index, life: agent.life)
        let epoch = agent.sockets.eventsEpoch
        var heard = mutants.heard[life] ?? MutantState.Heard(epoch: epoch)
        if heard.epoch != epoch { heard = MutantState.Heard(epoch: epoch) }
        defer { mutants.heard[life] = heard }
        return body(&heard)
    }

    private func entries(of agent: Agent, on stream: StreamID) -> [ViewEntry] {
        agent.core.viewOrder.compactMap { agent.core.views[$0] }.filter { $0.machine.stream == stream }
    }

    // MARK: Joining by heartbeats: see ``Mutant/newStreamUnlisted``

    /// Views with a state that wait for their first pull of a stream without events.
    private func isJoining(_ entry: ViewEntry) -> Bool {
        guard let broker, let stream = entry.machine.stream, entry.machine.cut != nil else { return false }
        return [.probe, .pull].contains(entry.machine.phase) && broker.mutated.fresh.contains(stream)
    }

    private func isJoining(_ agent: Agent) -> Bool {
        agent.core.viewOrder.contains { agent.core.views[$0].map { isJoining($0) } ?? false }
    }

    /// Says nothing beyond the cut of a view that is joining.
    private func atCut(_ bookmark: Bookmark, _ stream: StreamID, _ agent: Agent) -> Bookmark {
        let cuts = entries(of: agent, on: stream).filter { isJoining($0) }.compactMap(\.machine.cut)
        guard let cut = cuts.min(by: { $0.revision < $1.revision }), cut.revision < bookmark.position.revision else {
            return bookmark
        }
        return Bookmark(position: cut, last: min(bookmark.last, cut.revision), nonce: bookmark.nonce)
    }
}
