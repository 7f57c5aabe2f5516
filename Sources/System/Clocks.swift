import Glibc
import MembusModel

// The system's two clocks, for the drivers of pure cores.

extension Instant {
    /// By the machine's monotonic clock, which nobody sets. Its start is arbitrary.
    package static var now: Instant { Instant(nanoseconds: read(CLOCK_MONOTONIC)) }
}

extension Timestamp {
    /// By the machine's wall clock.
    package static var now: Timestamp { Timestamp(milliseconds: read(CLOCK_REALTIME) / 1_000_000) }
}

private func read(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}
