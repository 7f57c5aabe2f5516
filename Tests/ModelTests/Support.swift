import Foundation
import MembusModel
import Testing

/// A fixed sequence of numbers for a seed, so that a failure can be replayed: `MEMBUS_SEED=7 swift test`.
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed }
    /// SplitMix64.
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
        return word ^ word >> 31
    }
}

/// The seed of a random test: that of the environment, or a new one. Printed, and shown where a check fails.
func drawSeed(_ test: String = #function) -> UInt64 {
    let seed = ProcessInfo.processInfo.environment["MEMBUS_SEED"].flatMap { UInt64($0) } ?? .random(in: 1...999_999)
    print("\(test): MEMBUS_SEED=\(seed)")
    return seed
}

func key(_ text: String) -> Key { Key(unchecked: text) }
func topics(_ texts: String...) -> TopicFilter { TopicFilter(texts.map { Topic(unchecked: $0) }) }

func text(_ key: String, _ value: String = "x", at revision: Revision, ordinal: UInt32 = 0) -> Record {
    Record(key: Key(unchecked: key), revision: revision, ordinal: ordinal, content: .inline(Data(value.utf8)))
}

func info(_ revision: Revision, hash: UInt64 = 0, branch: BranchName = .main) -> CommitInfo {
    CommitInfo(
        revision: revision, hash: hash, branch: branch, agent: "ada", session: SessionID(5), number: 1,
        time: Timestamp(milliseconds: 1_000), context: "trip", message: "book")
}
