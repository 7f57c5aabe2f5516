/// The agent's choices: SplitMix64 from its seed. Each task throws its own.
struct Dice: Sendable {
    private var state: UInt64
    init(seed: UInt64) { state = seed &* 0x2545_F491_4F6C_DD1D &+ 0x1234_5678_9ABC_DEF1 }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
    mutating func below(_ bound: Int) -> Int { bound > 1 ? Int(next() % UInt64(bound)) : 0 }
    mutating func within(_ range: ClosedRange<Int>) -> Int { range.lowerBound + below(range.count) }
    mutating func chance(_ percent: Int) -> Bool { below(100) < percent }
    mutating func pick<T>(_ choices: [T]) -> T { choices[below(choices.count)] }
    mutating func milliseconds(_ range: ClosedRange<Int>) -> Duration { .milliseconds(within(range)) }
    mutating func split() -> Dice { Dice(seed: next()) }

    /// Some of the choices, none twice.
    mutating func some<T: Equatable>(_ choices: [T], most: Int) -> [T] {
        var picked: [T] = []
        for _ in 0..<within(1...most) {
            let one = pick(choices)
            if !picked.contains(one) { picked.append(one) }
        }
        return picked
    }
}

/// What a round's agents share: the keys, and how busy they are. All draw it from the round's seed.
struct Profile: Sendable {
    let keys: [String]
    /// In milliseconds.
    let pause: ClosedRange<Int>
    /// In percent: values of some kilobytes.
    let large: Int
    let cacheBytes: Int

    static let topics = [["a/"], ["/"], ["b/", "c"], ["a/0", "b/1"], ["a/", "n"]]

    init(seed: UInt64) {
        var dice = Dice(seed: seed)
        keys = dice.chance(60)
            ? ["a/0", "a/1", "b/0", "b/1", "c"] : (0..<10).map { "a/\($0)" } + (0..<6).map { "b/\($0)" } + ["c"]
        pause = dice.pick([1...30, 10...100, 30...300])
        large = dice.pick([2, 10, 30])
        cacheBytes = dice.pick([1 << 22, 1 << 22, 6000, 3000])
    }
}
