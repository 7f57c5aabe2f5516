/// Randomness that comes from outside as a seed: the same seed gives the same numbers in every process. SplitMix64
/// (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
package struct SeededRandom: RandomNumberGenerator, Hashable, Sendable {
    private var state: UInt64
    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// Evenly within [0, `limit`).
    package mutating func upTo(_ limit: Duration) -> Duration {
        let nanoseconds = limit.wholeNanoseconds
        return nanoseconds > 0 ? .nanoseconds(Int64(next() % UInt64(nanoseconds))) : .zero
    }
}
