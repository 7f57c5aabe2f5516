import CProcess
import MembusModel
import Synchronization

/// Decides when the memory that was freed is worth giving back to the system. The allocator keeps it for what comes next,
/// and after a rush nothing of that size does.
struct MemoryReturn {
    static let worthwhile = 8 << 20
    static let pause: Duration = .seconds(5)
    /// What is let go of is not free at once: libzmq's threads free it when they get to it.
    private static let followUps = 2
    private var most = 0
    private var last: Instant?
    private var yetToFollow = 0

    /// - Parameters:
    ///   - held: by what is known to grow and shrink, in bytes.
    ///   - peak: the most that was held since the last look.
    mutating func isDue(held: Int, most peak: Int, now: Instant) -> Bool {
        most = max(most, held, peak)
        let isWorthwhile = most - held >= Self.worthwhile
        guard isWorthwhile || yetToFollow > 0 else { return false }
        if let last, now - last < Self.pause { return false }
        if isWorthwhile {
            most = held
            yetToFollow = Self.followUps
        } else {
            yetToFollow -= 1
        }
        last = now
        return true
    }
}

/// Asked for on the thread that must not wait, done on one that may: the allocator holds others up meanwhile for
/// some milliseconds.
final class MemoryChore: Sendable {
    private let isWanted = Atomic<Bool>(false)

    func want() { isWanted.store(true, ordering: .releasing) }
    func run() {
        if isWanted.exchange(false, ordering: .acquiringAndReleasing) { membus_give_memory_back() }
    }
}
