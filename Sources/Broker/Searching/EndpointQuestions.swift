import Dispatch
import MembusEndpoint
import MembusMeaning
import MembusModel
import MembusSearch
import Synchronization

// The thread that keeps the index does not wait for an endpoint:
//
//   a question's vector is looked for ─▶ unknown: a thread of its own asks ─▶ known: whoever waits looks again
//                                          └─ it fails ─▶ until it may be asked again, nobody waits for it

/// An endpoint, as meaning has it.
struct EndpointSource: MeaningSource {
    let identity: String
    let dimensions: Int
    private let questions: EndpointQuestions

    init(_ endpoint: EmbeddingEndpoint, dimensions: Int, _ questions: EndpointQuestions) {
        // A model that is changed under its name has other dimensions, mostly.
        identity = endpoint.dimensions == nil ? "\(endpoint.identity), \(dimensions) dimensions" : endpoint.identity
        (self.dimensions, self.questions) = (dimensions, questions)
    }

    func tokens(in text: String) -> Int? { nil }

    func vector(of question: String) throws -> QuantizedVector? {
        let vector = try questions.vector(of: question)
        guard let vector, vector.values.count != dimensions else { return vector }
        throw Refusal(
            .invalidArgument, "meaning: \(identity) gave a vector of \(vector.values.count) dimensions",
            hint: "have it use one model, then start the broker again", subject: "meaning")
    }
}

/// Questions whose vectors an endpoint makes.
final class EndpointQuestions: Sendable {
    private struct State {
        var known: [ByBytes: QuantizedVector?] = [:]
        var waiting: [String] = []
        var fault: (message: String, hint: String, until: Instant)?

        /// - Parameter vector: `nil`: it has no direction, or is refused for good.
        mutating func know(_ vector: QuantizedVector?, of question: String) {
            known[ByBytes(question)] = .some(vector)
            waiting.removeAll { $0.hasSameBytes(as: question) }
        }

        /// What is refused is remembered longest: to ask for it again helps nobody.
        mutating func makeRoom(for count: Int, of most: Int) {
            if known.count + count <= most { return }
            known = known.filter { $0.value == nil }
            if known.count > most / 2 { known.removeAll() }
        }
    }

    /// Whoever asks waits, so that less patience is right than for passages.
    private static let patience: (whole: Duration, connecting: Duration) = (.seconds(5), .seconds(2))
    private static let mostKnown = 256
    private static let mostWaiting = 64

    private let endpoint: EmbeddingEndpoint
    private let state = Mutex(State())
    private let stopped = Atomic<Bool>(false)
    private let work = DispatchSemaphore(value: 0)
    private let news: MeaningNews

    init(_ endpoint: EmbeddingEndpoint, _ news: MeaningNews) { (self.endpoint, self.news) = (endpoint, news) }

    var fault: String? { state.withLock { $0.fault.flatMap { $0.until > .now ? $0.message : nil } } }

    /// - Returns: `nil`: the question has no direction.
    /// - Throws: `Refusal`: the endpoint can't be asked now; ``MeaningIsAwaited``.
    func vector(of question: String) throws -> QuantizedVector? {
        let name = ByBytes(question)
        return try state.withLock { state in
            if let known = state.known[name] { return known }
            if let fault = state.fault, fault.until > .now {
                // As where there is no model: to ask again at once would help nobody.
                throw Refusal(
                    .invalidArgument, "meaning: \(fault.message)", hint: "\(fault.hint); or search by words",
                    subject: "meaning")
            }
            if !state.waiting.contains(where: { $0.hasSameBytes(as: question) }) {
                guard state.waiting.count < Self.mostWaiting else {
                    throw Refusal(.busy, "meaning: many questions wait for \(endpoint)", subject: "meaning")
                }
                state.waiting.append(question)
                work.signal()
            }
            throw MeaningIsAwaited()
        }
    }

    // MARK: The thread that asks

    func run() {
        var bounds = EndpointBounds()
        (bounds.whole, bounds.connecting) = Self.patience
        let caller = EndpointCaller(endpoint, bounds: bounds)
        while true {
            work.wait()
            if stopped.load(ordering: .acquiring) { return }
            let asked = state.withLock { $0.waiting }
            if asked.isEmpty { continue }
            ask(asked, by: caller)
            news.tell()
        }
    }

    private func ask(_ asked: [String], by caller: EndpointCaller) {
        var made: [[Float]] = []
        var fault: EndpointFault?
        do throws(EndpointFault) {
            try caller.embed(asked, into: &made) { [self] in stopped.load(ordering: .acquiring) }
        } catch {
            fault = error
        }
        let vectors = made.map { QuantizedVector($0) }
        state.withLock { state in
            state.makeRoom(for: asked.count, of: Self.mostKnown)
            for (question, vector) in zip(asked, vectors) { state.know(vector, of: question) }
            switch fault {
            case nil: state.fault = nil
            case let fault? where fault.text != nil:
                // The others are asked again without it, and what was answered.
                state.know(nil, of: asked[made.count])
                if !state.waiting.isEmpty { work.signal() }
            case let fault?:
                state.fault = (fault.message, fault.hint, .now + (fault.retry ?? .zero))
                let failed = Set(asked.map { ByBytes($0) })
                state.waiting.removeAll { failed.contains(ByBytes($0)) }
            }
        }
    }

    func stop() {
        stopped.store(true, ordering: .releasing)
        work.signal()
    }
}
