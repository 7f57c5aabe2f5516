import Synchronization

/// Whether something happened since one last asked.
final class Latch: Sendable {
    private let arrived = Mutex(false)
    func arrive() { arrived.withLock { $0 = true } }
    var hasArrived: Bool { arrived.withLock { $0 } }
    func take() -> Bool {
        arrived.withLock { arrived in
            defer { arrived = false }
            return arrived
        }
    }
}
