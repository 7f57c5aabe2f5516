import MembusModel
import Synchronization

/// The long look-ups that are being answered, and since when: each reads one state of the store all the while.
final class RunningLookUps: Sendable {
    struct Running: Sendable {
        var name: String
        var since: Instant
    }
    private let state = Mutex<[Ticket: Running]>([:])

    func began(_ ticket: Ticket, _ name: String, at now: Instant) {
        state.withLock { $0[ticket] = Running(name: name, since: now) }
    }
    func ended(_ ticket: Ticket) { _ = state.withLock { $0.removeValue(forKey: ticket) } }
    var all: [Running] { state.withLock { $0.values.sorted { $0.since < $1.since } } }
}
