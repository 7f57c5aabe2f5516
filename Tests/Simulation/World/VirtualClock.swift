import MembusModel
import Synchronization

/// The world's clock as the parts of an agent read it that are made to be shared between threads.
final class VirtualClock: Sendable {
    private let nanoseconds: Atomic<Int64>
    init(_ now: Instant) { nanoseconds = Atomic(now.nanoseconds) }
    var now: Instant { Instant(nanoseconds: nanoseconds.load(ordering: .relaxed)) }
    func set(_ now: Instant) { nanoseconds.store(now.nanoseconds, ordering: .relaxed) }
}
