/// Pauses that double, up to a longest, each drawn from its upper half, so that clients that were refused together do
/// not come back together ("Exponential Backoff And Jitter", AWS Architecture Blog, 2015: equal jitter).
package struct Backoff: Hashable, Sendable {
    package let first: Duration
    package let longest: Duration
    package private(set) var failures = 0

    package init(first: Duration, longest: Duration) {
        self.first = first
        self.longest = longest
    }

    package mutating func reset() { failures = 0 }

    /// The pause after one more failure.
    package mutating func next(_ random: inout SeededRandom) -> Duration {
        defer { failures += 1 }
        return pause(doubled: failures, &random)
    }

    /// - Parameter times: how often the first pause is doubled.
    package func pause(doubled times: Int, _ random: inout SeededRandom) -> Duration {
        let doubled = first.wholeNanoseconds << Int64(min(max(times, 0), 20))
        let half = Duration.nanoseconds(min(max(doubled, 1), longest.wholeNanoseconds)) / 2
        return half + random.upTo(half)
    }
}
