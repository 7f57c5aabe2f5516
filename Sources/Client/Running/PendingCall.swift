import MembusBus

/// A call on its way: resolved once, awaited by anybody.
final class PendingCall: Sendable {
    typealias Resolution = Result<Answer, any Error>
    private enum State {
        case open([@Sendable (Resolution) -> Void])
        case resolved(Resolution)
    }
    let id: CallID
    private let state = Lock(State.open([]))

    init(id: CallID) { self.id = id }

    /// The first resolution counts.
    func resolve(_ result: Resolution) {
        let waiting = state.withLock { state -> [@Sendable (Resolution) -> Void] in
            guard case .open(let waiting) = state else { return [] }
            state = .resolved(result)
            return waiting
        }
        for tell in waiting { tell(result) }
    }

    /// Tells at once if it is resolved, else on the thread that resolves it, most often the driver's: be short.
    func whenResolved(_ tell: @escaping @Sendable (Resolution) -> Void) {
        let result = state.withLock { state -> Resolution? in
            switch state {
            case .resolved(let result): return result
            case .open(let waiting):
                state = .open(waiting + [tell])
                return nil
            }
        }
        if let result { tell(result) }
    }

    func value() async throws -> Answer {
        try await withCheckedThrowingContinuation { continuation in
            whenResolved { continuation.resume(with: $0) }
        }
    }
}

/// The calls that somebody may be waiting for. Whoever ends the connection closes the table, which resolves
/// them all: no caller is ever left hanging.
final class CallTable: Sendable {
    private struct State {
        var calls: [CallID: PendingCall] = [:]
        var cancelled: [CallID] = []
        var last: UInt64 = 0
        var isClosed = false
    }
    private let state = Lock(State())

    /// - Throws: ``MembusError/closed``.
    func open() throws -> PendingCall {
        try state.withLock { state in
            if state.isClosed { throw MembusError.closed }
            state.last += 1
            let call = PendingCall(id: CallID(number: state.last))
            state.calls[call.id] = call
            return call
        }
    }

    func resolve(_ id: CallID, _ result: Result<Answer, any Error>) {
        state.withLock { $0.calls.removeValue(forKey: id) }?.resolve(result)
    }

    /// The caller has gone: it gets its answer now, the core hears of it with the next turn.
    func cancel(_ id: CallID) {
        let call = state.withLock { state in
            let call = state.calls.removeValue(forKey: id)
            if call != nil { state.cancelled.append(id) }
            return call
        }
        call?.resolve(.failure(CancellationError()))
    }

    func takeCancelled() -> [CallID] {
        state.withLock { state in
            if state.cancelled.isEmpty { return [] }
            defer { state.cancelled.removeAll() }
            return state.cancelled
        }
    }

    func close() {
        let calls = state.withLock { state in
            state.isClosed = true
            defer { state.calls = [:] }
            return state.calls
        }
        for call in calls.values { call.resolve(.failure(MembusError.closed)) }
    }
}
