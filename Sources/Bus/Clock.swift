import FoundationEssentials
import Glibc

/// The system's two clocks, for the drivers of pure cores.
package enum SystemClock {
    /// Monotonic; stands still for nobody's wall-clock change. An arbitrary start.
    package static var monotonicNanoseconds: Int64 { read(CLOCK_MONOTONIC) }
    /// Since 1970-01-01T00:00:00Z.
    package static var wallMilliseconds: Int64 { read(CLOCK_REALTIME) / 1_000_000 }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
