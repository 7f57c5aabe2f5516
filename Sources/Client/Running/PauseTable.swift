import MembusBus
import MembusSystem

/// Pauses of calls that no task awaits. The driver's thread tells that they are over; whoever ends the connection
/// closes the table, which ends them all: no call is ever left hanging.
final class PauseTable: Sendable {
    private struct State {
        var pauses: [(until: Instant, tell: @Sendable () -> Void)] = []
        var isClosed = false
    }
    private let state = Lock(State())
    private let waker: Waker

    init(waker: Waker) { self.waker = waker }

    func add(until: Instant, _ tell: @escaping @Sendable () -> Void) {
        let isClosed = state.withLock { state in
            if !state.isClosed { state.pauses.append((until, tell)) }
            return state.isClosed
        }
        if isClosed { tell() } else { waker.signal() }
    }

    /// When the first of them is over.
    var next: Instant? { state.withLock { $0.pauses.lazy.map(\.until).min() } }

    func takeDue(at now: Instant) -> [@Sendable () -> Void] {
        state.withLock { state in
            if state.pauses.isEmpty { return [] }
            let due = state.pauses.filter { $0.until <= now }
            if !due.isEmpty { state.pauses.removeAll { $0.until <= now } }
            return due.map(\.tell)
        }
    }

    func close() {
        let pauses = state.withLock { state in
            state.isClosed = true
            defer { state.pauses = [] }
            return state.pauses
        }
        for pause in pauses { pause.tell() }
    }
}
