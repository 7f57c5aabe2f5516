import Dispatch
import Glibc
import Logging
import MembusBus
import MembusEndpoint
import MembusMeaning
import MembusModel
import MembusSearch
import Synchronization

// Passages are embedded by a thread of the lowest priority, some at a time:
//
//   no model ─▶ looked for now and then ─▶ there ─▶ told to the thread that keeps the index
//   wanted (by that thread) ─▶ embedded ─▶ made (taken by it)
//
// The model is a file, or an endpoint that is asked. What that can't do now is tried again when it may; what it does not take at all is
// left out.

/// What the two threads hand to each other.
final class EmbeddingDesk: Sendable {
    private struct State {
        var source: (any MeaningSource)?
        var wanted: [Meanings.Wanted] = []
        var made: (wanted: [Meanings.Wanted], vectors: [QuantizedVector?])?
        var isBusy = false
        var fault: String?
        var hint = ""
        /// Nobody has looked yet.
        var isLooking = true
    }

    private let state = Mutex(State())
    private let stopped = Atomic<Bool>(false)
    private let work = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)
    private let wake: @Sendable () -> Void
    private let threads = Mutex<[BusThread]>([])
    private let endpoint: EmbeddingEndpoint?
    private let questions: EndpointQuestions?

    /// - Parameters:
    ///   - endpoint: who embeds; `nil`: the model that is found.
    ///   - wake: has the thread that keeps the index look here.
    init(_ endpoint: EmbeddingEndpoint?, wake: @escaping @Sendable () -> Void) {
        (self.endpoint, self.wake) = (endpoint, wake)
        questions = endpoint.map { EndpointQuestions($0, wake: wake) }
    }

    // MARK: The thread that keeps the index

    var source: (any MeaningSource)? { state.withLock { $0.source } }
    var fault: String? { state.withLock { $0.fault } ?? questions?.fault }
    /// Why there is no model, where an endpoint is to be it.
    var endpointFault: (message: String, hint: String)? {
        guard endpoint != nil else { return nil }
        return state.withLock { state in state.fault.map { ($0, state.hint) } }
    }
    /// Whether it is yet to be seen if there is a model.
    var isLooking: Bool { state.withLock { $0.isLooking } }

    /// Passages that are embedded at a time: about a tenth of a second's work, or one request.
    var most: Int { endpoint == nil ? 16 : 64 }

    /// - Returns: what was made since; `nil`: nothing.
    func takeMade() -> (wanted: [Meanings.Wanted], vectors: [QuantizedVector?])? {
        state.withLock { state in
            defer { state.made = nil }
            return state.made
        }
    }

    var isFree: Bool { state.withLock { !$0.isBusy && $0.made == nil } }

    /// - Precondition: it is free.
    func want(_ passages: [Meanings.Wanted]) {
        state.withLock { ($0.wanted, $0.isBusy) = (passages, true) }
        work.signal()
    }

    // MARK: The thread that embeds

    private static let look: Duration = .seconds(5)

    func start(for dataDirectory: String, _ log: Logger) throws {
        let thread = try BusThread.start(name: "membus-embed") { [self] in
            // Of this thread alone, as Linux has it.
            setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 19)
            if let endpoint {
                embed(at: endpoint, log)
            } else if let model = awaitModel(in: dataDirectory, log) {
                log.info("searching by meaning, with \(model.identity)")
                wake()
                var embedder = Embedder(model)
                embed { texts in embedder.embed(texts).map { QuantizedVector($0) } }
            }
        }
        threads.withLock { $0.append(thread) }
        if let questions {
            let thread = try BusThread.start(name: "membus-ask") { questions.run() }
            threads.withLock { $0.append(thread) }
        }
    }

    private func awaitModel(in dataDirectory: String, _ log: Logger) -> MeaningModel? {
        var told: String?
        while !stopped.load(ordering: .acquiring) {
            if let path = ModelPlace.found(for: dataDirectory) {
                do throws(MeaningError) {
                    let model = try MeaningModel.open(path)
                    state.withLock { ($0.source, $0.fault, $0.isLooking) = (model, nil, false) }
                    return model
                } catch {
                    if told != error.message { log.warning("no search by meaning: \(error.message); \(error.hint)") }
                    told = error.message
                    state.withLock { $0.fault = error.message }
                }
            }
            state.withLock { $0.isLooking = false }
            rest(Self.look)
        }
        return nil
    }

    /// - Parameter make: vectors of texts, in their order; `nil`: of those that have none. None at all: it is over.
    private func embed(_ make: ([String]) -> [QuantizedVector?]?) {
        while true {
            work.wait()
            if stopped.load(ordering: .acquiring) { return }
            let wanted = state.withLock { $0.wanted }
            if wanted.isEmpty { continue }
            guard let vectors = make(wanted.map(\.text)) else { return }
            state.withLock { state in
                (state.made, state.wanted, state.isBusy) = ((wanted, vectors), [], false)
            }
            wake()
        }
    }

    private func rest(_ time: Duration) {
        _ = ended.wait(timeout: .now() + .nanoseconds(Int(time.wholeNanoseconds)))
    }

    func stop() {
        stopped.store(true, ordering: .releasing)
        work.signal()
        ended.signal()
        questions?.stop()
        for thread in threads.withLock({ $0 }) { thread.join() }
    }

    // MARK: An endpoint

    private func embed(at endpoint: EmbeddingEndpoint, _ log: Logger) {
        let caller = EndpointCaller(endpoint)
        var told = RepeatedFault()
        // What its vectors are like, it has to show.
        guard let first = vectors(of: ["membus"], by: caller, &told, log), let dimensions = caller.dimensions else {
            return
        }
        guard first.contains(where: { $0 != nil }), let questions else {
            let message = "\(endpoint) gives no vectors: a model that embeds is needed"
            log.warning("no search by meaning: \(message)")
            return state.withLock { ($0.fault, $0.hint) = (message, "name a model that embeds") }
        }
        let source = EndpointSource(endpoint, dimensions: dimensions, questions)
        state.withLock { $0.source = source }
        log.info("searching by meaning, with \(source.identity)")
        wake()
        embed { texts in vectors(of: texts, by: caller, &told, log) }
    }

    /// Tries until it has them.
    /// - Returns: `nil`: the broker stops.
    private func vectors(
        of texts: [String], by caller: EndpointCaller, _ told: inout RepeatedFault, _ log: Logger
    ) -> [QuantizedVector?]? {
        var refused: Set<Int> = []
        while !stopped.load(ordering: .acquiring) {
            let taken = texts.indices.filter { !refused.contains($0) }
            do throws(EndpointFault) {
                let made = try caller.embed(taken.map { texts[$0] }) { [self] in stopped.load(ordering: .acquiring) }
                if let line = told.worked("\(caller.endpoint) embeds", now: .now) { log.notice("\(line)") }
                state.withLock { ($0.fault, $0.isLooking) = (nil, false) }
                var vectors = [QuantizedVector?](repeating: nil, count: texts.count)
                for (place, vector) in zip(taken, made) { vectors[place] = QuantizedVector(vector) }
                if !refused.isEmpty {
                    log.warning(
                        "\(caller.endpoint) takes \(refused.count) of \(texts.count) passages not at all: words alone find them"
                    )
                }
                return vectors
            } catch {
                if let text = error.text {
                    refused.insert(taken[text])
                    continue
                }
                if error.kind == .cancelled { continue }
                if let line = told.failed("no search by meaning: \(error)", now: .now) { log.warning("\(line)") }
                state.withLock { ($0.fault, $0.hint, $0.isLooking) = (error.message, error.hint, false) }
                wake()
                rest(error.retry ?? .zero)
            }
        }
        return nil
    }
}
