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
// The model is a file; or an endpoint, which EndpointEmbedding asks.

/// What the two threads hand to each other.
final class EmbeddingDesk: Sendable {
    private struct State {
        var source: (any MeaningSource)?
        var wanted: [Meanings.Wanted] = []
        var made: (wanted: [Meanings.Wanted], vectors: [QuantizedVector?])?
        var isBusy = false
        var fault: (message: String, hint: String)?
        /// Nobody has looked yet.
        var isLooking = true
    }

    private let state = Mutex(State())
    private let stopped = Atomic<Bool>(false)
    private let work = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)
    private let threads = Mutex<[BusThread]>([])
    private let endpoint: EmbeddingEndpoint?
    private let questions: EndpointQuestions?
    let news: MeaningNews

    /// - Parameters:
    ///   - endpoint: who embeds; `nil`: the model that is found.
    ///   - wake: has the thread that keeps the index look here.
    init(_ endpoint: EmbeddingEndpoint?, wake: @escaping @Sendable () -> Void) {
        let news = MeaningNews(wake: wake)
        (self.endpoint, self.news) = (endpoint, news)
        questions = endpoint.map { EndpointQuestions($0, news) }
    }

    // MARK: The thread that keeps the index

    var source: (any MeaningSource)? { state.withLock { $0.source } }
    var fault: String? { state.withLock { $0.fault?.message } ?? questions?.fault }
    /// Why there is no model, where an endpoint is to be it.
    var endpointFault: (message: String, hint: String)? { endpoint == nil ? nil : state.withLock { $0.fault } }
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
            if let endpoint, let questions {
                EndpointEmbedding(endpoint, questions, for: self, log).run()
            } else if let model = awaitModel(in: dataDirectory, log) {
                have(model, log)
                var embedder = Embedder(model)
                embed { wanted in embedder.embed(wanted.map(\.text)).map { QuantizedVector($0) } }
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
        while !isStopped {
            guard let path = ModelPlace.found(for: dataDirectory) else {
                tell(fault: nil)
                rest(Self.look)
                continue
            }
            do throws(MeaningError) { return try MeaningModel.open(path) } catch {
                if told != error.message { log.warning("no search by meaning: \(error.message); \(error.hint)") }
                told = error.message
                tell(fault: (error.message, error.hint))
            }
            rest(Self.look)
        }
        return nil
    }

    var isStopped: Bool { stopped.load(ordering: .acquiring) }

    /// From now on meaning counts.
    func have(_ source: any MeaningSource, _ log: Logger) {
        state.withLock { ($0.source, $0.fault, $0.isLooking) = (source, nil, false) }
        log.info("searching by meaning, with \(source.identity)")
        news.tell()
    }

    /// Nothing keeps vectors from being made any more.
    func recover() { state.withLock { $0.fault = nil } }

    /// There is no model.
    /// - Parameter fault: why, as far as it can be told.
    func tell(fault: (message: String, hint: String)?) {
        let isNews = state.withLock { state in
            defer { (state.fault, state.isLooking) = (fault, false) }
            return state.isLooking || fault != nil
        }
        if isNews { news.tell() }
    }

    /// - Parameter make: vectors of what is wanted, in its order; `nil`: of what has none. None at all: it is over.
    func embed(_ make: ([Meanings.Wanted]) -> [QuantizedVector?]?) {
        while true {
            work.wait()
            if isStopped { return }
            let wanted = state.withLock { $0.wanted }
            if wanted.isEmpty { continue }
            guard let vectors = make(wanted) else { return }
            state.withLock { state in
                (state.made, state.wanted, state.isBusy) = ((wanted, vectors), [], false)
            }
            news.tell()
        }
    }

    func rest(_ time: Duration) {
        _ = ended.wait(timeout: .now() + .nanoseconds(Int(time.wholeNanoseconds)))
    }

    func stop() {
        stopped.store(true, ordering: .releasing)
        work.signal()
        ended.signal()
        questions?.stop()
        for thread in threads.withLock({ $0 }) { thread.join() }
    }
}
