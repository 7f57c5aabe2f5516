import Dispatch
import Glibc
import Logging
import MembusBus
import MembusMeaning
import MembusModel
import MembusSearch
import Synchronization

// Passages are embedded by a thread of the lowest priority, some at a time:
//
//   no model ─▶ looked for now and then ─▶ opened ─▶ told to the thread that keeps the index
//   wanted (by that thread) ─▶ embedded ─▶ made (taken by it)

/// What the two threads hand to each other.
final class EmbeddingDesk: Sendable {
    private struct State {
        var model: MeaningModel?
        var wanted: [Meanings.Wanted] = []
        var made: (wanted: [Meanings.Wanted], vectors: [QuantizedVector?])?
        var isBusy = false
        var fault: String?
        /// Nobody has looked yet.
        var isLooking = true
    }

    private let state = Mutex(State())
    private let stopped = Atomic<Bool>(false)
    private let work = DispatchSemaphore(value: 0)
    private let wake: @Sendable () -> Void
    private let thread = Mutex<BusThread?>(nil)

    /// - Parameter wake: has the thread that keeps the index look here.
    init(wake: @escaping @Sendable () -> Void) { self.wake = wake }

    // MARK: The thread that keeps the index

    var model: MeaningModel? { state.withLock { $0.model } }
    var fault: String? { state.withLock { $0.fault } }
    /// Whether it is yet to be seen if there is a model.
    var isLooking: Bool { state.withLock { $0.isLooking } }

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
            guard let model = awaitModel(in: dataDirectory, log) else { return }
            log.info("searching by meaning, with \(model.identity)")
            wake()
            embed(with: model)
        }
        self.thread.withLock { $0 = thread }
    }

    private func awaitModel(in dataDirectory: String, _ log: Logger) -> MeaningModel? {
        var told: String?
        while !stopped.load(ordering: .acquiring) {
            if let path = ModelPlace.found(for: dataDirectory) {
                do throws(MeaningError) {
                    let model = try MeaningModel.open(path)
                    state.withLock { ($0.model, $0.fault, $0.isLooking) = (model, nil, false) }
                    return model
                } catch {
                    if told != error.message { log.warning("no search by meaning: \(error.message); \(error.hint)") }
                    told = error.message
                    state.withLock { $0.fault = error.message }
                }
            }
            state.withLock { $0.isLooking = false }
            _ = work.wait(timeout: .now() + .nanoseconds(Int(Self.look.wholeNanoseconds)))
        }
        return nil
    }

    private func embed(with model: MeaningModel) {
        var embedder = Embedder(model)
        while true {
            work.wait()
            if stopped.load(ordering: .acquiring) { return }
            let wanted = state.withLock { $0.wanted }
            if wanted.isEmpty { continue }
            let vectors = embedder.embed(wanted.map(\.text)).map { QuantizedVector($0) }
            state.withLock { state in
                (state.made, state.wanted, state.isBusy) = ((wanted, vectors), [], false)
            }
            wake()
        }
    }

    func stop() {
        stopped.store(true, ordering: .releasing)
        work.signal()
        thread.withLock { $0 }?.join()
    }
}
