import Foundation
import MembusModel

@testable import MembusBroker
@testable import MembusSteppedBroker

/// What is asked of a broker: `ada: get plans/a at 3`, `ada: transact 1: plans/a=x`, …
///
/// Every request may say `naming s1`, `deadline 100ms`, `instance 1` or `no-instance`; those of a branch `on trial`.
extension BrokerScenario {
    func ask(_ line: Line) throws -> [String] {
        let peer = String(line.verb.dropLast(line.verb.hasSuffix(":") ? 1 : 0))
        let rest = Line(line.words.dropFirst().joined(separator: " "))
        return try bodies(rest, peer).flatMap { try send($0, rest, from: peer) }
    }

    private func send(_ body: Request.Body, _ line: Line, from peer: String) throws -> [String] {
        let named = try line.value("naming").map { [try streams.thing($0)] } ?? []
        lastRequest += 1
        askers[lastRequest] = peer
        let number = try line.number("instance") ?? Int64(starts)
        let instance = line.has("no-instance") ? nil : Instance(UInt64(number))
        let deadline = try line.value("deadline").map { try Line.duration($0) }
        let request = Request(id: lastRequest, deadline: deadline, instance: instance, streams: named, body: body)
        return step(.request(from: peer, as: Principal(namedBy: request.body), bytes: 100, request))
    }

    private func token(_ line: Line, _ name: String) throws -> Token? {
        guard let text = line.value(name) else { return nil }
        let lineage = try line.number("of").map { Lineage(UInt64($0)) } ?? broker.store.lineage
        return Token(lineage: lineage, position: try position(text))
    }

    /// `9`, or `9'` for the revision 9 of another history.
    private func position(_ text: String) throws -> Position {
        let revision = try Line.number(text.filter(\.isNumber))
        let position = try broker.reader.position(of: revision, visible: .max) ?? Position(revision: revision, hash: 0)
        return text.hasSuffix("'") ? Position(revision: revision, hash: position.hash &+ 1) : position
    }

    private func branch(_ line: Line) throws -> BranchName {
        try line.value("on").map { try BranchName($0.filter { $0 != ":" }) } ?? .main
    }

    /// One, but for `transact 2 to 600`.
    private func bodies(_ line: Line, _ peer: String) throws -> [Request.Body] {
        switch line.verb {
        case "open": return [.openSession(OpenSession(agent: peer))]
        case "close": return [.closeSession(CloseSession(session: try session(line)))]
        case "fork": return try [fork(line)]
        case "transact":
            let first = UInt64(try Line.number(try line.word(1)))
            let last = UInt64(try line.number("to") ?? Int64(first))
            return try (first...last).map { try transact(line, number: $0) }
        case "get":
            let keys = try line.words.dropFirst().prefix { !["at", "on", "naming", "deadline"].contains($0) }
                .map { try Key($0) }
            return [.get(Get(branch: try branch(line), keys: keys, at: try token(line, "at")?.position))]
        case "register":
            let topics = try line.words.dropFirst().filter { $0.contains("/") }.map { try Topic($0) }
            let mode: StreamMode = line.has("invalidate") ? .invalidate : .update
            let register = Register(
                branch: try branch(line), filter: TopicFilter(topics), mode: mode, newest: try token(line, "newest"))
            return [.register(register)]
        case "ping": return [.ping(Ping(nonce: UInt64(try Line.number(try line.word(1)))))]
        case "pull":
            let pull = Pull(
                stream: try streams.thing(try line.word(1)), from: try token(line, "from"),
                atLeast: try line.number("least") ?? 0, page: try page(line))
            return [.pull(pull)]
        default: throw Unreadable("a broker does not know the request \(line.verb)")
        }
    }

    /// `next` is the page that the last answer named; `next at 4'` the same of another target, `next after 1'` of
    /// another base.
    private func page(_ line: Line) throws -> PageToken? {
        guard line.has("next") else { return nil }
        guard var page = nextPage else { throw Unreadable("no page has been answered that others follow") }
        if let target = line.value("at") { page.target = try position(target) }
        if let base = line.value("after"), case .changes(_, let after) = page.content {
            page.content = .changes(base: try position(base), after: after)
        }
        return page
    }

    /// `fork 2 trial at 1 [session session-1]`
    private func fork(_ line: Line) throws -> Request.Body {
        let fork = Fork(name: try BranchName(try line.word(2)), at: try line.number("at"))
        return .transact(
            Transact(
                session: try session(line), number: UInt64(try Line.number(try line.word(1))), acknowledged: 0,
                work: .success(.fork(fork))))
    }

    private func session(_ line: Line) throws -> SessionID {
        let name = line.value("session") ?? "session-1"
        return name.hasPrefix("unknown") ? SessionID(12_345) : try sessions.thing(name)
    }

    /// `transact 1 [session session-1] [if plans/a@3] [if-absent plans/b] [unchanged plans/ since 3]: plans/a=x`
    private func transact(_ line: Line, number: UInt64) throws -> Request.Body {
        var transaction = Transaction(branch: try branch(line), changes: try line.list.map(change))
        if let condition = line.value("if")?.split(separator: "@"), condition.count == 2 {
            transaction.preconditions.append(.at(try Key(String(condition[0])), try Line.number(String(condition[1]))))
        }
        if let key = line.value("if-absent") {
            transaction.preconditions.append(.absent(try Key(key.filter { $0 != ":" })))
        }
        if let topic = line.value("unchanged"), let since = try line.number("since") {
            transaction.preconditions.append(.unchanged(try Topic(topic), since: since))
        }
        return .transact(
            Transact(
                session: try session(line), number: number, acknowledged: UInt64(try line.number("acknowledged") ?? 0),
                work: .success(.transaction(transaction))))
    }

    /// `plans/a=x`, `plans/a=x!2s` that expires, `plans/a=*900` of so many bytes, `-plans/a`, `n+5`.
    private func change(_ text: String) throws -> Change {
        if text.hasPrefix("-") { return Change(try Key(String(text.dropFirst())), .delete) }
        if let plus = text.firstIndex(of: "+") {
            let amount = try Line.number(String(text[text.index(after: plus)...]))
            return Change(try Key(String(text[..<plus])), .increment(amount))
        }
        let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
        let value = (parts.count > 1 ? parts[1] : "").split(separator: "!").map(String.init)
        var content = value.first ?? ""
        if content.hasPrefix("*") {
            content = String(repeating: ".", count: Int(try Line.number(String(content.dropFirst()))))
        }
        let expiry = value.count > 1 ? Put.Expiry.after(try Line.duration(value[1])) : .never
        return Change(try Key(parts[0]), .put(Put(Data(content.utf8), expiry: expiry)))
    }
}
