import MembusModel
import MembusStore

@testable import MembusBroker

// Mutants in what the broker's readers answer: gets, and the pages of pulls.

extension World {
    func altered(_ read: QueuedRead, of broker: BrokerProcess) -> QueuedRead {
        var read = read
        if mutant == .watchSkipsToTheFloor, var log = (read.lookUp as? InPieces<GetLog>)?.asked,
            let cursor = log.cursor,
            log.ascending
        {
            log.cursor = max(cursor, .end(of: broker.writer.floor))
            read.lookUp = InPieces(log)
        }
        guard let get = (read.lookUp as? InPieces<Get>)?.asked else { return read }
        switch mutant {
        case .readBeyondVisible: read.visible = broker.writer.head
        case .getFromLaggingCopy where get.at == nil:
            if let old = mutants.visible.last(where: { $0.time <= now - .milliseconds(300) })?.position {
                read.visible = old
            }
        default: break
        }
        return read
    }

    // MARK: Pages

    /// The broker's pages are large. Smaller ones continue as well: each page names its place.
    func paged(_ reply: Reply, by broker: BrokerProcess, to peer: Peer) -> Reply {
        guard case .page(var page) = reply.body else { return shortened(reply) }
        var reply = reply
        let request = PeerRequest(agent: peer.agent, life: peer.life, id: reply.id)
        if let pull = mutants.pulls[request] { page = altered(page, of: pull, from: peer, broker) }
        if page.records.count > profile.pageRecords {
            page.records = Array(page.records.prefix(profile.pageRecords))
            let last = page.records[page.records.count - 1]
            let content: PageToken.Content =
                page.isSnapshot
                ? .snapshot(after: last.key)
                : .changes(base: page.base, after: LogCursor(revision: last.revision, ordinal: last.ordinal))
            page.next = mutant == .pagesOneByOne ? nil : PageToken(content: content, target: page.target)
        }
        reply.body = .page(page)
        return reply
    }

    private func altered(
        _ page: PullPage, of pull: Pull, from peer: Peer, _ broker: BrokerProcess
    ) -> PullPage {
        var page = page
        switch mutant {
        case .deltaFromBelowFloor: belowFloor(&page, pull, broker)
        case .tombstonesSweptEarly:
            if !page.isSnapshot, broker.writer.floor > 0 { page.records.removeAll { $0.isDeleted } }
        case .pageTargetReadLast:
            if pull.page == nil, page.next == nil, page.records.count <= profile.pageRecords {
                page.target = broker.core.visible
            }
        case .pageFromCache: fromCache(&page, pull, broker)
        case .newStreamPreviousZero: fromLast(&page, pull, broker)
        case .newStreamUnlisted: withoutPull(&page, pull, peer, broker)
        case .hashUnchecked:
            guard let from = pull.from, from.lineage == broker.lineage else { break }
            if page.base.revision == from.revision { page.base = from.position }
            if page.target.revision == from.revision { page.target = from.position }
        default: break
        }
        return page
    }

    /// What is left of the changes after a cut below the floor, taken for all of them.
    private func belowFloor(_ page: inout PullPage, _ pull: Pull, _ broker: BrokerProcess) {
        guard pull.page == nil, page.isSnapshot, page.next == nil, let from = pull.from,
            from.lineage == broker.lineage, from.revision < page.target.revision
        else { return }
        page.isSnapshot = false
        page.base = from.position
        page.records = page.records.filter { $0.revision > from.revision }
            .sorted { ($0.revision, $0.ordinal) < ($1.revision, $1.ordinal) }
    }

    /// What was answered before to whoever asked the same.
    private func fromCache(_ page: inout PullPage, _ pull: Pull, _ broker: BrokerProcess) {
        guard pull.page == nil, page.next == nil else { return }
        let asked = MutantBroker.Asked(stream: pull.stream, from: pull.from)
        guard let cached = broker.mutated.pages[asked] else {
            broker.mutated.pages[asked] = page
            return
        }
        (page.isSnapshot, page.base, page.records) = (cached.isSnapshot, cached.base, cached.records)
    }

    /// Last says that nothing changed since the cut.
    private func fromLast(_ page: inout PullPage, _ pull: Pull, _ broker: BrokerProcess) {
        guard pull.page == nil, let from = pull.from, from.lineage == broker.lineage,
            broker.mutated.fresh.contains(pull.stream), from.revision < page.target.revision
        else { return }
        page = PullPage(isSnapshot: false, base: from.position, target: page.target, records: [], next: nil)
    }

    /// As if it had not pulled: the state is that at its cut.
    private func withoutPull(_ page: inout PullPage, _ pull: Pull, _ peer: Peer, _ broker: BrokerProcess) {
        let joining = MutantBroker.Joining(
            life: MutantState.Life(agent: peer.agent, life: peer.life), stream: pull.stream)
        guard pull.page == nil, let from = pull.from, from.lineage == broker.lineage,
            broker.mutated.fresh.contains(pull.stream), broker.mutated.joined.insert(joining).inserted
        else { return }
        page = PullPage(isSnapshot: false, base: from.position, target: from.position, records: [], next: nil)
    }
}
