import MembusModel

@testable import Membus

/// Speaks to reads of a live view, of several keys each: `read update plans/` or `read invalidate plans/`. The
/// transcript moves the view, and says what became of each step that the read asks for.
final class ReadScenario: Machine {
    private let shared: SharedView
    private var lineage = Lineage(1)
    private var reading: Collecting?
    private var isPausing = false

    init(_ line: Line) throws {
        guard let mode = StreamMode(rawValue: try line.word(1)) else { throw Unreadable("update or invalidate?") }
        let follow = Follow(branch: .main, filter: TopicFilter([try Topic(try line.word(2))]), mode: mode)
        shared = SharedView(follow: follow, capacity: 1 << 20, whenStale: .serve, context: "")
    }

    func take(_ line: Line) throws -> [String] {
        switch line.verb {
        case "install", "apply":
            let position = try Line.position(try line.word(1).filter { $0 != ":" })
            let records = try Line.records(line.list, at: position.revision)
            let isInstall = line.verb == "install"
            shared.apply(isInstall ? .install(records, at: position) : .apply(records, to: position), of: lineage)
            shared.apply(.live, of: lineage)
            return []
        case "reset":
            lineage = Lineage(UInt64(try line.number("of") ?? 1))
            shared.apply(.reset(lineage), of: lineage)
            return []
        case "read":
            let keys = try line.words.dropFirst().filter { $0.contains("/") }.map { try Key($0) }
            reading = Collecting(keys, try consistency(line), from: shared, ViewID(number: 1))
            isPausing = false
            return try told { try $0.begin() }
        case "passed":
            let input: Collecting.Input = isPausing ? .passed : .answered(.reached(at: nil))
            return try told { try $0.take(input) }
        case "fetched":
            let position = try Line.position(try line.word(3).filter { $0 != ":" })
            let records = try Line.records(line.list, at: position.revision)
            let reply = Reply(
                id: 1, lineage: lineage, instance: Instance(1), visible: position,
                body: .records(Get.Answer(at: position, records: records)))
            return try told { try $0.take(.answered(.reply(reply))) }
        case "refused":
            guard let code = Refusal.Code.allCases.first(where: { "\($0)" == line.words[1] }) else {
                throw Unreadable("there is no code \(line.words[1])")
            }
            return try told { try $0.take(.failed(Refusal(code, "refused"), isLast: false)) }
        default: throw Unreadable("a read knows install, apply, reset, read, passed, fetched and refused")
        }
    }

    /// `read plans/a plans/b [at-least 6 | linearizable | within 200ms]`
    private func consistency(_ line: Line) throws -> Consistency {
        if line.has("linearizable") { return .linearizable }
        if let age = line.value("within") { return .within(try Line.duration(age)) }
        guard let least = line.value("at-least") else { return .cached }
        return .atLeast(Token(lineage: lineage, position: try Line.position(least)))
    }

    /// The read's next step, or how it ends.
    private func told(_ turn: (inout Collecting) throws -> Collecting.Action) throws -> [String] {
        guard var taken = reading else { throw Unreadable("no read is under way") }
        reading = nil
        do {
            let action = try turn(&taken)
            if case .hand(let snapshot) = action {
                return ["the state at \(snapshot.token.position.words): \(snapshot.records.words)"]
            }
            reading = taken
            isPausing = if case .pause = action { true } else { false }
            return [words(for: action)]
        } catch let error as MembusError {
            return ["failed, \(error.whatHappened)"]
        }
    }

    private func words(for action: Collecting.Action) -> String {
        switch action {
        case .make(.reach(_, .atLeast(let token)), _): "wait until the view is at \(token.position.words)"
        case .make(.reach(_, .linearizable), _): "wait until the view has all that is visible now"
        case .make(.reach(_, let freshness), _): "wait until the view is \(freshness)"
        case .make(.request(.get(let get)), _):
            "fetch \(get.keys.map(\.text).joined(separator: " ")) as of \(get.at?.words ?? "the head")"
        case .make(let call, _): "do \(call)"
        case .pause(let time): "pause \(time)"
        case .release: "let go"
        case .hand: "finished"
        }
    }
}
