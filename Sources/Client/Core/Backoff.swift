/// Randomness that comes with the core: the same seed gives the same pauses and nonces (SplitMix64).
struct SeededRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

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
