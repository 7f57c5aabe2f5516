import Foundation
import MembusModel

@testable import Membus

/// Speaks to a client's core whose one view is live at 5; the broker behind it answers registrations, pulls and
/// the view's own pings well, and is silent about everything else until the transcript answers.
final class ClientScenario: Machine {
    private var core: ClientCore
    private var now = Instant(nanoseconds: 0)
    private var sent = Names<UInt64>("r")
    private var requests: [UInt64: Request] = [:]
    private var lastCall: UInt64 = 0
    private var visible = Position(revision: 5, hash: 50)
    private var instance = Instance(1)
    private var isJoining = true

    init() {
        let settings = ClientSettings(
            endpoint: "tcp://127.0.0.1:7401", agent: "ada", context: "c", branch: .main, timeout: .seconds(30))
        core = ClientCore(settings: settings, seed: 1, now: now)
        _ = step(.started)
        _ = step(.follow(ViewID(number: 1), Follow(branch: .main, filter: .everything, mode: .update)))
        isJoining = false
        sent = Names("r")
    }

    func take(_ line: Line) throws -> [String] {
        switch line.verb {
        case "call": return try call(line)
        case "answer": return try answer(line)
        case "event":
            let position = try Line.position(try line.word(1).filter { $0 != ":" })
            let event = Event(
                position: position, previous: try line.number("previous") ?? 0,
                records: try Line.records(line.list, at: position.revision))
            return step(.published(Published(topic: Self.stream, instance: instance, content: .event(event))))
        case "heartbeat":
            let position = try Line.position(try line.word(1))
            let beat = Heartbeat(
                generation: 1, since: try line.number("since") ?? 0, position: position, changed: [],
                clock: try line.value("clock").map { try Line.duration($0).wholeNanoseconds } ?? 0)
            return step(.published(Published(topic: .heartbeat, instance: instance, content: .heartbeat(beat))))
        case "after":
            now = now + (try Line.duration(try line.word(1)))
            return step(.tick)
        default: throw Unreadable("a client knows call, answer, event, heartbeat and after")
        }
    }

    // MARK: Calls

    /// `call within 200ms`, `call linearizable`, `call at-least 7 [of 2]`, `call transact plans/a=x`
    private func call(_ line: Line) throws -> [String] {
        lastCall += 1
        let view = ViewID(number: 1)
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
        return step(.call(CallID(number: lastCall), call, deadline: now + .seconds(30)))
    }

    /// `answer r1 pong visible 9 clock 0ms`, `answer r1 committed 6`, `answer r1 refused busy`, `answer r1 session`
    private func answer(_ line: Line) throws -> [String] {
        let id = try sent.thing(try line.word(1))
        if let revision = line.value("visible") { visible = try Line.position(revision) }
        let body: Reply.Body
        switch try line.word(2) {
        case "pong": body = .pong(clock: try line.value("clock").map { try Line.duration($0).wholeNanoseconds } ?? 0)
        case "session": body = .session(SessionID(99))
        case "committed":
            let position = try Line.position(try line.word(3))
            visible = position.revision > visible.revision ? position : visible
            body = .outcome(.committed(position))
        case "refused":
            guard let code = Failure.Code.allCases.first(where: { "\($0)" == line.words[3] }) else {
                throw Unreadable("there is no code \(line.words[3])")
            }
            body = .failure(Failure(code, "refused"))
        default: throw Unreadable("a request is answered pong, session, committed or refused")
        }
        return step(.reply(Reply(id: id, lineage: Lineage(1), instance: instance, visible: visible, body: body)))
    }

    // MARK: The core's turn

    private static let stream = StreamID(high: 0, low: 7)

    private func step(_ input: ClientInput) -> [String] { core.step(input, now: now).flatMap(carryOut) }

    private func carryOut(_ output: ClientOutput) -> [String] {
        switch output {
        case .send(let request): return send(request)
        case .finish(let call, let result): return ["call \(call.number): \(words(for: result))"]
        case .view(_, .apply(let records, let to), _): return ["the view is at \(to.revision): \(records.words)"]
        case .view(_, .advance(let to), _): return ["the view is at \(to.revision)"]
        case .reopenRequests: return ["replace the request socket"]
        case .view, .connectEvents, .replaceEvents, .subscribe, .unsubscribe, .state: return []
        }
    }

    private func send(_ request: Request) -> [String] {
        if isJoining { return serve(request) }
        let name = sent.name(of: request.id)
        switch request.body {
        case .ping: return ["\(name): ping"]
        case .openSession: return ["\(name): open a session"]
        case .transact(let transact): return ["\(name): transact \(transact.number), acknowledged \(transact.acknowledged), for I\(request.instance?.id ?? 0)"]
        default: return ["\(name): \("\(request.body)".prefix { $0 != "(" })"]
        }
    }

    private func serve(_ request: Request) -> [String] {
        let body: Reply.Body
        switch request.body {
        case .hello:
            body = .welcome(
                Reply.Welcome(events: ["tcp://*:7402"], heartbeat: .milliseconds(250), limits: Limits(), software: "test"))
        case .register: body = .registered(Reply.Registered(stream: Self.stream, alias: 1, generation: 1, reset: false))
        case .pull: body = .page(Reply.Page(isSnapshot: true, base: .origin, target: visible, records: [], next: nil))
        case .ping(let nonce):
            let mark = Bookmark(position: visible, last: visible.revision, nonce: nonce)
            _ = step(.published(Published(topic: Self.stream, instance: instance, content: .bookmark(mark))))
            body = .pong(clock: 0)
        default: return []
        }
        return step(.reply(Reply(id: request.id, lineage: Lineage(1), instance: instance, visible: visible, body: body)))
    }

    private func words(for result: Result<Answer, any Error>) -> String {
        switch result {
        case .success(.reached): "may read now"
        case .success(.decided(.committed(let position), _)): "committed as \(position.revision)"
        case .success: "answered"
        case .failure(MembusError.historyChanged): "failed, the history is another one"
        case .failure(let error): "failed, \(error)"
        }
    }
}
