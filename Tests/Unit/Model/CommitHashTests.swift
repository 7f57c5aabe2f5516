import Foundation
import MembusModel
import Testing

@Suite("Hash chain and fingerprints")
struct CommitHashTests {
    func hash(
        after previous: [UInt8] = CommitHash.seed, _ info: CommitInfo = info(1), fork: Fork? = nil,
        preconditions: [Precondition] = [], reads: [ReadVersion] = [], records: [Record] = [text("k", at: 1)],
        provenance: Provenance = .none
    ) -> [UInt8] {
        CommitHash.next(
            after: previous, info: info, fork: fork, preconditions: preconditions, reads: reads, records: records,
            provenance: provenance)
    }

    @Test("the seed's position is the origin")
    func origin() {
        #expect(CommitHash.position(revision: 0, full: CommitHash.seed) == .origin)
        let full = [UInt8](1...32)
        #expect(CommitHash.position(revision: 3, full: full) == Position(revision: 3, hash: 0x0102_0304_0506_0708))
    }

    @Test("the hash is fixed for good: files on disk hold it")
    func golden() {
        let first = hash()
        let second = hash(
            after: first, info(2), fork: Fork(name: BranchName(unchecked: "idea"), at: 1),
            preconditions: [.at(key("a"), 1), .absent(key("b")), .unchanged(Topic(unchecked: "c/"), since: 1)],
            reads: [ReadVersion(key: key("a"), version: 1)],
            records: [
                Record(
                    key: key("a"), revision: 2, kind: .json, content: .inline(Data("{}".utf8)),
                    attributes: ["x": "1", "y": "2"],
                    links: [Link(relation: "of", target: key("b"))], owner: "ada", expires: Timestamp(milliseconds: 9)),
                .deletion(of: key("b"), revision: 2, ordinal: 1),
            ])
        #expect(first.count == 32 && second.count == 32)
        #expect(first.hexadecimal == "5a7f4e3db64c945cd847fb59ab0fedfd2abc90bcf1380d1fb68b093916df8a08")
        #expect(second.hexadecimal == "0feffc63998fad1c3f051fd12dc15b6e52881ec250f901a3301d482f74996cb3")
    }

    @Test("every part of a commit counts, except the hash that is to be computed")
    func everyPart() {
        var hashes: Set<[UInt8]> = [hash()]
        var parts = 1
        func add(_ other: [UInt8]) {
            parts += 1
            hashes.insert(other)
        }
        func changed(_ change: (inout CommitInfo) -> Void) -> CommitInfo {
            var copy = info(1)
            change(&copy)
            return copy
        }
        add(hash(after: [UInt8](repeating: 1, count: 32)))
        add(hash(changed { $0.revision = 2 }))
        add(hash(changed { $0.branch = BranchName(unchecked: "b") }))
        add(hash(changed { $0.agent = "bob" }))
        add(hash(changed { $0.session = nil }))
        add(hash(changed { $0.session = SessionID(6) }))
        add(hash(changed { $0.number = 2 }))
        add(hash(changed { $0.time = Timestamp(milliseconds: 1) }))
        add(hash(changed { $0.context = "" }))
        add(hash(changed { $0.message = "" }))
        add(hash(fork: Fork(name: BranchName(unchecked: "b"))))
        add(hash(fork: Fork(name: BranchName(unchecked: "b"), at: 0)))
        add(hash(preconditions: [.absent(key("k"))]))
        add(hash(preconditions: [.at(key("k"), 0)]))
        add(hash(reads: [ReadVersion(key: key("k"), version: 1)]))
        add(hash(records: []))
        add(hash(records: [text("j", at: 1)]))
        add(hash(records: [text("k", "y", at: 1)]))
        add(hash(records: [text("k", at: 1, ordinal: 1)]))
        add(hash(records: [.deletion(of: key("k"), revision: 1)]))
        let value = Record.Value.inline(Data("x".utf8))
        add(hash(records: [Record(key: key("k"), revision: 1, kind: .json, content: value)]))
        add(hash(records: [Record(key: key("k"), revision: 1, content: value, attributes: ["a": "b"])]))
        add(
            hash(records: [
                Record(key: key("k"), revision: 1, content: value, links: [Link(relation: "a", target: key("b"))])
            ]))
        add(hash(records: [Record(key: key("k"), revision: 1, content: value, owner: "ada")]))
        add(hash(records: [Record(key: key("k"), revision: 1, content: value, expires: Timestamp(milliseconds: 0))]))
        #expect(hashes.count == parts)
        #expect(hash(changed { $0.hash = 99 }) == hash())
    }

    @Test("equal work has equal fingerprints, whatever the order of a dictionary")
    func fingerprints() {
        func work(_ attributes: [(String, String)], expiry: Put.Expiry = .never) -> Work {
            let dictionary = Attributes(attributes.map { (key: $0.0, value: $0.1) })
            return .transaction(
                Transaction(changes: [Change(key("k"), .put(Put(Data(), attributes: dictionary, expiry: expiry)))]))
        }
        let names = (0..<20).map { ("name\($0)", "\($0)") }
        #expect(work(names).fingerprint == work(names.reversed()).fingerprint)
        #expect(work(names).fingerprint != work(names.dropLast()).fingerprint)
        #expect(
            work([], expiry: .after(.milliseconds(5))).fingerprint
                != work([], expiry: .at(Timestamp(milliseconds: 5))).fingerprint)
        #expect(
            Work.transaction(Transaction(changes: [Change(key("k"), .increment(1))])).fingerprint
                == 0xA41B_0F81_AD41_9411)
    }

    @Test("what the edge refused has no fingerprint")
    func refused() {
        let fork = Work.fork(Fork(name: BranchName(unchecked: "b")))
        #expect(Result<Work, Refusal>.failure(Refusal(.invalidName, "x")).fingerprint == 0)
        #expect(Result<Work, Refusal>.success(fork).fingerprint == fork.fingerprint)
        #expect(fork.fingerprint != 0)
    }
}
