import MembusModel

/// Speaks to a view: `view [invalidate] [at 5 of L1] [live] [seed 2] [holding 2]`. With `live` it has joined before
/// the transcript; `holding` bounds the messages that it keeps while it pulls.
final class ViewScenario: Machine {
    private var machine: ViewMachine
    private var now = Instant(nanoseconds: 0)
    private var nonces = Names<UInt64>("n")
    private var attempt: UInt64 = 0
    private var nextPage: PageToken?
    private var instance: Int64 = 1

    init(_ line: Line) throws {
        let lineage = try Self.lineage(line.value("of") ?? "L1")
        let start = try line.value("at").map { Token(lineage: lineage, position: try Line.position($0)) }
        var bounds = ViewMachine.Bounds()
        if let held = try line.number("holding") { bounds.heldEvents = Int(held) }
        machine = ViewMachine(
            branch: .main, filter: TopicFilter([Topic(unchecked: "plans/")]),
            mode: line.has("invalidate") ? .invalidate : .update, start: start,
            nonceSeed: UInt64(try line.number("seed") ?? 1), bounds: bounds)
        if line.has("live") { try join(at: start?.revision ?? 5) }
    }

    private static func lineage(_ text: String) throws -> Lineage {
        Lineage(UInt64(try Line.number(String(text.filter(\.isNumber)))))
    }

    private func join(at revision: Revision) throws {
        for text in [
            "connected", "registered", "bookmark \(revision) last \(revision) nonce n1",
            "pong n1 visible \(revision) clock 0ms", "page snapshot \(revision):",
        ] { _ = try take(Line(text)) }
    }

    func take(_ line: Line) throws -> [String] {
        if line.verb == "after" {
            let outputs = try pass(try Line.duration(try line.word(1)))
            return line.has("briefly") ? ["\(outputs.count) outputs, at last: \(outputs.last ?? "nothing")"] : outputs
        }
        if line.verb == "state" { return [state] }
        return step(try input(line))
    }

    private var state: String {
        let cut = machine.cut.map { "at \($0.words)" } ?? "without a state"
        return "\(machine.phase.rawValue.uppercased()), \(cut), \(machine.isStale ? "stale" : "not stale")"
    }

    private func pass(_ time: Duration) throws -> [String] {
        let end = now + time
        var outputs: [String] = []
        while now < end {
            now = min(end, max(now + .milliseconds(1), min(machine.wakeAt, now + .milliseconds(50))))
            outputs += step(.tick).map { "\($0)   (\(now.nanoseconds / 1_000_000) ms)" }
        }
        return outputs
    }

    private func step(_ input: ViewInput) -> [String] { machine.step(input, now: now).map(words) }

    // MARK: Inputs

    private func instance(_ line: Line) throws -> Instance {
        Instance(UInt64(try line.value("instance").map { try Line.number(String($0.filter(\.isNumber))) } ?? instance))
    }

    private func stream(_ line: Line) throws -> StreamID {
        StreamID(
            high: 0, low: UInt64(try line.value("stream").map { try Line.number(String($0.filter(\.isNumber))) } ?? 7))
    }

    private func asked(_ line: Line) throws -> UInt64 { line.has("early") ? attempt - 1 : attempt }

    private func input(_ line: Line) throws -> ViewInput {
        switch line.verb {
        case "connected": return .connected
        case "registered": return try registered(line)
        case "event", "bookmark", "heartbeat": return .published(try published(line))
        case "page": return .page(try page(line), attempt: try asked(line), instance: try instance(line))
        case "refused":
            guard let code = Refusal.Code.allCases.first(where: { "\($0)" == line.words[1] }) else {
                throw Unreadable("there is no code \(line.words[1])")
            }
            return .refused(Refusal(code, "refused"), attempt: try asked(line), instance: try instance(line))
        case "pong":
            return .pong(
                nonce: try nonces.thing(try line.word(1)), clock: try clock(line),
                visible: try Line.position(line.value("visible") ?? "0"), instance: try instance(line))
        case "reply":
            if line.has("unknown") { return .bookmark(nil, instance: try instance(line)) }
            return .bookmark(try bookmark(line, 2), instance: try instance(line))
        case "learned":
            let lineage = try Self.lineage(line.value("of") ?? "L1")
            return .learned(Token(lineage: lineage, position: try Line.position(try line.word(1))))
        case "instance": return .instance(Instance(UInt64(try Line.number(String(try line.word(1).dropFirst())))))
        default: throw Unreadable("a view does not know \(line.verb)")
        }
    }

    private func registered(_ line: Line) throws -> ViewInput {
        let isLatest = !line.has("early")
        let instance = try instance(line)
        if isLatest { self.instance = Int64(instance.id) }
        let reply = Registered(
            stream: try stream(line), alias: 1, generation: UInt64(try line.number("generation") ?? 1),
            reset: line.has("reset"))
        return .registered(
            reply, attempt: try asked(line), lineage: try Self.lineage(line.value("of") ?? "L1"), instance: instance,
            visible: try Line.position(line.value("visible") ?? "0"))
    }

    private func clock(_ line: Line) throws -> Int64 {
        try line.value("clock").map { try Line.duration($0).wholeNanoseconds } ?? 0
    }

    private func bookmark(_ line: Line, _ place: Int) throws -> Bookmark {
        Bookmark(
            position: try Line.position(try line.word(place)), last: try line.number("last") ?? 0,
            nonce: try line.value("nonce").map { try nonces.thing($0) })
    }

    private func published(_ line: Line) throws -> Published {
        let position = try Line.position(try line.word(1).filter { $0 != ":" })
        let content: Published.Content
        switch line.verb {
        case "event":
            content = .event(
                Event(
                    position: position, previous: try line.number("previous") ?? 0,
                    records: try Line.records(line.list, at: position.revision), isAnnounced: line.has("announced")))
        case "bookmark": content = .bookmark(try bookmark(line, 1))
        default:
            let last = try line.number("changed")
            content = .heartbeat(
                Heartbeat(
                    generation: UInt64(try line.number("generation") ?? 1), since: try line.number("since") ?? 0,
                    position: position, changed: last.map { [Heartbeat.Entry(alias: 1, last: $0)] } ?? [],
                    clock: try clock(line)))
        }
        let topic = line.verb == "heartbeat" ? StreamID.heartbeat : try stream(line)
        return Published(topic: topic, instance: try instance(line), content: content)
    }

    /// `page snapshot 9: …`, `page delta 5 to 9: …`, each with `more` if another page follows.
    private func page(_ line: Line) throws -> PullPage {
        let isSnapshot = line.has("snapshot")
        let base = isSnapshot ? .origin : try Line.position(try line.word(2))
        let target = try Line.position(try line.word(isSnapshot ? 2 : 4).filter { $0 != ":" })
        let records = try Line.records(line.list, at: target.revision)
        let content: PageToken.Content =
            isSnapshot
            ? .snapshot(after: records.last?.key) : .changes(base: base, after: .end(of: records.last?.revision ?? 0))
        return PullPage(
            isSnapshot: isSnapshot, base: base, target: target, records: records,
            next: line.has("more") ? PageToken(content: content, target: target) : nil)
    }

    // MARK: Outputs

    private func words(for output: ViewOutput) -> String {
        switch output {
        case .register(let newest, let attempt):
            self.attempt = attempt
            return "register, newest known " + (newest.map { "\($0.position.words) of L\($0.lineage.id)" } ?? "nothing")
        case .subscribe(let stream): return "subscribe S\(stream.low)"
        case .unsubscribe(let stream): return "unsubscribe S\(stream.low)"
        case .ping(let nonce): return "ping \(nonces.name(of: nonce))"
        case .pull(_, let from, let atLeast, let page, let attempt):
            self.attempt = attempt
            let start = from.map { "from \($0.position.words)" } ?? "all"
            return "pull \(start), at least \(atLeast)" + (page.map { ", next page as of \($0.target.words)" } ?? "")
        case .replaceSocket: return "replace the events' socket"
        case .apply(let records, let to): return "apply \(to.words): \(records.words)"
        case .install(let records, let at): return "install \(at.words): \(records.words)"
        case .catchUp(let records, let to): return "catch up to \(to.words): \(records.words)"
        case .advance(let to): return "advance to \(to.words)"
        case .reset(let lineage): return "reset: the history is L\(lineage.id)"
        case .live: return "live"
        case .stale(let since): return "stale since \(since.nanoseconds / 1_000_000) ms"
        case .fresh(let asOf): return "holds all that was visible at \(asOf.nanoseconds / 1_000_000) ms"
        case .failed(let failure): return "failed: \(failure.code)"
        }
    }
}
