import Logging
import MembusEndpoint
import MembusMeaning
import MembusModel
import MembusSearch

// The life of the thread that embeds, where an endpoint does:
//
//   one text, until it is answered ─▶ the model is known ─▶ what is wanted, as the endpoint can bear it ─▶ …
//                                                             ├─ not now ─▶ a rest ─▶ what is left of it
//                                                             └─ one text never ─▶ it has no vector ─▶ what is left of it
//
// What was answered is not asked for again, whatever becomes of the texts behind it; and what was refused for good is not for as
// long as the broker runs.

/// Used by one thread.
final class EndpointEmbedding {
    private struct Content: Hashable {
        let high, low: UInt64
        init(_ content: (UInt64, UInt64)) { (high, low) = content }
    }

    private let caller: EndpointCaller
    private let questions: EndpointQuestions
    private let desk: EmbeddingDesk
    private let log: Logger
    private var told = RepeatedFault()
    private var refused: Set<Content> = []
    /// Beyond it they are asked for again.
    private static let mostRefused = 100_000

    init(_ endpoint: EmbeddingEndpoint, _ questions: EndpointQuestions, for desk: EmbeddingDesk, _ log: Logger) {
        caller = EndpointCaller(endpoint)
        (self.questions, self.desk, self.log) = (questions, desk, log)
    }

    func run() {
        // What its vectors are like, it has to show.
        guard let first = vectors(of: ["membus"]), let dimensions = caller.dimensions else { return }
        guard first.contains(where: { $0 != nil }) else {
            let message = "\(caller.endpoint) gives no vectors: a model that embeds is needed"
            log.warning("no search by meaning: \(message)")
            return desk.tell(fault: (message, "name a model that embeds"))
        }
        desk.have(EndpointSource(caller.endpoint, dimensions: dimensions, questions), log)
        desk.embed(make)
    }

    /// - Returns: `nil`: the broker stops.
    private func make(_ wanted: [Meanings.Wanted]) -> [QuantizedVector?]? {
        let asked = wanted.indices.filter { !refused.contains(Content(wanted[$0].content)) }
        guard let made = vectors(of: asked.map { wanted[$0].text }) else { return nil }
        var vectors = [QuantizedVector?](repeating: nil, count: wanted.count)
        for (place, vector) in zip(asked, made) {
            vectors[place] = vector
            if vector == nil, refused.count < Self.mostRefused { refused.insert(Content(wanted[place].content)) }
        }
        return vectors
    }

    /// Tries until it has them.
    /// - Returns: `nil`: the broker stops.
    private func vectors(of texts: [String]) -> [QuantizedVector?]? {
        var vectors: [QuantizedVector?] = []
        var refusals = 0
        while vectors.count < texts.count {
            if desk.isStopped { return nil }
            var made: [[Float]] = []
            let left = Array(texts[vectors.count...])
            do throws(EndpointFault) {
                try caller.embed(left, into: &made) { [desk] in desk.isStopped }
                vectors += made.map { QuantizedVector($0) }
                if let line = told.worked("\(caller.endpoint) embeds", now: .now) { log.notice("\(line)") }
                desk.recover()
            } catch {
                vectors += made.map { QuantizedVector($0) }
                if error.text != nil {
                    vectors.append(nil)
                    refusals += 1
                } else if error.kind != .cancelled {
                    rest(after: error)
                }
            }
        }
        if refusals > 0 {
            log.warning(
                "\(caller.endpoint) takes \(refusals) of \(texts.count) passages not at all: words alone find them")
        }
        return vectors
    }

    private func rest(after fault: EndpointFault) {
        if let line = told.failed("no search by meaning: \(fault)", now: .now) { log.warning("\(line)") }
        desk.tell(fault: (fault.message, fault.hint))
        desk.rest(fault.retry ?? .zero)
    }
}
