import Foundation
import MembusModel

@testable import MembusBroker
@testable import MembusSteppedBroker

/// Speaks to a broker's core over a real store in memory. The transcript decides when the commit thread and the
/// reading threads have their turns: `> sync` takes what waits to the disk, `> report` tells the core of it,
/// `> commit` does both, `> read` answers look-ups.
final class BrokerScenario: Machine {
    private var broker: SteppedBroker<String>
    private var starts: UInt64 = 1
    private var reports: [WriteReport] = []
    private var askers: [UInt64: String] = [:]
    private var lastRequest: UInt64 = 0
    private var streams = Names<StreamID>("s")
    private var sessions = Names<SessionID>("session-")
    private var generations = Names<UInt64>("g")
    private var nextPage: PageToken?

    init(_ line: Line) throws {
        var settings = CoreSettings()
        settings.inlineValueBytes = Int(try line.number("inline") ?? 16 << 10)
        settings.eventBytes = Int(try line.number("events-of") ?? 64 << 10)
        broker = try SteppedBroker(
            settings: settings, lineage: 1, instance: Instance(1), seed: 1, now: Instant(nanoseconds: 0))
    }

    func take(_ line: Line) throws -> [String] {
        switch line.verb {
        case "sync": return try sync()
        case "report": return report()
        case "commit": return try sync() + report()
        case "read": return words(for: broker.answer())
        case "after":
            let time = try Line.duration(try line.word(1))
            broker.now = broker.now + time
            broker.wall = broker.wall.advanced(by: time)
            return step(.tick(wall: broker.wall))
        case "restart": return try restart()
        case "compact":
            try broker.writer.raiseFloor(to: try Line.number(try line.word(1)))
            while try broker.writer.sweep() {}
            return ["the floor is \(broker.writer.floor)"]
        default: return try ask(line)
        }
    }

    // MARK: The threads' turns

    private func step(_ input: BrokerInput<String>) -> [String] { words(for: broker.step(input)) }

    private func sync() throws -> [String] {
        reports.append(try broker.sync())
        return []
    }

    private func report() -> [String] {
        let waiting = reports
        reports = []
        return waiting.flatMap { step(.written($0)) }
    }

    /// The process dies: what was not on disk is gone.
    private func restart() throws -> [String] {
        reports = []
        starts += 1
        try broker.restart(as: Instance(starts), seed: starts)
        return ["instance I\(starts), V is \(broker.core.visible.revision)"]
    }

    // MARK: Requests

    /// `ada: get plans/a at 3`, `ada: transact 1: plans/a=x`, …
    private func ask(_ line: Line) throws -> [String] {
        let peer = String(line.verb.dropLast(line.verb.hasSuffix(":") ? 1 : 0))
        let rest = Line(line.words.dropFirst().joined(separator: " "))
        let named = try rest.value("naming").map { [try streams.thing($0)] } ?? []
        lastRequest += 1
        askers[lastRequest] = peer
        let instance = rest.has("no-instance") ? nil : Instance(UInt64(try rest.number("instance") ?? Int64(starts)))
        let request = Request(id: lastRequest, instance: instance, streams: named, body: try body(rest, peer))
        return step(.request(from: peer, bytes: 100, request))
    }

    private func token(_ line: Line, _ name: String) throws -> Token? {
        guard let text = line.value(name) else { return nil }
        let revision = try Line.number(text.filter(\.isNumber))
        let position = try broker.reader.position(of: revision, visible: .max) ?? Position(revision: revision, hash: 0)
        let hash = text.hasSuffix("'") ? position.hash &+ 1 : position.hash
        let lineage = try line.number("of").map { Lineage(UInt64($0)) } ?? broker.store.lineage
        return Token(lineage: lineage, position: Position(revision: revision, hash: hash))
    }

    private func body(_ line: Line, _ peer: String) throws -> Request.Body {
        switch line.verb {
        case "open": return .openSession(agent: peer)
        case "transact": return try transact(line)
        case "get":
            let keys = try line.words.dropFirst().prefix { $0 != "at" }.map { try Key($0) }
            return .get(Request.Get(branch: .main, keys: keys, at: try token(line, "at")?.position))
        case "register":
            let topics = try line.words.dropFirst().filter { $0.contains("/") }.map { try Topic($0) }
            return .register(
                Request.Register(
                    branch: .main, filter: TopicFilter(topics), mode: line.has("invalidate") ? .invalidate : .update,
                    newest: try token(line, "newest")))
        case "ping": return .ping(nonce: UInt64(try Line.number(try line.word(1))))
        case "pull":
            let pull = Request.Pull(
                stream: try streams.thing(try line.word(1)), from: try token(line, "from"),
                atLeast: try line.number("least") ?? 0, page: line.has("next") ? nextPage : nil)
            return .pull(pull)
        default: throw Unreadable("a broker does not know the request \(line.verb)")
        }
    }

    /// `transact 1 session session-1 [if plans/a@3] [if-absent plans/b] [unchanged plans/ since 3]: plans/a=x -plans/b n+5`
    private func transact(_ line: Line) throws -> Request.Body {
        let name = line.value("session") ?? "session-1"
        let session = name.hasPrefix("unknown") ? SessionID(12_345) : try sessions.thing(name)
        var transaction = Transaction(changes: try line.list.map(change))
        if let condition = line.value("if")?.split(separator: "@").map({ String($0.filter { $0 != ":" }) }), condition.count == 2 {
            transaction.preconditions.append(.at(try Key(condition[0]), try Line.number(condition[1])))
        }
        if let key = line.value("if-absent") { transaction.preconditions.append(.absent(try Key(key.filter { $0 != ":" }))) }
        if let topic = line.value("unchanged"), let since = try line.number("since") {
            transaction.preconditions.append(.unchanged(try Topic(topic), since: since))
        }
        return .transact(
            Request.Transact(
                session: session, number: UInt64(try Line.number(try line.word(1))),
                acknowledged: UInt64(try line.number("acknowledged") ?? 0), work: .success(.transaction(transaction))))
    }

    /// `plans/a=x`, `plans/a=x!2s` that expires, `plans/a=*900` of so many bytes, `-plans/a`, `n+5`.
    private func change(_ text: String) throws -> Change {
        if text.hasPrefix("-") { return Change(try Key(String(text.dropFirst())), .delete) }
        if let plus = text.firstIndex(of: "+") {
            return Change(try Key(String(text[..<plus])), .increment(try Line.number(String(text[text.index(after: plus)...]))))
        }
        let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
        let value = (parts.count > 1 ? parts[1] : "").split(separator: "!").map(String.init)
        var content = value.first ?? ""
        if content.hasPrefix("*") { content = String(repeating: ".", count: Int(try Line.number(String(content.dropFirst())))) }
        let expiry = value.count > 1 ? Put.Expiry.after(try Line.duration(value[1])) : .never
        return Change(try Key(parts[0]), .put(Put(Data(content.utf8), expiry: expiry)))
    }

    // MARK: Outputs

    private func words(for outputs: [BrokerOutput<String>]) -> [String] {
        outputs.compactMap { output in
            switch output {
            case .reply(let peer, let reply): "to \(peer): \(words(for: reply))"
            case .publish(let message): words(for: message)
            case .drained: "drained"
            case .write, .read: nil
            }
        }
    }

    private func words(for reply: Reply) -> String {
        var words = self.words(for: reply.body) + " (V \(reply.visible.revision))"
        for entry in reply.bookmarks {
            words += ", bookmark of \(streams.name(of: entry.stream)): "
                + (entry.bookmark.map { "\($0.position.revision) last \($0.last)" } ?? "unknown stream")
        }
        return words
    }

    private func words(for body: Reply.Body) -> String {
        switch body {
        case .failure(let failure): return "refused, \(failure.code)"
        case .session(let session): return sessions.name(of: session)
        case .outcome(.committed(let position)): return "committed as \(position.revision)"
        case .outcome(.held(let position)): return "held at \(position.revision)"
        case .outcome(.conflict(let failed, let position)):
            return "failed at \(position.revision): " + failed.map { "\($0.precondition)" }.joined(separator: ", ")
        case .records(let found):
            return "as of \(found.at.revision): \(found.records.words)"
        case .registered(let registered):
            return "\(registered.reset ? "reset" : "ok"), stream \(streams.name(of: registered.stream)), alias "
                + "\(registered.alias), generation \(generations.name(of: registered.generation))"
        case .pong: return "pong"
        case .page(let page):
            nextPage = page.next
            let what = page.isSnapshot ? "snapshot at \(page.target.revision)" : "changes from \(page.base.revision) to \(page.target.revision)"
            return "\(what): \(page.records.words)\(page.next == nil ? "" : ", more")"
        default: return "\(body)"
        }
    }

    private func words(for message: Published) -> String {
        let topic = message.topic == .heartbeat ? "all" : streams.name(of: message.topic)
        switch message.content {
        case .event(let event):
            return "publish to \(topic): event \(event.revision) previous \(event.previous): "
                + (event.isAnnounced ? "announced" : event.records.words)
        case .bookmark(let bookmark):
            return "publish to \(topic): bookmark \(bookmark.position.revision) last \(bookmark.last)"
                + (bookmark.nonce.map { " nonce \($0)" } ?? "")
        case .heartbeat(let beat):
            let changed = beat.changed.map { "\($0.alias) at \($0.last)" }.joined(separator: ", ")
            return "publish to \(topic): heartbeat I\(message.instance.id) \(generations.name(of: beat.generation)), changed in "
                + "(\(beat.since), \(beat.position.revision)]: \(changed.isEmpty ? "none" : changed), clock "
                + "\(beat.clock / 1_000_000) ms"
        }
    }
}
