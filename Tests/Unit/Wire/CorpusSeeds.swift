import Foundation
import Testing

@testable import MembusWire

/// Not a test of its own: fills the folders from which the fuzzers of Tests/Fuzz start with messages of every kind.
@Suite struct CorpusSeeds {
    private static let folder = ProcessInfo.processInfo.environment["MEMBUS_CORPUS_SEEDS"]

    @Test("writes one message of each kind", .enabled(if: folder != nil, "set MEMBUS_CORPUS_SEEDS to a folder"))
    func write() throws {
        let folder = URL(fileURLWithPath: try #require(Self.folder))
        var samples = Samples(seed: 7)
        func write(_ messages: [[UInt8]], _ target: String) throws {
            let place = folder.appendingPathComponent(target)
            try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
            for (index, bytes) in messages.enumerated() {
                try Data(bytes).write(to: place.appendingPathComponent("sample-\(index)"))
            }
        }
        try write(try (0..<3).flatMap { _ in try samples.requests().map { try WireCodec.encode($0) } }, "request")
        try write((0..<3).flatMap { _ in samples.replies().map { WireCodec.encode($0) } }, "reply")
        try write(
            (0..<8).flatMap { _ in samples.published().map { [UInt8]($0.topic.bytes) + WireCodec.encode($0) } },
            "published")
    }
}
