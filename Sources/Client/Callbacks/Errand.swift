// Calls for whoever has no task to await them in: another language behind the C door, an event loop, a forked child.
// An errand drives a `StepwiseCall` like `Connection.begin` does under `await`. It goes on wherever the answer comes
// from, most often the connection's own thread, and tells its owner there.

import MembusBus
import MembusSystem

/// Something under way that can be called off: its owner is told `CancellationError`, unless it was told before.
package protocol Cancellable: AnyObject, Sendable {
    func cancel()
}

/// An errand whose kind of call does not matter.
protocol Errands<Product>: Cancellable {
    associatedtype Product: Sendable
    func begin(then tell: @escaping @Sendable (Result<Product, any Error>) -> Void)
}

/// A call of several requests, from where it stands until it hands something over, and on from there.
///
/// Invariants: each beginning is told of once; one at a time is under way (the owner sees to that); the same steps in
/// the same order as under `await`.
final class Errand<C: StepwiseCall>: Errands {
    typealias Product = C.Product
    typealias Told = Result<Product, any Error>
    private struct State {
        var call: C
        var pending: PendingCall?
        /// The pause under way, so that a cancelled one is passed over when its time is over.
        var pause: Int?
        var lastPause = 0
        var isCancelled = false
        var tell: (@Sendable (Told) -> Void)?
    }
    private let connection: Connection
    private let patience: Patience
    private let state: Lock<State>

    init(_ call: C, _ connection: Connection, _ patience: Patience) {
        self.connection = connection
        self.patience = patience
        state = Lock(State(call: call))
    }

    /// - Parameter tell: called once, on any thread, maybe before this returns: be short.
    func begin(then tell: @escaping @Sendable (Told) -> Void) {
        state.withLock { $0.isCancelled = false }
        step(tell) { call throws in try call.begin() }
    }

    /// The same, once the owner has an answer to what was handed to it. What was called off meanwhile stays so.
    func carryOn(_ input: C.Input, then tell: @escaping @Sendable (Told) -> Void) {
        step(tell) { call throws in try call.take(input) }
    }

    /// Looks at the call while nothing is under way.
    func withCall<T: Sendable>(_ body: (inout C) -> T) -> T { state.withLock { body(&$0.call) } }

    func cancel() {
        let (pending, wasPausing) = state.withLock { state in
            state.isCancelled = true
            defer { state.pause = nil }
            return (state.pending, state.pause != nil)
        }
        if let pending { connection.cancel(pending) }
        if wasPausing { failed(CancellationError()) }
    }

    // MARK: Steps

    private func step(_ tell: @escaping @Sendable (Told) -> Void, _ body: (inout C) throws -> C.Action) {
        state.withLock { $0.tell = tell }
        carryOut(body)
    }

    private func carryOut(_ body: (inout C) throws -> C.Action) {
        let next = state.withLock { state in Result { try body(&state.call) } }
        switch next {
        case .failure(let error): told(.failure(error))
        case .success(.hand(let product)): told(.success(product))
        case .success(.make(let call, within: let most)):
            make(call, timeout: patience.timeout(within: most, at: Instant.now))
        case .success(.pause(let time)): pause(time)
        case .success(.release(let call, within: let time)): release(call, within: time)
        }
    }

    private func take(_ input: C.Input) { carryOut { call throws in try call.take(input) } }
    private func failed(_ error: any Error) { take(.failed(error, isLast: patience.isOver(at: Instant.now))) }

    private func told(_ result: Told) {
        let tell = state.withLock { state in
            defer { state.tell = nil }
            return state.tell
        }
        tell?(result)
    }

    private func make(_ call: Call, timeout: Duration) {
        let pending: PendingCall
        do {
            if state.withLock({ $0.isCancelled }) { throw CancellationError() }
            pending = try connection.start(call, timeout: timeout)
        } catch { return failed(error) }
        let isCancelled = state.withLock { state in
            state.pending = pending
            return state.isCancelled
        }
        if isCancelled { connection.cancel(pending) }
        pending.whenResolved { [self] result in
            state.withLock { $0.pending = nil }
            switch result {
            case .success(let answer): take(.answered(answer))
            case .failure(let error): failed(error)
            }
        }
    }

    private func pause(_ time: Duration) {
        let number = state.withLock { state -> Int? in
            if state.isCancelled { return nil }
            state.lastPause += 1
            state.pause = state.lastPause
            return state.lastPause
        }
        guard let number else { return failed(CancellationError()) }
        connection.after(time) { [self] in
            let isOver = state.withLock { state in
                guard state.pause == number else { return false }
                state.pause = nil
                return true
            }
            if isOver { take(.passed) }
        }
    }

    /// Whatever becomes of it, and though the errand may have been called off.
    private func release(_ call: Call, within time: Duration) {
        do {
            try connection.start(call, timeout: time).whenResolved { [self] _ in take(.passed) }
        } catch { take(.passed) }
    }
}

/// A call of the core, as one of several requests would be.
struct SingleCall: StepwiseCall {
    typealias Product = Answer
    typealias Given = Never
    let call: Call

    func begin() -> Action { .make(call, within: nil) }
    func take(_ input: Input) throws -> Action {
        switch input {
        case .answered(let answer): return .hand(answer)
        case .failed(let error, _): throw error
        case .passed: preconditionFailure("an answer is waited for")
        }
    }
}

/// How what comes of an errand is told.
package typealias Telling<Product> = @Sendable (Result<Product, any Error>) -> Void

extension Connection {
    func errand<C: StepwiseCall>(
        _ call: C, _ patience: Patience, _ tell: @escaping Telling<C.Product>
    ) -> any Cancellable {
        let errand = Errand(call, self, patience)
        errand.begin(then: tell)
        return errand
    }

    func errand<T>(
        _ call: Call, timeout: Duration?, _ tell: @escaping Telling<T>,
        _ taken: @escaping @Sendable (Answer) throws -> T
    ) -> any Cancellable {
        errand(SingleCall(call: call), deadline(timeout)) { result in
            tell(result.flatMap { answer in Result { try taken(answer) } })
        }
    }

    /// A request that is safe to repeat.
    func errand<O: Operation, T>(
        _ operation: O, timeout: Duration?, _ tell: @escaping Telling<T>,
        _ taken: @escaping @Sendable (Answered<O.Answer>) throws -> T
    ) -> any Cancellable {
        errand(.request(operation.body), timeout: timeout, tell) { try taken($0.answered(to: O.self)) }
    }
}
