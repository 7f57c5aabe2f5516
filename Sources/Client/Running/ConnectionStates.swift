import MembusBus
import MembusSystem

/// How the connection stands, for whoever wants to know or be told.
final class ConnectionStates: Sendable {
    private struct State {
        var link = LinkState.connecting
        var listeners: [UInt64: AsyncStream<ConnectionState>.Continuation] = [:]
        var last: UInt64 = 0
        var closers: [@Sendable () -> Void] = []
        var waiting: [UInt64: Waiting] = [:]
    }
    private struct Waiting: Sendable {
        let isWanted: @Sendable (ConnectionState) -> Bool
        let tell: Telling<ConnectionState>
    }
    private let state = Lock(State())

    var current: ConnectionState { Self.shown(state.withLock { $0.link }) }

    /// The present state and each that follows; ends after `closed`. A slow reader gets the newest.
    func stream() -> AsyncStream<ConnectionState> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: ConnectionState.self, bufferingPolicy: .bufferingNewest(8))
        let id = state.withLock { state -> UInt64? in
            continuation.yield(Self.shown(state.link))
            if state.link == .closed { return nil }
            state.last += 1
            state.listeners[state.last] = continuation
            return state.last
        }
        guard let id else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { [weak self] _ in
            _ = self?.state.withLock { $0.listeners.removeValue(forKey: id) }
        }
        return stream
    }

    /// Tells of the first state that is wanted, from the present one on.
    /// - Returns: what calls it off; `nil`: it was told at once.
    func next(
        where isWanted: @escaping @Sendable (ConnectionState) -> Bool, then tell: @escaping Telling<ConnectionState>
    ) -> (any Cancellable)? {
        let (told, id) = state.withLock { state -> (Result<ConnectionState, any Error>?, UInt64) in
            let shown = Self.shown(state.link)
            if isWanted(shown) { return (.success(shown), 0) }
            if state.link == .closed { return (.failure(MembusError.closed), 0) }
            state.last += 1
            state.waiting[state.last] = Waiting(isWanted: isWanted, tell: tell)
            return (nil, state.last)
        }
        guard let told else { return WaitingForState(id, self) }
        tell(told)
        return nil
    }

    fileprivate func cancel(_ id: UInt64) {
        let waiting = state.withLock { $0.waiting.removeValue(forKey: id) }
        waiting?.tell(.failure(CancellationError()))
    }

    /// Whoever waits for this state is told, and of the end of all states in any case.
    private func settle(_ link: LinkState) {
        let shown = Self.shown(link)
        let settled = state.withLock { state in
            let settled = state.waiting.filter { link == .closed || $0.value.isWanted(shown) }
            for id in settled.keys { state.waiting[id] = nil }
            return settled.sorted { $0.key < $1.key }.map(\.value)
        }
        for waiting in settled {
            waiting.tell(waiting.isWanted(shown) ? .success(shown) : .failure(MembusError.closed))
        }
    }

    func post(_ link: LinkState) {
        defer { settle(link) }
        let (listeners, closers) = state.withLock { state in
            state.link = link
            let told = (Array(state.listeners.values), state.closers)
            if link == .closed {
                state.listeners = [:]
                state.closers = []
                return told
            }
            return (told.0, [])
        }
        for listener in listeners {
            listener.yield(Self.shown(link))
            if link == .closed { listener.finish() }
        }
        for tell in closers { tell() }
    }

    /// Tells once the connection is closed; at once if it is.
    func whenClosed(_ tell: @escaping @Sendable () -> Void) {
        let isClosed = state.withLock { state in
            if state.link == .closed { return true }
            state.closers.append(tell)
            return false
        }
        if isClosed { tell() }
    }

    private static func shown(_ link: LinkState) -> ConnectionState {
        switch link {
        case .connecting: .connecting
        case .connected: .connected
        case .silent(let since): .disconnected(for: Instant.now - since)
        case .eventless(let endpoint, let since): .withoutEvents(from: endpoint, for: Instant.now - since)
        case .closed: .closed
        }
    }
}

private final class WaitingForState: Cancellable {
    private let id: UInt64
    private let states: ConnectionStates
    init(_ id: UInt64, _ states: ConnectionStates) {
        self.id = id
        self.states = states
    }
    func cancel() { states.cancel(id) }
}
