/// Pauses that double, up to a longest, each drawn from its upper half, so that clients that were refused
/// together do not come back together.
struct Backoff: Hashable, Sendable {
    let first: Duration
    let longest: Duration
    private(set) var failures = 0

    init(first: Duration, longest: Duration) {
        self.first = first
        self.longest = longest
    }

    mutating func reset() { failures = 0 }

    mutating func next(_ random: inout SeededRandom) -> Duration {
        let doubled = first.wholeNanoseconds << Int64(min(failures, 20))
        failures += 1
        let pause = min(max(doubled, 1), longest.wholeNanoseconds)
        return .nanoseconds(pause / 2 + Int64(random.next() % UInt64(pause / 2 + 1)))
    }
}
