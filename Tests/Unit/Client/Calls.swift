import Foundation

@testable import Membus

/// Answers of a broker to calls that are driven by hand: no sockets.
struct Answering {
    var lineage = Lineage(1)
    var instance = Instance(7)
    var visible = Position(revision: 10, hash: 100)

    func reply(_ body: Reply.Body) -> Answer {
        .reply(Reply(id: 1, lineage: lineage, instance: instance, visible: visible, body: body))
    }
}

/// The call does not say what it should.
struct Unexpected: Error {
    let action: String
    init(_ action: Any) { self.action = "\(action)" }
}

/// No answer in time.
let away = MembusError.timeout(of: "the request", outcomeUnknown: false, last: nil)
func refused(_ code: Refusal.Code) -> MembusError { .refused(Refusal(code, "refused with \(code)")) }

extension StepwiseCall {
    mutating func answered(_ body: Reply.Body, by broker: Answering = Answering()) throws -> Action {
        try take(.answered(broker.reply(body)))
    }
    mutating func failed(_ error: any Error, isLast: Bool = false) throws -> Action {
        try take(.failed(error, isLast: isLast))
    }
    /// The history that it says is served now, if that is how it ends.
    mutating func endedByHistory(_ turn: (inout Self) throws -> Action) throws -> Lineage? {
        do { throw Unexpected(try turn(&self)) } catch MembusError.historyChanged(let now) { return now }
    }
}

extension CallAction {
    /// The request that is to be made.
    func asked() throws -> Request.Body {
        guard case .make(.request(let body), _) = self else { throw Unexpected(self) }
        return body
    }
    func handed() throws -> Product {
        guard case .hand(let product) = self else { throw Unexpected(self) }
        return product
    }
    func freshness() throws -> Freshness {
        guard case .make(.reach(_, let freshness), _) = self else { throw Unexpected(self) }
        return freshness
    }
    func paused() throws -> Duration {
        guard case .pause(let time) = self else { throw Unexpected(self) }
        return time
    }
    func get() throws -> Get {
        guard case .get(let get) = try asked() else { throw Unexpected(self) }
        return get
    }
    func history() throws -> GetHistory {
        guard case .history(let history) = try asked() else { throw Unexpected(self) }
        return history
    }
    func log() throws -> GetLog {
        guard case .log(let log) = try asked() else { throw Unexpected(self) }
        return log
    }
    func range() throws -> GetRange {
        guard case .range(let range) = try asked() else { throw Unexpected(self) }
        return range
    }
    /// It asks which history is served.
    var isQuestion: Bool { if case .make(.request(.branches), _) = self { true } else { false } }
}

func key(_ text: String) -> Key { Key(unchecked: text) }
func record(_ text: String, _ revision: Revision, value: String? = "x") -> Record {
    let content = value.map { Record.Value.inline(Data($0.utf8)) } ?? .announced(size: 100_000)
    return Record(key: key(text), revision: revision, content: content)
}
func at(_ revision: Revision) -> Position { Position(revision: revision, hash: UInt64(revision * 10)) }
