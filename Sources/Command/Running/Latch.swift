import Synchronization

/// Whether something happened since one last asked.
final class Latch: Sendable {
    private let hasArrived = Mutex(false)
    func arrive() { hasArrived.withLock { $0 = true } }
    func take() -> Bool {
        hasArrived.withLock { arrived in
            defer { arrived = false }
            return arrived
        }
    }
}
