import Foundation
import MembusModel

@testable import Membus

/// Speaks to a client's core, whose first view is live at 5. The broker behind it lets views join, and is silent about
/// everything else until the transcript answers: request by request, or with `> serve` all that views have asked for.
/// `> broker I2 of 2 at 3`: from here on it is that instance, of that lineage, and V is 3.
final class ClientScenario: Machine {
    private var core: ClientCore
    private var now = Instant(nanoseconds: 0)
    private var sent = Names<UInt64>("r")
    private var requests: [Request] = []
    private var lastCall: UInt64 = 0
    private var visible = Position(revision: 5, hash: 50)
    private var instance = Instance(1)
    private var lineage = Lineage(1)
    private var streams: [TopicFilter: StreamID] = [:]
    /// What the registrations were for.
    private var filters: [UInt64: TopicFilter] = [:]
    /// Views join unseen, and are answered at once.
    private var isJoining = true

    init() {
        let settings = ClientSettings(
            endpoint: "tcp://127.0.0.1:7401", agent: "ada", context: "c", branch: .main, timeout: .seconds(30))
        core = ClientCore(settings: settings, seed: 1, now: now)
        _ = step(.started)
        _ = join(1, .everything)
    }

    private func join(_ view: UInt64, _ filter: TopicFilter) -> [String] {
        isJoining = true
        let lines = step(.follow(ViewID(number: view), Follow(branch: .main, filter: filter, mode: .update)))
        isJoining = false
        return lines
    }

    func take(_ line: Line) throws -> [String] {
        switch line.verb {
        case "call": return try call(line)
        case "answer": return try answer(line)
        case "follow":
            let topics = try line.words.dropFirst().filter { $0.contains("/") }.map { try Topic($0) }
            return join(try view(line).number, TopicFilter(topics))
        case "serve":
            var lines: [String] = []
            while let next = requests.firstIndex(where: Self.isServed) { lines += serve(requests.remove(at: next)) }
            return lines
        case "broker":
            instance = Instance(UInt64(try Line.number(String(try line.word(1).dropFirst()))))
            lineage = Lineage(UInt64(try line.number("of") ?? 1))
            visible = try Line.position(line.value("at") ?? "\(visible.revision)")
            return []
        case "event", "bookmark", "heartbeat": return step(.published(try published(line)))
        case "after":
            now = now + (try Line.duration(try line.word(1)))
            return step(.tick)
        default:
            throw Unreadable("a client knows call, answer, follow, serve, broker, event, bookmark, heartbeat and after")
        }
    }

    private func view(_ line: Line) throws -> ViewID { ViewID(number: UInt64(try line.number("view") ?? 1)) }

    private func published(_ line: Line) throws -> Published {
        let position = try Line.position(try line.word(1).filter { $0 != ":" })
        if position.revision > visible.revision { visible = position }
        var topic = StreamID(high: 0, low: 6 + (try view(line)).number)
        let content: Published.Content
        switch line.verb {
        case "event":
            content = .event(
                Event(
                    position: position, previous: try line.number("previous") ?? 0,
                    records: try Line.records(line.list, at: position.revision)))
        case "bookmark":
            content = .bookmark(Bookmark(position: position, last: try line.number("last") ?? 0, nonce: nil))
        default:
            topic = .heartbeat
            content = .heartbeat(
                Heartbeat(
                    generation: 1, since: try line.number("since") ?? 0, position: position, changed: [],
                    clock: try line.value("clock").map { try Line.duration($0).wholeNanoseconds } ?? 0))
        }
        return Published(topic: topic, instance: instance, content: content)
    }

    // MARK: Calls

    /// `call within 200ms`, `call linearizable`, `call at-least 7 [of 2]`, `call transact plans/a=x`; of another view
    /// than the first `view 2`, given up `after 1s`.
    private func call(_ line: Line) throws -> [String] {
        lastCall += 1
        let view = try view(line)
        let call: Call
        switch try line.word(1) {
        case "within": call = .reach(view, .within(try Line.duration(try line.word(2))))
        case "linearizable": call = .reach(view, .linearizable)
        case "at-least":
            let lineage = Lineage(UInt64(try line.number("of") ?? 1))
            call = .reach(view, .atLeast(Token(lineage: lineage, position: try Line.position(try line.word(2)))))
        case "transact":
            let record = try Line.record(try line.word(2), at: 0)
            let change = Change(record.key, .put(Put(record.value ?? Data())))
            call = .transact(.transaction(Transaction(changes: [change])))
        default: throw Unreadable("there is no such call")
        }
        let patience = try line.value("after").map { try Line.duration($0) } ?? .seconds(30)
        return step(.call(CallID(number: lastCall), call, deadline: now + patience))
    }

    /// `answer r1 pong visible 9 clock 0ms`, `answer r1 committed 6`, `answer r1 refused busy`, `answer r1 session`;
    /// with `last 4` the first view's bookmark comes along.
    private func answer(_ line: Line) throws -> [String] {
        let id = try sent.thing(try line.word(1))
        if let revision = line.value("visible") { visible = try Line.position(revision) }
        let body: Reply.Body
        switch try line.word(2) {
        case "pong":
            body = .pong(
                Ping.Answer(clock: try line.value("clock").map { try Line.duration($0).wholeNanoseconds } ?? 0))
        case "session": body = .session(SessionID(99))
        case "registered": body = .registered(registered(id, reset: line.has("reset")))
        case "committed":
            let position = try Line.position(try line.word(3))
            visible = position.revision > visible.revision ? position : visible
            body = .outcome(.committed(position))
        case "refused":
            guard let code = Refusal.Code.allCases.first(where: { "\($0)" == line.words[3] }) else {
                throw Unreadable("there is no code \(line.words[3])")
            }
            body = .refused(Refusal(code, "refused"))
        default: throw Unreadable("a request is answered pong, session, registered, committed or refused")
        }
        requests.removeAll { $0.id == id }
        let mark = try line.number("last").map { Bookmark(position: visible, last: $0, nonce: nil) }
        return reply(to: id, body, mark.map { [StreamBookmark(stream: StreamID(high: 0, low: 7), bookmark: $0)] } ?? [])
    }

    private func reply(to id: UInt64, _ body: Reply.Body, _ bookmarks: [StreamBookmark] = []) -> [String] {
        let reply = Reply(
            id: id, lineage: lineage, instance: instance, visible: visible, bookmarks: bookmarks, body: body)
        return step(.reply(reply))
    }

    // MARK: The broker behind it

    /// Whether it is a view's, or the greeting.
    private static func isServed(_ request: Request) -> Bool {
        switch request.body {
        case .hello, .register, .pull: true
        case .ping: !request.streams.isEmpty
        default: false
        }
    }

    private func serve(_ request: Request) -> [String] {
        switch request.body {
        case .hello:
            let welcome = Welcome(
                events: ["tcp://*:7402"], heartbeat: .milliseconds(250), limits: Limits(), software: "test")
            return reply(to: request.id, .welcome(welcome))
        case .register: return reply(to: request.id, .registered(registered(request.id, reset: false)))
        case .pull:
            let page = PullPage(isSnapshot: true, base: .origin, target: visible, records: [], next: nil)
            return reply(to: request.id, .page(page))
        case .ping(let ping):
            let mark = Bookmark(position: visible, last: visible.revision, nonce: ping.nonce)
            var lines: [String] = []
            for stream in request.streams {
                lines += step(.published(Published(topic: stream, instance: instance, content: .bookmark(mark))))
            }
            return lines + reply(to: request.id, .pong(Ping.Answer(clock: now.nanoseconds)))
        default: return []
        }
    }

    /// S7 for the first filter, S8 for the next.
    private func registered(_ id: UInt64, reset: Bool) -> Registered {
        let stream = filters[id].flatMap { streams[$0] } ?? StreamID(high: 0, low: 7)
        return Registered(stream: stream, alias: UInt32(stream.low - 6), generation: 1, reset: reset)
    }

    // MARK: The core's turn

    private func step(_ input: ClientInput) -> [String] { core.step(input, now: now).flatMap(carryOut) }

    private func carryOut(_ output: ClientOutput) -> [String] {
        switch output {
        case .send(let request): return send(request)
        case .finish(let call, let result): return ["call \(call.number): \(words(for: result))"]
        case .view(let view, let output, _): return words(for: output).map { ["\(name(of: view)) \($0)"] } ?? []
        case .reopenRequests: return ["replace the request socket"]
        case .connectEvents, .replaceEvents, .subscribe, .unsubscribe, .state: return []
        }
    }

    private func name(of view: ViewID) -> String { view.number == 1 ? "the view" : "view \(view.number)" }

    private func words(for output: ViewOutput) -> String? {
        switch output {
        case .apply(let records, let to), .catchUp(let records, let to), .install(let records, let to):
            "is at \(to.words): \(records.words)"
        case .advance(let to): "is at \(to.words)"
        case .reset(let lineage): "is emptied: the history is L\(lineage.id)"
        default: nil
        }
    }

    private func send(_ request: Request) -> [String] {
        if case .register(let register) = request.body {
            filters[request.id] = register.filter
            let next = StreamID(high: 0, low: 7 + UInt64(streams.count))
            if streams[register.filter] == nil { streams[register.filter] = next }
        }
        if isJoining { return serve(request) }
        requests.append(request)
        return ["\(sent.name(of: request.id)): \(words(for: request))"]
    }

    private func words(for request: Request) -> String {
        switch request.body {
        case .openSession: "open a session"
        case .closeSession: "close the session"
        case .transact(let transact):
            "transact \(transact.number), acknowledged \(transact.acknowledged), for I\(request.instance?.id ?? 0)"
                + (request.deadline.flatMap { $0 < .seconds(20) ? ", within \($0)" : nil } ?? "")
        case .register(let register):
            "register, newest known "
                + (register.newest.map { "\($0.position.words) of L\($0.lineage.id)" } ?? "nothing")
        case .pull(let pull): "pull, at least \(pull.atLeast)"
        default: "\("\(request.body)".prefix { $0 != "(" })"
        }
    }

    private func words(for result: Result<Answer, any Error>) -> String {
        switch result {
        case .success(.reached): "may read now"
        case .success(.decided(.committed(let position), _)): "committed as \(position.words)"
        case .success: "answered"
        case .failure(MembusError.historyChanged): "failed, the history is another one"
        case .failure(let error as MembusError): "failed, \(error.whatHappened)"
        case .failure(let error): "failed, \(error)"
        }
    }
}
