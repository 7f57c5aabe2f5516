import MembusModel
import MembusStore

@testable import MembusBroker

// Planted bugs at the broker's seams: what its core puts out, and what its threads hand over.

extension World {
    /// At the disk's door.
    func altered(_ item: WriteItem, isFirst: Bool, of broker: BrokerProcess) throws -> WriteItem {
        guard case .transact(var request, let fingerprint) = item else { return item }
        let known = plants.decided[PlantState.Number(session: request.session, number: request.number)]
        switch (plant, known) {
        case (.retryExecutedTwice, .some), (.conflictsNotStored, .some(.conflict)):
            let ghost = SessionID(dice.next() >> 1)
            _ = try broker.writer.commit([.openSession(ghost, agent: "ghost")], now: wall)
            (request.session, request.number, request.acknowledged) = (ghost, 1, 0)
        case (.preconditionBeforeBatch, nil) where !isFirst:
            guard case .success(.transaction(var transaction)) = request.work else { return item }
            transaction.preconditions.removeAll { holds($0, on: transaction.branch, broker) }
            request.work = .success(.transaction(transaction))
        default: return item
        }
        return .transact(request, fingerprint: fingerprint)
    }

    private func holds(_ precondition: Precondition, on branch: BranchName, _ broker: BrokerProcess) -> Bool {
        func revision(_ key: Key) -> Revision? {
            guard let record = try? broker.reader.get([key], on: branch, visible: .max).records.first else { return nil }
            return record.isDeleted ? 0 : record.revision
        }
        return switch precondition {
        case .at(let key, let seen): revision(key) == seen
        case .absent(let key): revision(key) == 0
        case .unchanged: false
        }
    }

    /// Behind COMMIT.
    func altered(_ results: [WriteResult], of items: [WriteItem]) -> [WriteResult] {
        guard plant == .lastResultOnly || plant == .retryExecutedTwice || plant == .conflictsNotStored else { return results }
        return zip(items, results).map { item, result in
            guard case .transact(let request, _) = item, case .outcome(let outcome) = result else { return result }
            let number = PlantState.Number(session: request.session, number: request.number)
            if plants.decided[number] != nil, plant == .lastResultOnly, let last = plants.lastOutcome[request.session] {
                return .outcome(last)
            }
            plants.decided[number] = outcome
            plants.lastOutcome[request.session] = outcome
            return result
        }
    }

    func committed(
        _ commits: [Commit], _ results: [(ticket: UInt64, result: WriteReport.Result)], of broker: BrokerProcess
    ) {
        for commit in commits {
            if commit.info.agent == CommitInfo.broker { broker.planted.expiries.insert(commit.info.revision) }
            broker.planted.matched[commit.info.revision] = broker.planted.streams
        }
        guard plant == .replyBeforePublish else { return }
        for (ticket, result) in results {
            guard case .item(.outcome(let outcome)) = result, let waiting = broker.core.waiting[ticket],
                let peer = waiting.peer
            else { continue }
            let reply = Reply(
                id: waiting.id, lineage: broker.lineage, instance: broker.core.instance, visible: broker.core.visible,
                body: .outcome(outcome))
            broker.tellEarly(reply, to: peer)
        }
    }

    func altered(_ read: QueuedRead, of broker: BrokerProcess) -> QueuedRead {
        var read = read
        if plant == .readBeyondVisible, case .get = read.job { read.visible = broker.writer.head }
        return read
    }

    /// What the core puts out.
    func altered(_ outputs: [BrokerOutput<Peer>], of broker: BrokerProcess) -> [BrokerOutput<Peer>] {
        guard plant != nil else { return outputs }
        if plants.visible.last?.position != broker.core.visible { plants.visible.append((now, broker.core.visible)) }
        dropStreams(of: broker)
        return outputs.flatMap { output -> [BrokerOutput<Peer>] in
            switch output {
            case .publish(let message): altered(message, of: broker).map { .publish($0) }
            case .reply(let peer, let reply): [.reply(to: peer, altered(reply, of: broker))]
            default: [output]
            }
        }
    }

    private func dropStreams(of broker: BrokerProcess) {
        guard plant == .heartbeatOfDroppedStream else { return }
        if broker.planted.generation == nil { broker.planted.generation = broker.core.streams.generation }
        guard dice.chance(1) else { return }
        _ = broker.core.streams.dropUnnamed(now: broker.now + .seconds(100), drawn: dice.next())
    }

    private func altered(_ message: Published, of broker: BrokerProcess) -> [Published] {
        var message = message
        switch message.content {
        case .event(let event): return altered(event, message, of: broker)
        case .bookmark(var bookmark):
            bookmark = altered(bookmark, message.topic, of: broker)
            message.content = .bookmark(bookmark)
        case .heartbeat(var beat):
            if let generation = broker.planted.generation { beat.generation = generation }
            if plant == .heartbeatFromAnywhere { beat.since = 0 }
            if plant == .tailUnnoticed { (beat.position, beat.changed) = (.origin, []) }
            if plant == .commitMatchedBeforeRegistration {
                beat.changed.removeAll { entry in
                    broker.planted.aliases[entry.alias].flatMap { broker.planted.dropped[$0] }?.revision == entry.last
                }
            }
            message.content = .heartbeat(beat)
        }
        return [message]
    }

    private func altered(_ event: Event, _ message: Published, of broker: BrokerProcess) -> [Published] {
        var (event, message) = (event, message)
        var before: [Published] = []
        switch plant {
        case .bookmarkAheadOfData:
            let mark = Bookmark(position: event.position, last: event.previous)
            before = [Published(topic: message.topic, instance: message.instance, content: .bookmark(mark))]
        case .gapUnnoticed: event.previous = 0
        case .halfACommit: if event.records.count > 1 { event.records.removeLast() }
        case .expiredResurrected: if broker.planted.expiries.contains(event.revision) { event.records = [] }
        case .commitMatchedBeforeRegistration:
            if let dropped = broker.planted.dropped[message.topic], dropped.revision == event.previous {
                event.previous = dropped.previous
            }
            broker.planted.dropped[message.topic] = nil
            if broker.planted.matched[event.revision]?.contains(message.topic) == false {
                broker.planted.dropped[message.topic] = .init(revision: event.revision, previous: event.previous)
                return []
            }
        default: break
        }
        message.content = .event(event)
        return before + [message]
    }

    private func altered(_ bookmark: Bookmark, _ stream: StreamID, of broker: BrokerProcess) -> Bookmark {
        var bookmark = bookmark
        if plant == .bookmarkOfDurableHead { bookmark.position = broker.writer.head }
        if plant == .tailUnnoticed { (bookmark.position, bookmark.last) = (.origin, 0) }
        if let dropped = broker.planted.dropped[stream], dropped.revision == bookmark.last { bookmark.last = dropped.previous }
        return bookmark
    }

    private func altered(_ reply: Reply, of broker: BrokerProcess) -> Reply {
        var reply = reply
        reply.bookmarks = reply.bookmarks.map { entry in
            StreamBookmark(stream: entry.stream, bookmark: entry.bookmark.map { altered($0, entry.stream, of: broker) })
        }
        guard case .registered(var registered) = reply.body else { return reply }
        broker.planted.streams.insert(registered.stream)
        broker.planted.aliases[registered.alias] = registered.stream
        if let generation = broker.planted.generation { registered.generation = generation }
        reply.body = .registered(registered)
        return reply
    }
}
