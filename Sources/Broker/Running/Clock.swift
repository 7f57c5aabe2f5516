import MembusBus
import MembusModel

extension Instant {
    static var now: Instant { Instant(nanoseconds: SystemClock.monotonicNanoseconds) }
}

extension Timestamp {
    static var now: Timestamp { Timestamp(milliseconds: SystemClock.wallMilliseconds) }
}
