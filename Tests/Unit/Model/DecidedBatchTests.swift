import Foundation
import MembusDice
import Testing

@testable import MembusModel

@Suite("Decided batches as bytes")
struct DecidedBatchTests {
    /// One of everything.
    static let sample = DecidedBatch(
        lineage: Lineage(7), follows: 41, followedHash: [UInt8](repeating: 3, count: 32),
        time: Timestamp(milliseconds: 1_700_000_000_000), mostKept: 256,
        entries: [
            .commit(
                DecidedCommit(
                    commit: Commit(info: info(42, session: SessionID(.max)), records: records), fork: nil,
                    preconditions: [
                        .at(Key(unchecked: "a/b"), 12), .absent(Key(unchecked: "é")),
                        .unchanged(.everything, since: 40),
                    ],
                    reads: [
                        ReadVersion(key: Key(unchecked: "a"), version: 0),
                        ReadVersion(
                            .topic(Topic(unchecked: "a/")), on: BranchName(unchecked: "trial"), cut: 300, isOwn: false),
                    ], derived: [0, 2])),
            .commit(
                DecidedCommit(
                    commit: Commit(info: info(43, session: nil), records: []),
                    fork: DecidedFork(
                        Fork(name: BranchName(unchecked: "trial"), at: 12, context: "c", message: "m"), id: 9),
                    preconditions: [], reads: [])),
            number(1, .committed(Position(revision: 42, hash: 5))),
            number(2, .held(Position(revision: 42, hash: 5))),
            number(
                3,
                .conflict(
                    [KeptConflict(index: 2, key: Key(unchecked: "k"), revision: 1)],
                    at: Position(revision: 42, hash: 5))),
            number(4, .refused(Refusal(.wrongKind, "no counter", subject: "k"))),
            .opened(SessionID(3), agent: "ada"), .dropped([SessionID(1), SessionID(2)]),
            .noted(
                NoteReads(
                    agent: "ada", session: SessionID(3),
                    reads: [
                        NotedRead(
                            context: "c", branch: .main, key: Key(unchecked: "k"), version: 2,
                            time: Timestamp(milliseconds: -5))
                    ], dropped: 2)),
            .floor(40), .notesForgotten(before: Timestamp(milliseconds: 5)),
        ], reachedHash: [UInt8](repeating: 4, count: 32))

    private static let records = [
        Record(
            key: Key(unchecked: "a"), revision: 42, kind: .json, content: .inline(Data("{}".utf8)),
            attributes: ["b": "2", "a": "1", "": "\0"],
            links: [Link(relation: "of", target: Key(unchecked: "x/y"))], owner: "ada",
            expires: Timestamp(milliseconds: 12)),
        Record.deletion(of: Key(unchecked: "b"), revision: 42, ordinal: 1),
        Record(
            key: Key(unchecked: "c"), revision: 42, ordinal: 2,
            vectors: Vectors([Vectors.Space("mine", [[1, 2], [3, 4]])])),
    ]

    private static func info(_ revision: Revision, session: SessionID?) -> CommitInfo {
        CommitInfo(
            revision: revision, hash: 77, branch: .main, agent: "ada", session: session, number: 3,
            time: Timestamp(milliseconds: 1_700_000_000_000), context: "", message: "why")
    }

    private static func number(_ number: UInt64, _ kept: Kept) -> DecidedBatch.Entry {
        .number(
            DecidedNumber(
                session: SessionID(3), number: number, kept: KeptResult(fingerprint: 8, result: kept),
                acknowledged: number - 1))
    }

    private func decode(_ bytes: [UInt8]) throws -> DecidedBatch { try DecidedBatch(decoding: Data(bytes)) }

    @Test("what was encoded is decoded as the same batch")
    func roundTrip() throws {
        let batch = Self.sample
        #expect(try DecidedBatch(decoding: batch.encoded) == batch)
        var empty = batch
        empty.entries = []
        #expect(try DecidedBatch(decoding: empty.encoded) == empty)
        // Wherever its bytes lie.
        #expect(try DecidedBatch(decoding: (Data([1, 2, 3]) + batch.encoded).dropFirst(3)) == batch)
    }

    @Test("a batch that is cut, longer, or damaged at any of its bytes is refused")
    func damaged() throws {
        let bytes = [UInt8](Self.sample.encoded)
        for place in bytes.indices {
            #expect(throws: DecidedBatch.Undecodable.self) { try decode(Array(bytes[..<place])) }
            var other = bytes
            other[place] ^= 1 << UInt8(place % 8)
            #expect(throws: DecidedBatch.Undecodable.self, "byte \(place)") { try decode(other) }
        }
        #expect(throws: DecidedBatch.Undecodable.damaged) { try decode(bytes + [0]) }
    }

    @Test("an unknown version, and an unknown entry, are refused as such")
    func unknown() throws {
        var bytes = [UInt8](Self.sample.encoded)
        bytes[0] = DecidedBatch.version + 1
        #expect(throws: DecidedBatch.Undecodable.unknownVersion(DecidedBatch.version + 1)) { try decode(bytes) }
        var empty = Self.sample
        empty.entries = [.floor(1)]
        var body = [UInt8](empty.encoded.dropLast(DecidedBatch.checksumBytes))
        body[body.count - 32 - 9] = 99
        #expect(throws: DecidedBatch.Undecodable.unknownEntry(99)) { try decode([UInt8](DecidedBatch.sealed(body))) }
    }

    @Test("bytes of any kind behind a right checksum are a batch, which encodes to them again, or are refused")
    func mutated() throws {
        var dice = Dice(seed: 5)
        let body = [UInt8](Self.sample.encoded.dropLast(DecidedBatch.checksumBytes))
        var taken = 0
        for round in 0..<4000 {
            var other = round % 4 == 0 ? (0..<dice.within(1...200)).map { _ in UInt8(dice.below(256)) } : body
            other[0] = DecidedBatch.version
            for _ in 0..<dice.within(1...3) {
                let place = dice.below(other.count)
                switch dice.below(4) {
                case 0: other[place] = UInt8(dice.below(256))
                case 1: other[place] = dice.pick([0, 1, 127, 128, 255])
                case 2: other.remove(at: place)
                default: other.insert(UInt8(dice.below(256)), at: place)
                }
                if other.isEmpty { other = [DecidedBatch.version] }
            }
            let sealed = DecidedBatch.sealed(other)
            guard let batch = try? DecidedBatch(decoding: sealed) else { continue }
            taken += 1
            #expect(batch.encoded == sealed)
        }
        #expect(taken > 200)
    }
}
