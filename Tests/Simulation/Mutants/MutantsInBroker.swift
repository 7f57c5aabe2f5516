import MembusModel

@testable import MembusBroker

// Mutants in what the broker's core puts out.

extension World {
    /// What the core puts out.
    func altered(_ outputs: [BrokerOutput<Peer>], of broker: BrokerProcess) -> [BrokerOutput<Peer>] {
        guard mutant != nil else { return outputs }
        if mutants.visible.last?.position != broker.core.visible { mutants.visible.append((now, broker.core.visible)) }
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
        guard mutant == .heartbeatOfDroppedStream else { return }
        if broker.mutated.generation == nil { broker.mutated.generation = broker.core.streams.generation }
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
            if let generation = broker.mutated.generation { beat.generation = generation }
            if mutant == .heartbeatFromAnywhere { beat.since = 0 }
            if mutant == .tailUnnoticed { (beat.position, beat.changed) = (.origin, []) }
            if mutant == .newStreamUnlisted || mutant == .newStreamPreviousZero {
                beat.changed.removeAll { broker.mutated.isFresh($0.alias) }
            }
            if mutant == .commitMatchedBeforeRegistration {
                beat.changed.removeAll { entry in
                    broker.mutated.aliases[entry.alias].flatMap { broker.mutated.dropped[$0] }?.revision == entry.last
                }
            }
            message.content = .heartbeat(beat)
        }
        return [message]
    }

    private func altered(_ event: Event, _ message: Published, of broker: BrokerProcess) -> [Published] {
        var (event, message) = (event, message)
        var before: [Published] = []
        switch mutant {
        case .bookmarkAheadOfData:
            let mark = Bookmark(position: event.position, last: event.previous)
            before = [Published(topic: message.topic, instance: message.instance, content: .bookmark(mark))]
        case .gapUnnoticed: event.previous = 0
        case .newStreamPreviousZero: if broker.mutated.fresh.contains(message.topic) { event.previous = 0 }
        case .halfACommit: if event.records.count > 1 { event.records.removeLast() }
        case .expiredResurrected: if broker.mutated.expiries.contains(event.revision) { event.records = [] }
        case .commitMatchedBeforeRegistration:
            if let dropped = broker.mutated.dropped[message.topic], dropped.revision == event.previous {
                event.previous = dropped.previous
            }
            broker.mutated.dropped[message.topic] = nil
            if broker.mutated.matched[event.revision]?.contains(message.topic) == false {
                broker.mutated.dropped[message.topic] = .init(revision: event.revision, previous: event.previous)
                return []
            }
        default: break
        }
        broker.mutated.fresh.remove(message.topic)
        message.content = .event(event)
        return before + [message]
    }

    private func altered(_ bookmark: Bookmark, _ stream: StreamID, of broker: BrokerProcess) -> Bookmark {
        var bookmark = bookmark
        if mutant == .bookmarkOfDurableHead { bookmark.position = broker.writer.head }
        if mutant == .tailUnnoticed { (bookmark.position, bookmark.last) = (.origin, 0) }
        if mutant == .newStreamPreviousZero, broker.mutated.fresh.contains(stream) { bookmark.last = 0 }
        if let dropped = broker.mutated.dropped[stream], dropped.revision == bookmark.last {
            bookmark.last = dropped.previous
        }
        return bookmark
    }

    private func altered(_ reply: Reply, of broker: BrokerProcess) -> Reply {
        var reply = reply
        reply.bookmarks = reply.bookmarks.map { entry in
            StreamBookmark(stream: entry.stream, bookmark: entry.bookmark.map { altered($0, entry.stream, of: broker) })
        }
        guard case .registered(var registered) = reply.body else { return reply }
        if broker.mutated.streams.insert(registered.stream).inserted { broker.mutated.fresh.insert(registered.stream) }
        broker.mutated.aliases[registered.alias] = registered.stream
        if let generation = broker.mutated.generation { registered.generation = generation }
        reply.body = .registered(registered)
        return reply
    }
}

extension MutantBroker {
    fileprivate func isFresh(_ alias: UInt32) -> Bool { aliases[alias].map { fresh.contains($0) } ?? false }
}
