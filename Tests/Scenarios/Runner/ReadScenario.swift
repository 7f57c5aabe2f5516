import MembusModel

@testable import Membus

/// Speaks to reads of a live view, of several keys each: `read update plans/` or `read invalidate plans/`. The
/// transcript moves the view, and says what became of each step that the read asks for.
final class ReadScenario: Machine {
    private let shared: SharedView
    private var lineage = Lineage(1)
    private var reading: Collecting?

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
            reading = Collecting(keys, from: shared)
            let consistency = try consistency(line)
            return try told { try $0.begin(consistency) }
        case "passed": return try told { try $0.take(.passed) }
        case "fetched":
            let position = try Line.position(try line.word(3).filter { $0 != ":" })
            let records = try Line.records(line.list, at: position.revision)
            let token = Token(lineage: lineage, position: position)
            return try told { try $0.take(.fetched(records, of: token)) }
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
            if case .finished(let snapshot) = action {
                return ["the state at \(snapshot.token.position.words): \(snapshot.records.words)"]
            }
            reading = taken
            return [words(for: action)]
        } catch let error as MembusError {
            return ["failed, \(error.whatHappened)"]
        }
    }

    private func words(for action: Collecting.Action) -> String {
        switch action {
        case .reach(.atLeast(let token)): "wait until the view is at \(token.position.words)"
        case .reach(.linearizable): "wait until the view has all that is visible now"
        case .reach(let freshness): "wait until the view is \(freshness)"
        case .pause(let time): "pause \(time)"
        case .fetch(let get):
            "fetch \(get.keys.map(\.text).joined(separator: " ")) as of \(get.at?.words ?? "the head")"
        case .finished: "finished"
        }
    }
}
