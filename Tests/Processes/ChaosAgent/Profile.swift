import MembusDice

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
        keys =
            dice.chance(60)
            ? ["a/0", "a/1", "b/0", "b/1", "c"] : (0..<10).map { "a/\($0)" } + (0..<6).map { "b/\($0)" } + ["c"]
        pause = dice.pick([1...30, 10...100, 30...300])
        large = dice.pick([2, 10, 30])
        cacheBytes = dice.pick([1 << 22, 1 << 22, 6000, 3000])
    }
}
