/// A moment on the broker's wall clock: milliseconds since 1970-01-01T00:00:00Z. It may jump; nothing that
/// keeps caches coherent depends on it.
public struct Timestamp: Hashable, Comparable, Sendable {
    public let milliseconds: Int64
    public init(milliseconds: Int64) { self.milliseconds = milliseconds }
    public static func < (a: Timestamp, b: Timestamp) -> Bool { a.milliseconds < b.milliseconds }
    public func advanced(by duration: Duration) -> Timestamp {
        Timestamp(milliseconds: milliseconds &+ duration.wholeMilliseconds)
    }
}

/// A moment on a monotonic clock of one process: nanoseconds since an arbitrary start. Decisions receive
/// it as `now`; they never read a clock.
package struct Instant: Hashable, Comparable, Sendable {
    package let nanoseconds: Int64
    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }
    package static func < (a: Instant, b: Instant) -> Bool { a.nanoseconds < b.nanoseconds }
    package static func + (a: Instant, d: Duration) -> Instant {
        Instant(nanoseconds: a.nanoseconds &+ d.wholeNanoseconds)
    }
    package static func - (a: Instant, d: Duration) -> Instant {
        Instant(nanoseconds: a.nanoseconds &- d.wholeNanoseconds)
    }
    package static func - (a: Instant, b: Instant) -> Duration { .nanoseconds(a.nanoseconds &- b.nanoseconds) }
}

extension Duration {
    package var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (nanoseconds, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if overflow { return seconds < 0 ? .min / 4 : .max / 4 }
        return nanoseconds &+ attoseconds / 1_000_000_000
    }
    package var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (milliseconds, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        if overflow { return seconds < 0 ? .min / 4 : .max / 4 }
        return milliseconds &+ attoseconds / 1_000_000_000_000_000
    }
}
