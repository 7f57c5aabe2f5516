import Foundation
import MembusWire

@testable import Membus

// A client's core, and whatever a broker may send it: a script of replies, events, calls and passing time. Of each
// message the parts that a stranger could not guess (ids, lineage, instance) are put right or left as they are, as
// the script says.

extension FuzzTarget {
    static let client = FuzzTarget(name: "client", check: checkClient, seeds: clientSeeds)
}

private func checkClient(_ bytes: [UInt8]) throws {
    var script = Script(bytes)
    var world = ClientWorld()
    try world.step(.started)
    // Few scripts that start elsewhere come far.
    if script.byte() & 1 == 0 { try world.join() }
    for _ in 0..<64 where !script.isAtEnd { try world.take(script.byte(), script.piece()) }
    // The broker falls silent: nothing may wait for ever.
    for _ in 0..<20 { try world.pass(.seconds(10)) }
    try require(world.pending.isEmpty, "calls \(world.pending.sorted()) were never finished")
}

/// The core, and what it may never do.
private struct ClientWorld {
    var core: ClientCore
    var now = Instant(nanoseconds: 1_000_000_000)
    var sent: [Request] = []
    var pending: Set<UInt64> = []
    var lastCall: UInt64 = 0
    var views: [ViewID: Position?] = [:]
    let lineage = Lineage(1)
    let instance = Instance(7)
    let stream = StreamID(high: 5, low: 5)
    var visible = Position(revision: 10, hash: 100)

    init() {
        let settings = ClientSettings(
            endpoint: "tcp://127.0.0.1:7401", agent: "fuzz", context: "c", branch: .main, timeout: .seconds(30))
        core = ClientCore(settings: settings, seed: 1, now: now)
    }

    mutating func step(_ input: ClientInput) throws {
        let outputs = core.step(input, now: now)
        try require(outputs.count < 2000, "\(outputs.count) outputs for one input")
        for output in outputs {
            switch output {
            case .send(let request):
                _ = try WireCodec.encode(request)
                sent.append(request)
                if sent.count > 200 { sent.removeFirst(100) }
            case .finish(let id, _):
                try require(pending.remove(id.number) != nil, "call \(id.number) was finished twice, or never made")
            case .view(let id, let output, _): try check(output, of: id)
            default: break
            }
        }
    }

    /// A view never goes back, but by a reset.
    private mutating func check(_ output: ViewOutput, of id: ViewID) throws {
        guard let known = views[id] else { return }
        let before = known?.revision ?? -1
        switch output {
        case .apply(_, let to), .catchUp(_, let to), .advance(let to), .install(_, let to):
            try require(to.revision > before, "view \(id.number) went from \(before) to \(to.revision)")
            views[id] = .some(to)
        case .reset: views[id] = .some(nil)
        default: break
        }
    }

    // MARK: The script

    mutating func take(_ operation: UInt8, _ piece: [UInt8]) throws {
        let choice = Int(operation >> 4)
        switch operation & 7 {
        case 0: try reply(piece, to: choice, isOurs: true)
        case 1: try reply(piece, to: choice, isOurs: operation & 8 == 0)
        case 2: try publish(piece, topic: choice & 1 == 0 ? stream : .heartbeat, isOurs: true)
        case 3: try publish(piece, topic: choice & 1 == 0 ? stream : .heartbeat, isOurs: operation & 8 == 0)
        case 4: try pass(.milliseconds(Int(piece.first ?? 5) * 20))
        case 5: try call(choice)
        case 6: try serve()
        default: try seat(choice)
        }
    }

    private mutating func reply(_ piece: [UInt8], to choice: Int, isOurs: Bool) throws {
        guard case .success(var reply) = WireCodec.decodeReply(piece) else { return }
        if !sent.isEmpty { reply.id = sent[sent.count - 1 - choice % sent.count].id }
        if isOurs {
            reply.lineage = lineage
            reply.instance = instance
            for index in reply.bookmarks.indices { reply.bookmarks[index].stream = stream }
        }
        try step(.reply(reply))
    }

    private mutating func publish(_ piece: [UInt8], topic: StreamID, isOurs: Bool) throws {
        guard case .success(var published) = WireCodec.decodePublished(topic: topic.bytes, piece) else { return }
        if isOurs { published.instance = instance }
        try step(.published(published))
    }

    mutating func pass(_ duration: Duration) throws {
        now = now + duration
        try step(.tick)
    }

    private mutating func call(_ choice: Int) throws {
        let id = CallID(number: lastCall + 1)
        let key = Key(unchecked: "a")
        let call: Call =
            switch choice % 6 {
            case 0: .transact(.transaction(Transaction(changes: [Change(key, .delete)])))
            case 1: .request(.get(Get(branch: .main, keys: [key])))
            case 2: .reach(ViewID(number: 1), .linearizable)
            case 3: .reach(ViewID(number: 1), .within(.milliseconds(200)))
            case 4: .reach(ViewID(number: 1), .atLeast(Token(lineage: lineage, position: visible)))
            default: .welcome
            }
        lastCall += 1
        pending.insert(id.number)
        try step(.call(id, call, deadline: now + .seconds(30)))
    }

    private mutating func seat(_ choice: Int) throws {
        let id = ViewID(number: UInt64(choice % 3) + 1)
        if views[id] != nil {
            views[id] = nil
            return try step(.unfollow(id))
        }
        views[id] = .some(nil)
        let mode: StreamMode = choice & 4 == 0 ? .update : .invalidate
        try step(.follow(id, Follow(branch: .main, filter: .everything, mode: mode)))
    }

    // MARK: A broker that answers well

    mutating func join() throws {
        try seat(0)
        for _ in 0..<6 { try serve() }
    }

    /// Answers all that was asked.
    mutating func serve() throws {
        let requests = sent
        sent = []
        for request in requests {
            let body: Reply.Body
            switch request.body {
            case .hello:
                body = .welcome(
                    Welcome(
                        events: ["tcp://*:7402"], heartbeat: .milliseconds(250), limits: Limits(), software: "fuzz"))
            case .openSession: body = .session(SessionID(99))
            case .closeSession: body = .sessionClosed(CloseSession.Answer())
            case .register: body = .registered(Registered(stream: stream, alias: 1, generation: 1, reset: false))
            case .ping(let ping):
                let mark = Bookmark(position: visible, last: visible.revision, nonce: ping.nonce)
                try step(.published(Published(topic: stream, instance: instance, content: .bookmark(mark))))
                body = .pong(Ping.Answer(clock: now.nanoseconds))
            case .pull:
                body = .page(PullPage(isSnapshot: true, base: .origin, target: visible, records: [], next: nil))
            case .transact:
                visible = Position(revision: visible.revision + 1, hash: visible.hash + 10)
                body = .outcome(.committed(visible))
            default: body = .noted(NoteReads.Answer())
            }
            try step(.reply(Reply(id: request.id, lineage: lineage, instance: instance, visible: visible, body: body)))
        }
    }
}

private func clientSeeds() throws -> [[UInt8]] {
    let instance = Instance(7)
    func at(_ revision: Revision) -> Position { Position(revision: revision, hash: UInt64(revision * 10)) }
    func published(_ content: Published.Content) -> [UInt8] {
        [2]
            + Script.written(
                WireCodec.encode(Published(topic: StreamID(high: 5, low: 5), instance: instance, content: content)))
    }
    func beat(_ revision: Revision, since: Revision, clock: Int64) -> [UInt8] {
        let heartbeat = Heartbeat(
            generation: 1, since: since, position: at(revision), changed: [.init(alias: 1, last: revision)],
            clock: clock)
        let bytes = WireCodec.encode(Published(topic: .heartbeat, instance: instance, content: .heartbeat(heartbeat)))
        return [18] + Script.written(bytes)
    }
    func event(_ revision: Revision, _ previous: Revision) -> [UInt8] {
        let record = Record(key: Key(unchecked: "a"), revision: revision, content: .inline(Data("x".utf8)))
        return published(.event(Event(position: at(revision), previous: previous, records: [record])))
    }
    func reply(_ body: Reply.Body, bookmark: Bookmark? = nil) -> [UInt8] {
        let marks = bookmark.map { [StreamBookmark(stream: StreamID(high: 5, low: 5), bookmark: $0)] } ?? []
        return [0]
            + Script.written(
                WireCodec.encode(
                    Reply(id: 1, lineage: Lineage(1), instance: instance, visible: at(12), bookmarks: marks, body: body)
                ))
    }
    let (pass, serve, transact, get): ([UInt8], [UInt8], [UInt8], [UInt8]) = ([4, 1, 100], [6, 0], [5, 0], [21, 0])
    return [
        [0] + event(11, 10) + event(12, 11) + beat(12, since: 10, clock: 50),
        [0] + event(13, 12) + pass + serve + beat(13, since: 12, clock: 2_000_000_000) + pass,
        [0] + transact + serve + serve + transact + reply(.refused(Refusal(.busy, "full"))) + pass + serve,
        [0] + get + reply(.records(Get.Answer(at: at(10), records: []))) + [37, 0] + serve + [53, 0] + serve,
        [0] + [69, 0] + reply(.pong(Ping.Answer(clock: 5)), bookmark: Bookmark(position: at(12), last: 12, nonce: nil))
            + pass
            + serve,
        [1] + serve + [7, 0] + [23, 0] + serve + serve + beat(11, since: 10, clock: 1) + [7, 0] + pass + pass,
        [0]
            + reply(
                .registered(Registered(stream: StreamID(high: 9, low: 1), alias: 2, generation: 5, reset: true)))
            + serve,
        [0] + published(.bookmark(Bookmark(position: at(20), last: 15, nonce: 3))) + pass + serve
            + reply(.session(SessionID(3))),
    ]
}
