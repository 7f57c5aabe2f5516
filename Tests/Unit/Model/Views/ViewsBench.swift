import Foundation
import Testing

@testable import MembusModel

/// A machine, a clock that is moved by hand, and short ways to say what happens.
struct ViewBench {
    static let lineage = Lineage(1)
    static let broker = Instance(1)
    static let stream = StreamID(high: 1, low: 2)
    var machine: ViewMachine
    var now = Instant(nanoseconds: 1_000_000_000)

    init(start: Token? = nil, mode: StreamMode = .update, bounds: ViewMachine.Bounds? = nil) {
        var immediate = ViewMachine.Bounds()
        immediate.pullSpread = .zero
        machine = ViewMachine(
            branch: .main, filter: .everything, mode: mode, start: start, nonceSeed: 7, bounds: bounds ?? immediate)
    }

    static func at(_ revision: Revision) -> Position { Position(revision: revision, hash: UInt64(revision) * 7) }
    static func token(_ revision: Revision, _ lineage: Lineage = lineage) -> Token {
        Token(lineage: lineage, position: at(revision))
    }
    static func record(_ key: String, _ revision: Revision) -> Record {
        Record(key: Key(unchecked: key), revision: revision, content: .inline(Data("\(revision)".utf8)))
    }

    @discardableResult
    mutating func give(_ input: ViewInput) -> [ViewOutput] { machine.step(input, now: now) }
    @discardableResult
    mutating func wait(_ duration: Duration) -> [ViewOutput] {
        let end = now + duration
        var outputs: [ViewOutput] = []
        while now < end {
            now = min(end, max(machine.wakeAt, now + .milliseconds(1)))
            outputs += give(.tick)
        }
        return outputs
    }

    mutating func registered(
        _ attempt: UInt64?, reset: Bool = false, stream: StreamID = stream, lineage: Lineage = lineage,
        instance: Instance = broker
    ) -> [ViewOutput] {
        let reply = Registered(stream: stream, alias: 3, generation: 9, reset: reset)
        return give(
            .registered(reply, attempt: attempt ?? 0, lineage: lineage, instance: instance, visible: Self.at(0)))
    }
    mutating func event(
        _ revision: Revision, previous: Revision, instance: Instance = broker, stream: StreamID = stream,
        announced: Bool = false
    ) -> [ViewOutput] {
        let event = Event(
            position: Self.at(revision), previous: previous,
            records: announced ? [] : [Self.record("k/\(revision)", revision)], isAnnounced: announced)
        return give(.published(Published(topic: stream, instance: instance, content: .event(event))))
    }
    mutating func bookmark(_ revision: Revision, last: Revision, nonce: UInt64? = nil) -> [ViewOutput] {
        let bookmark = Bookmark(position: Self.at(revision), last: last, nonce: nonce)
        return give(.published(Published(topic: Self.stream, instance: Self.broker, content: .bookmark(bookmark))))
    }
    mutating func replied(_ revision: Revision, last: Revision) -> [ViewOutput] {
        give(.bookmark(Bookmark(position: Self.at(revision), last: last), instance: Self.broker))
    }
    mutating func beat(
        _ revision: Revision, since: Revision = 0, last: Revision? = nil, alias: UInt32 = 3, generation: UInt64 = 9,
        clock: Int64 = 0
    ) -> [ViewOutput] {
        let changed = last.map { [Heartbeat.Entry(alias: alias, last: $0)] } ?? []
        let beat = Heartbeat(
            generation: generation, since: since, position: Self.at(revision), changed: changed, clock: clock)
        return give(.published(Published(topic: .heartbeat, instance: Self.broker, content: .heartbeat(beat))))
    }
    mutating func page(
        _ attempt: UInt64?, snapshot: Bool = true, base: Revision = 0, target: Revision, last: Bool = true,
        records: [Record] = [], instance: Instance = broker
    ) -> [ViewOutput] {
        let next = PageToken(content: .snapshot(after: Key(unchecked: "x")), target: Self.at(target))
        let page = PullPage(
            isSnapshot: snapshot, base: Self.at(base), target: Self.at(target), records: records,
            next: last ? nil : next)
        return give(.page(page, attempt: attempt ?? 0, instance: instance))
    }

    // MARK: to a phase

    mutating func toProbe() -> UInt64 {
        let attempt = give(.connected).registration?.attempt
        return registered(attempt).nonces.first ?? 0
    }
    mutating func toPull() -> UInt64 {
        let nonce = toProbe()
        return bookmark(machine.cut?.revision ?? 0, last: 0, nonce: nonce).pull?.attempt ?? 0
    }
    /// Live at a cut of 10; pings are past.
    mutating func toLive() {
        let nonce = toProbe()
        let attempt = bookmark(0, last: 0, nonce: nonce).attempt
        _ = page(attempt, target: 10)
        _ = give(.pong(nonce: nonce, clock: 0, visible: Self.at(10), instance: Self.broker))
        wait(.milliseconds(150))
        _ = beat(10)
    }
    static func live() -> ViewBench {
        var bench = ViewBench()
        bench.toLive()
        return bench
    }
}

extension [ViewOutput] {
    var registration: (newest: Token?, attempt: UInt64)? {
        for case .register(let newest, let attempt) in self { return (newest, attempt) }
        return nil
    }
    var pull: (from: Token?, atLeast: Revision, page: PageToken?, attempt: UInt64)? {
        for case .pull(_, let from, let atLeast, let page, let attempt) in self {
            return (from, atLeast, page, attempt)
        }
        return nil
    }
    /// Of the register or pull among them.
    var attempt: UInt64 { registration?.attempt ?? pull?.attempt ?? 0 }
    var nonces: [UInt64] { compactMap { if case .ping(let nonce) = $0 { nonce } else { nil } } }
    /// What happened, by the outputs' names.
    var names: [String] { map { String("\($0)".prefix { $0 != "(" }) } }
    func has(_ name: String) -> Bool { names.contains(name) }
}
