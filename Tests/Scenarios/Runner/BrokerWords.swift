import MembusModel

@testable import MembusBroker
@testable import MembusSteppedBroker

/// What a broker answers and publishes, in words.
extension BrokerScenario {
    /// Every revision that is printed stands for its hash, too: `9?` if it bears another than the store's.
    func words(for position: Position) -> String {
        let known = position == .origin ? .origin : try? broker.reader.position(of: position.revision, visible: .max)
        return "\(position.revision)" + (known == position ? "" : "?")
    }

    func words(for outputs: [BrokerOutput<String>]) -> [String] {
        outputs.compactMap { output in
            switch output {
            case .reply(let peer, let reply): "to \(peer): \(words(for: reply, to: peer))"
            case .publish(let message): words(for: message)
            case .drained: "drained"
            case .write, .read: nil
            }
        }
    }

    private func words(for reply: Reply, to peer: String) -> String {
        var words = self.words(for: reply.body) + " (V \(self.words(for: reply.visible)))"
        for entry in reply.bookmarks {
            words +=
                ", bookmark of \(streams.name(of: entry.stream)): "
                + (entry.bookmark.map { "\(self.words(for: $0.position)) last \($0.last)" } ?? "unknown stream")
        }
        if askers[reply.id] != peer { words += ", but that was not asked" }
        if reply.lineage != broker.store.lineage { words += ", of another lineage" }
        if reply.instance != Instance(starts) { words += ", of another instance" }
        return words
    }

    private func words(for body: Reply.Body) -> String {
        switch body {
        case .refused(let failure): return "refused, \(failure.code)"
        case .session(let session): return sessions.name(of: session)
        case .sessionClosed: return "closed"
        case .outcome(.committed(let position)): return "committed as \(words(for: position))"
        case .outcome(.held(let position)): return "held at \(words(for: position))"
        case .outcome(.conflict(let failed, let position)):
            return "failed at \(words(for: position)): " + failed.map { "\($0.precondition)" }.joined(separator: ", ")
        case .records(let found):
            return "as of \(words(for: found.at)): \(found.records.words)"
        case .registered(let registered):
            return "\(registered.reset ? "reset" : "ok"), stream \(streams.name(of: registered.stream)), alias "
                + "\(registered.alias), generation \(generations.name(of: registered.generation))"
        case .pong: return "pong"
        case .page(let page): return words(for: page)
        default: return "\(body)"
        }
    }

    private func words(for page: PullPage) -> String {
        nextPage = page.next
        let target = words(for: page.target)
        let what = page.isSnapshot ? "snapshot at \(target)" : "changes from \(words(for: page.base)) to \(target)"
        return "\(what): \(page.records.words)\(page.next == nil ? "" : ", more")"
    }

    private func words(for message: Published) -> String {
        let topic = message.topic == .heartbeat ? "all" : streams.name(of: message.topic)
        switch message.content {
        case .event(let event):
            return "publish to \(topic): event \(words(for: event.position)) previous \(event.previous): "
                + (event.isAnnounced ? "announced" : event.records.words)
        case .bookmark(let bookmark):
            return "publish to \(topic): bookmark \(words(for: bookmark.position)) last \(bookmark.last)"
                + (bookmark.nonce.map { " nonce \($0)" } ?? "")
        case .heartbeat(let beat):
            let changed = beat.changed.map { "\($0.alias) at \($0.last)" }.joined(separator: ", ")
            let generation = generations.name(of: beat.generation)
            return "publish to \(topic): heartbeat I\(message.instance.id) \(generation), changed "
                + "in (\(beat.since), \(words(for: beat.position))]: \(changed.isEmpty ? "none" : changed), clock \(beat.clock / 1_000_000) ms"
        }
    }
}
