/// The world's only randomness: SplitMix64, the same numbers in every process.
struct Dice: RandomNumberGenerator, Sendable {
    private var state: UInt64
    init(seed: UInt64) { state = seed &* 0x2545_F491_4F6C_DD1D &+ 0x1234_5678_9ABC_DEF1 }

    /// A move's own.
    init(seed: UInt64, move: Int) {
        var dice = Dice(seed: seed)
        self = Dice(seed: dice.next() ^ UInt64(bitPattern: Int64(move)))
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// Within 0..<bound.
    mutating func below(_ bound: Int) -> Int { bound > 1 ? Int(next() % UInt64(bound)) : 0 }
    mutating func within(_ range: ClosedRange<Int>) -> Int { range.lowerBound + below(range.count) }
    mutating func chance(_ percent: Int) -> Bool { below(100) < percent }
    mutating func pick<T>(_ choices: [T]) -> T { choices[below(choices.count)] }
    mutating func milliseconds(_ range: ClosedRange<Int>) -> Duration {
        .microseconds(within(range.lowerBound * 1000...range.upperBound * 1000))
    }
    /// One of the choices, as often as its weight says.
    mutating func weighted<T>(_ choices: [(T, weight: Int)]) -> T {
        var left = below(choices.reduce(0) { $0 + $1.weight })
        for (choice, weight) in choices {
            if left < weight { return choice }
            left -= weight
        }
        return choices[choices.count - 1].0
    }
    /// Another source, so that what one part draws does not move what others draw.
    mutating func split() -> Dice { Dice(seed: next()) }
}
