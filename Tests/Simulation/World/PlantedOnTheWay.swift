import MembusChecker
import MembusModel

@testable import Membus

// Between broker and client: pages of any size, which is as the protocol allows; and planted bugs at the
// client's seams.

extension World {
    /// The broker's pages are large. Smaller ones continue as well: each page names its place.
    func paged(_ reply: Reply, by broker: BrokerProcess, to peer: Peer) -> Reply {
        guard case .page(var page) = reply.body else { return reply }
        var reply = reply
        belowFloor(&page, PeerRequest(agent: peer.agent, life: peer.life, id: reply.id), broker)
        if page.records.count > profile.pageRecords {
            page.records = Array(page.records.prefix(profile.pageRecords))
            let last = page.records[page.records.count - 1]
            let content: PageToken.Content = page.isSnapshot
                ? .snapshot(after: last.key)
                : .changes(base: page.base, after: LogCursor(revision: last.revision, ordinal: last.ordinal))
            page.next = plant == .pagesOneByOne ? nil : PageToken(content: content, target: page.target)
        }
        reply.body = .page(page)
        return reply
    }

    /// What is left of the changes after a cut below the floor, taken for all of them.
    private func belowFloor(_ page: inout Reply.Page, _ request: PeerRequest, _ broker: BrokerProcess) {
        guard plant == .deltaFromBelowFloor, page.isSnapshot, page.next == nil, let from = plants.pulls[request],
            from.lineage == broker.lineage, from.revision < page.target.revision
        else { return }
        page.isSnapshot = false
        page.base = from.position
        page.records = page.records.filter { $0.revision > from.revision }
            .sorted { ($0.revision, $0.ordinal) < ($1.revision, $1.ordinal) }
    }

    func altered(_ request: Request, from peer: Peer) -> Request {
        if plant == .deltaFromBelowFloor, case .pull(let pull) = request.body, pull.page == nil {
            plants.pulls[PeerRequest(agent: peer.agent, life: peer.life, id: request.id)] = pull.from
        }
        return request
    }

    func altered(_ reply: Reply, to agent: Agent) -> Reply {
        var reply = reply
        switch (plant, reply.body) {
        case (.oldReplyResets, .registered(var registered)):
            if dice.chance(20) { registered.reset = true }
            reply.body = .registered(registered)
        case (.oldAnswerReused, .pong):
            if let old = plants.visible.last(where: { $0.time <= now - .milliseconds(300) })?.position { reply.visible = old }
        case (.ownWritesNotAwaited, .outcome(.committed(let position))):
            guard let op = ops[PeerRequest(agent: agent.index, life: agent.life, id: reply.id)] else { break }
            note(.finished(op, agent: agent.index, .decided(.committed(position), reply.lineage)))
        default: break
        }
        return reply
    }

    func altered(_ message: Published, to agent: Agent) -> Published {
        guard plant == .ageFromReceipt, let broker, case .heartbeat(var beat) = message.content else { return message }
        var message = message
        beat.clock = broker.now.nanoseconds
        message.content = .heartbeat(beat)
        return message
    }

    /// Between an agent's core and its caches.
    func altered(_ output: ViewOutput, of follower: Follower, _ agent: Agent) -> [ViewOutput] {
        switch (plant, output) {
        case (.staleUnmarked, .stale): return []
        case (.cutGoesBack, .install(let records, let at)):
            if plants.installed[follower.name] == nil { plants.installed[follower.name] = (records, at) }
            return [output]
        case (.cutGoesBack, .catchUp(_, let to)):
            guard let old = plants.installed[follower.name], old.at.revision < to.revision,
                let lineage = agent.core.views[follower.id]?.machine.lineage
            else { return [output] }
            // The late page of an earlier pull.
            return [output, .reset(lineage), .install(old.records, at: old.at)]
        default: return [output]
        }
    }
}
