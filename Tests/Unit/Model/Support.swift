import Foundation
import MembusModel
import Testing

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
