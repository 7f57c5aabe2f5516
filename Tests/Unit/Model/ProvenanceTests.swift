import Foundation
import Testing

@testable import MembusModel

@Suite("Provenance")
struct ProvenanceTests {
    private static let some: [Provenance] = [
        Provenance(origins: [
            Origin(ordinal: 0, .incremented, of: [3], amount: -2), Origin(ordinal: 7, .appended, of: []),
        ]),
        Provenance(
            deed: .merge(
                MergeDeed(
                    source: BranchName(unchecked: "trial"), revision: 9,
                    heads: [BranchHead(.main, at: 4), BranchHead(BranchName(unchecked: "b"), at: 5)],
                    agreed: [Key(unchecked: "a"), Key(unchecked: "b/c")])),
            origins: [Origin(ordinal: 1, .taken, of: [9]), Origin(ordinal: 2, .kept, of: [1, 2], isSettled: true)]),
        Provenance(deed: .rollback(to: 12)),
        Provenance(deed: .revert([VersionName(Key(unchecked: "a"), at: 3)], cascades: false)),
        Provenance(deed: .revert([VersionName(Key(unchecked: "a"), at: 3)], cascades: true)),
        Provenance(
            deed: .quarantine([VersionName(Key(unchecked: "a"), at: 3)]),
            origins: [Origin(ordinal: 0, .marked, of: [3])]),
        Provenance(deed: .pick([3, 4]), origins: [Origin(ordinal: 0, .picked, of: [3, 1])]),
    ]

    @Test("what was encoded is decoded, and encodes to the same bytes", arguments: some)
    func coding(_ provenance: Provenance) throws {
        let bytes = Data(provenance.encoded)
        #expect(try Provenance(decoding: bytes) == provenance)
        for end in bytes.indices {
            #expect(throws: CanonicalDecoder.Malformed.self) { try Provenance(decoding: bytes[..<end]) }
        }
        #expect(throws: CanonicalDecoder.Malformed.self) { try Provenance(decoding: bytes + [0]) }
    }

    @Test("only what was made of something has an origin")
    func origins() {
        let key = Key(unchecked: "n")
        let transaction = Transaction(changes: [
            Change(Key(unchecked: "a"), .put(Put(Data("x".utf8)))), Change(key, .increment(5)),
        ])
        let records = [
            Record(key: Key(unchecked: "a"), revision: 4, ordinal: 0),
            Record(key: key, revision: 4, ordinal: 1, kind: .counter, content: .inline(Data("7".utf8))),
        ]
        let before = [key: Record(key: key, revision: 2, kind: .counter, content: .inline(Data("2".utf8)))]
        #expect(
            transaction.origins(of: records, after: before)
                == [Origin(ordinal: 1, .incremented, of: [2], amount: 5)])
    }
}
