import MembusModel

@testable import MembusBroker

// Planted bugs in what the broker's core puts out.

extension World {
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
            if plant == .newStreamUnlisted || plant == .newStreamPreviousZero {
                beat.changed.removeAll { broker.planted.isFresh($0.alias) }
            }
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
        case .newStreamPreviousZero: if broker.planted.fresh.contains(message.topic) { event.previous = 0 }
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
        broker.planted.fresh.remove(message.topic)
        message.content = .event(event)
        return before + [message]
    }

    private func altered(_ bookmark: Bookmark, _ stream: StreamID, of broker: BrokerProcess) -> Bookmark {
        var bookmark = bookmark
        if plant == .bookmarkOfDurableHead { bookmark.position = broker.writer.head }
        if plant == .tailUnnoticed { (bookmark.position, bookmark.last) = (.origin, 0) }
        if plant == .newStreamPreviousZero, broker.planted.fresh.contains(stream) { bookmark.last = 0 }
        if let dropped = broker.planted.dropped[stream], dropped.revision == bookmark.last { bookmark.last = dropped.previous }
        return bookmark
    }

    private func altered(_ reply: Reply, of broker: BrokerProcess) -> Reply {
        var reply = reply
        reply.bookmarks = reply.bookmarks.map { entry in
            StreamBookmark(stream: entry.stream, bookmark: entry.bookmark.map { altered($0, entry.stream, of: broker) })
        }
        guard case .registered(var registered) = reply.body else { return reply }
        if broker.planted.streams.insert(registered.stream).inserted { broker.planted.fresh.insert(registered.stream) }
        broker.planted.aliases[registered.alias] = registered.stream
        if let generation = broker.planted.generation { registered.generation = generation }
        reply.body = .registered(registered)
        return reply
    }
}

extension PlantedBroker {
    fileprivate func isFresh(_ alias: UInt32) -> Bool { aliases[alias].map { fresh.contains($0) } ?? false }
}
