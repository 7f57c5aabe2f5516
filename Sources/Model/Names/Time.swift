import FoundationEssentials

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

extension Duration {
    /// A length of time as people write it: whole numbers with ms, s, m, h, d or w (`500ms`, `1h30m`).
    package init?(written text: String) {
        guard !text.isEmpty else { return nil }
        var (sum, rest) = (Int64(0), text.utf8[...])
        while !rest.isEmpty {
            let number = rest.prefix { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
            let unit = rest.dropFirst(number.count).prefix { !(UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0) }
            guard let count = Int64(String(Substring(number))), let length = Self.units[String(Substring(unit))] else {
                return nil
            }
            let (product, tooLong) = count.multipliedReportingOverflow(by: length)
            let (next, tooMuch) = sum.addingReportingOverflow(product)
            if tooLong || tooMuch { return nil }
            sum = next
            rest = rest.dropFirst(number.count + unit.count)
        }
        self = .milliseconds(sum)
    }

    private static let units: [String: Int64] = [
        "ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000,
    ]
}

extension Timestamp {
    /// A date (`2026-03-01`, meaning its start in UTC) or date and time (ISO 8601) as people write it.
    package init?(written text: String) {
        let full = text.utf8.contains(UInt8(ascii: "T")) ? text : text + "T00:00:00Z"
        let date =
            (try? Date.ISO8601FormatStyle().parse(full))
            ?? (try? Date.ISO8601FormatStyle(includingFractionalSeconds: true).parse(full))
        guard let date else { return nil }
        self.init(milliseconds: Int64((date.timeIntervalSince1970 * 1000).rounded()))
    }

    /// In UTC, to the second: `2026-03-01T12:00:00Z`.
    package var written: String {
        Date(timeIntervalSince1970: Double(milliseconds) / 1000).formatted(.iso8601)
    }
}
