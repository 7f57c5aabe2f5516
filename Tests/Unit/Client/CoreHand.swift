import Foundation

@testable import Membus

/// Drives a client's core by hand: no sockets, a clock that moves when told.
struct CoreHand {
    var core: ClientCore
    var now = Instant(nanoseconds: 1_000_000_000)
    var sent: [Request] = []
    var finished: [UInt64: Result<Answer, any Error>] = [:]
    var others: [ClientOutput] = []
    var instance = Instance(7)
    var lineage = Lineage(1)
    var visible = Position(revision: 10, hash: 100)
    var minor = ProtocolVersion.minor

    init(seed: UInt64 = 1, greeted: Bool = true, configure: (inout ClientSettings) -> Void = { _ in }) {
        var settings = ClientSettings(
            endpoint: "tcp://127.0.0.1:7401", agent: "tester", context: "c", branch: .main, timeout: .seconds(30))
        configure(&settings)
        core = ClientCore(settings: settings, seed: seed, now: now)
        step(.started)
        if greeted {
            reply(to: sent.removeFirst(), welcome)
            others = []
        }
    }

    var welcome: Reply.Body {
        .welcome(
            Welcome(
                minor: minor, events: ["tcp://*:7402"], heartbeat: .milliseconds(250), limits: Limits(),
                software: "test"))
    }

    mutating func step(_ input: ClientInput) {
        for output in core.step(input, now: now) {
            switch output {
            case .send(let request): sent.append(request)
            case .finish(let id, let result):
                precondition(finished[id.number] == nil, "call \(id.number) finished twice")
                finished[id.number] = result
            default: others.append(output)
            }
        }
    }

    mutating func reply(to request: Request, _ body: Reply.Body, bookmarks: [StreamBookmark] = []) {
        step(
            .reply(
                Reply(
                    id: request.id, lineage: lineage, instance: instance, visible: visible, bookmarks: bookmarks,
                    body: body)))
    }

    mutating func refuse(_ request: Request, _ code: Refusal.Code) {
        reply(to: request, .refused(Refusal(code, "refused with \(code)")))
    }

    /// Lets time pass in steps of 50 ms, with heartbeats of the present instance unless it is `silent`.
    mutating func pass(_ duration: Duration, silent: Bool = false) {
        let end = now + duration
        while now < end {
            now = min(end, now + .milliseconds(50))
            if !silent {
                let beat = Heartbeat(generation: 1, since: 0, position: visible, changed: [], clock: now.nanoseconds)
                step(.published(Published(topic: .heartbeat, instance: instance, content: .heartbeat(beat))))
            }
            step(.tick)
        }
    }

    mutating func call(_ id: UInt64, _ call: Call, timeout: Duration = .seconds(30)) {
        step(.call(CallID(number: id), call, deadline: now + timeout))
    }

    mutating func transact(_ id: UInt64, key: String = "a", timeout: Duration = .seconds(30)) {
        let change = Change(Key(unchecked: key), .put(Put(Data("\(id)".utf8))))
        call(id, .transact(.transaction(Transaction(changes: [change]))), timeout: timeout)
    }

    mutating func takeSent() -> [Request] {
        defer { sent = [] }
        return sent
    }

    /// The transactions sent since last asked, the session opened on the way.
    mutating func takeTransactions() -> [(request: Request, transact: Transact)] {
        var all = takeSent()
        for request in all {
            if case .openSession = request.body { reply(to: request, .session(SessionID(99))) }
        }
        all += takeSent()
        return all.compactMap { request in
            if case .transact(let transact) = request.body { (request, transact) } else { nil }
        }
    }

    mutating func commit(_ request: Request, at revision: Revision) {
        visible = Position(revision: max(visible.revision, revision), hash: UInt64(revision * 10))
        reply(to: request, .outcome(.committed(Position(revision: revision, hash: UInt64(revision * 10)))))
    }

    func error(of id: UInt64) -> (any Error)? {
        if case .failure(let error)? = finished[id] { error } else { nil }
    }
    func revision(of id: UInt64) -> Revision? {
        if case .success(.decided(.committed(let position), _))? = finished[id] { position.revision } else { nil }
    }

    // MARK: A view, by a broker that answers well

    var stream = StreamID(high: 5, low: 5)
    /// What the broker tells whoever registers.
    var resets = false

    /// Joins a view and brings it live at `visible`.
    mutating func follow(_ id: UInt64 = 1, topics: [String] = ["/"]) {
        let filter = TopicFilter(topics.map { Topic(unchecked: $0) })
        step(.follow(ViewID(number: id), Follow(branch: .main, filter: filter, mode: .update)))
        serveViews()
    }

    /// Answers what views asked for, until they ask for no more.
    mutating func serveViews() {
        while !sent.isEmpty {
            for request in takeSent() { serve(request) }
        }
    }

    /// The view meets a broker of another history, which resets it and brings it live.
    mutating func comeBack() {
        resets = true
        for _ in 0..<5 {
            serveViews()
            resets = false
            pass(.milliseconds(100))
        }
    }

    mutating func waitFor(_ token: Token, call id: UInt64 = 1) {
        call(id, .reach(ViewID(number: 1), .atLeast(token)))
    }

    private mutating func serve(_ request: Request) {
        switch request.body {
        case .register:
            reply(to: request, .registered(Registered(stream: stream, alias: 1, generation: 1, reset: resets)))
        case .ping(let ping):
            let mark = Bookmark(position: visible, last: visible.revision, nonce: ping.nonce)
            step(.published(Published(topic: stream, instance: instance, content: .bookmark(mark))))
            reply(to: request, .pong(Ping.Answer(clock: now.nanoseconds)))
        case .pull:
            reply(
                to: request, .page(PullPage(isSnapshot: true, base: .origin, target: visible, records: [], next: nil))
            )
        default: break
        }
    }

    mutating func publish(_ revision: Revision, previous: Revision, key: String = "a") {
        let position = Position(revision: revision, hash: UInt64(revision * 10))
        let record = Record(key: Key(unchecked: key), revision: revision, content: .inline(Data("x".utf8)))
        let event = Event(position: position, previous: previous, records: [record])
        visible = position
        step(.published(Published(topic: stream, instance: instance, content: .event(event))))
    }
}
