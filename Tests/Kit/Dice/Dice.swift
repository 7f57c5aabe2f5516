import MembusModel

/// What a seeded test draws: the same from the same seed, in every process.
package struct Dice: RandomNumberGenerator, Sendable {
    private var random: SeededRandom
    /// Neighbouring seeds give unrelated numbers.
    package init(seed: UInt64) { random = SeededRandom(seed: seed &* 0x2545_F491_4F6C_DD1D &+ 0x1234_5678_9ABC_DEF1) }

    /// A move's own.
    package init(seed: UInt64, move: Int) {
        var dice = Dice(seed: seed)
        self = Dice(seed: dice.next() ^ UInt64(bitPattern: Int64(move)))
    }

    package mutating func next() -> UInt64 { random.next() }

    /// Within 0..<bound.
    package mutating func below(_ bound: Int) -> Int { bound > 1 ? Int(next() % UInt64(bound)) : 0 }
    package mutating func within(_ range: ClosedRange<Int>) -> Int { range.lowerBound + below(range.count) }
    package mutating func chance(_ percent: Int) -> Bool { below(100) < percent }
    package mutating func pick<T>(_ choices: [T]) -> T { choices[below(choices.count)] }
    package mutating func milliseconds(_ range: ClosedRange<Int>) -> Duration {
        .microseconds(within(range.lowerBound * 1000...range.upperBound * 1000))
    }
    /// One of the choices, as often as its weight says.
    package mutating func weighted<T>(_ choices: [(T, weight: Int)]) -> T {
        var left = below(choices.reduce(0) { $0 + $1.weight })
        for (choice, weight) in choices {
            if left < weight { return choice }
            left -= weight
        }
        return choices[choices.count - 1].0
    }
    /// Some of the choices, none twice.
    package mutating func some<T: Equatable>(_ choices: [T], most: Int) -> [T] {
        var picked: [T] = []
        for _ in 0..<within(1...most) {
            let one = pick(choices)
            if !picked.contains(one) { picked.append(one) }
        }
        return picked
    }
    /// Another source, so that what one part draws does not move what others draw.
    package mutating func split() -> Dice { Dice(seed: next()) }
}
