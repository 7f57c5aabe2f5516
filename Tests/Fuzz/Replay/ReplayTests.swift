import Foundation
import MembusModel
import Testing

// The committed corpora, and seeded mutations of them, under the properties that libFuzzer tries: a regression is
// caught without a fuzzer's build. A trap ends the test process; the input is then the one that
// MEMBUS_FUZZ_TRACE=1 named last.

@Suite("Whatever comes in")
struct ReplayTests {
    private static let corpora = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Corpora")
    private static let isTracing = ProcessInfo.processInfo.environment["MEMBUS_FUZZ_TRACE"] != nil
    private static let random = ProcessInfo.processInfo.environment["MEMBUS_SEED"].flatMap { UInt64($0) } ?? 1

    @Test("every input of the corpora keeps the properties", arguments: FuzzTarget.all.map(\.name))
    func corpus(name: String) throws {
        let target = try #require(FuzzTarget.named(name))
        let files = try Self.files(of: name)
        #expect(files.count >= 3, "the corpus of \(name) is missing")
        for file in files { Self.check(target, [UInt8](try Data(contentsOf: file)), file.lastPathComponent) }
        for (index, seed) in try target.seeds().enumerated() { Self.check(target, seed, "seed \(index)") }
    }

    @Test("seeded mutations of the corpora keep them too", arguments: FuzzTarget.all.map(\.name))
    func mutations(name: String) throws {
        let target = try #require(FuzzTarget.named(name))
        let inputs = try Self.files(of: name).map { [UInt8](try Data(contentsOf: $0)) }
        var mutator = Mutator(seed: Self.random, inputs: inputs)
        for (file, input) in inputs.enumerated() {
            for round in 0..<target.mutations {
                Self.check(
                    target, mutator.mutated(input), "mutation \(round) of file \(file), MEMBUS_SEED=\(Self.random)")
            }
        }
    }

    @Test("a property that is broken is told")
    func broken() {
        let target = FuzzTarget(name: "broken", check: { bytes in try require(bytes.first != 7, "it starts with 7") })
        #expect(throws: Violation.self) { try target.check([7]) }
        #expect(throws: Never.self) { try target.check([8]) }
    }

    private static func files(of name: String) throws -> [URL] {
        try FileManager.default.contentsOfDirectory(
            at: corpora.appendingPathComponent(name), includingPropertiesForKeys: nil
        )
        .sorted { $0.lastPathComponent < $1.lastPathComponent }
    }

    private static func check(_ target: FuzzTarget, _ bytes: [UInt8], _ what: String) {
        if isTracing { FileHandle.standardError.write(Data("\(target.name), \(what): \(bytes)\n".utf8)) }
        do { try target.check(bytes) } catch {
            Issue.record("\(target.name), \(what): \(error); the input: \(bytes.prefix(4096))")
        }
    }
}

/// Small changes to known inputs: most of what a fuzzer does, without its sense of what is new.
struct Mutator {
    private var random: SeededRandom
    private let inputs: [[UInt8]]
    private static let extremes: [UInt8] = [
        0, 1, 0x7F, 0x80, 0xFF, UInt8(ascii: "\""), UInt8(ascii: "{"), UInt8(ascii: "/"), 0x0A,
    ]

    init(seed: UInt64, inputs: [[UInt8]]) {
        random = SeededRandom(seed: seed)
        self.inputs = inputs
    }

    mutating func mutated(_ input: [UInt8]) -> [UInt8] {
        var bytes = input
        for _ in 0..<Int.random(in: 1...4, using: &random) { change(&bytes) }
        return bytes
    }

    private mutating func change(_ bytes: inout [UInt8]) {
        let place = Int.random(in: 0...bytes.count, using: &random)
        let end = Int.random(in: place...min(bytes.count, place + 16), using: &random)
        switch Int.random(in: 0..<7, using: &random) {
        case 0: bytes.removeSubrange(place..<end)
        case 1: bytes.insert(contentsOf: bytes[place..<end], at: place)
        case 2: bytes.removeSubrange(place...)
        case 3:
            let other = inputs.randomElement(using: &random) ?? []
            bytes.replaceSubrange(place..., with: other.suffix(max(0, other.count - place)))
        case 4: bytes.insert(Self.extremes.randomElement(using: &random) ?? 0, at: place)
        default:
            guard place < bytes.count else { return bytes.append(UInt8.random(in: 0...255, using: &random)) }
            bytes[place] =
                Bool.random(using: &random)
                ? bytes[place] ^ 1 << UInt8.random(in: 0...7, using: &random)
                : Self.extremes.randomElement(using: &random) ?? 0
        }
    }
}
