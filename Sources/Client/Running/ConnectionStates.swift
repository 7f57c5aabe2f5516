import MembusSystem
import Synchronization

/// How the connection stands, for whoever wants to know or be told.
final class ConnectionStates: Sendable {
    private struct State {
        var link = LinkState.connecting
        var listeners: [UInt64: AsyncStream<ConnectionState>.Continuation] = [:]
        var last: UInt64 = 0
        var closers: [CheckedContinuation<Void, Never>] = []
    }
    private let state = Mutex(State())

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

    func post(_ link: LinkState) {
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
        for closer in closers { closer.resume() }
    }

    func untilClosed() async {
        await withCheckedContinuation { continuation in
            let isClosed = state.withLock { state in
                if state.link == .closed { return true }
                state.closers.append(continuation)
                return false
            }
            if isClosed { continuation.resume() }
        }
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
