import Foundation
import MembusModel
import MembusStore
import Testing

@Suite("Reading any revision")
struct ReadingTests {
    @Test("a read as of a revision shows what was there then, deletions included")
    func asOf() throws {
        let world = try World()
        try world.put("a", "1")
        try world.put("b", "1")
        try world.delete("a")
        try world.put("a", "2")
        #expect(try world.text("a", at: 1) == "1")
        #expect(try world.text("b", at: 1) == nil)
        #expect(try world.get("a", at: 3).isDeleted)
        #expect(try world.get("a", at: 3).revision == 3)
        #expect(try world.state(at: 3) == ["b": "1"])
        #expect(try world.state() == ["a": "2", "b": "1"])
    }

    @Test("the log tells agents and contexts apart by their bytes")
    func logByBytes() throws {
        let world = try World()
        for (number, agent) in ["caf\u{E9}", "cafe\u{301}"].enumerated() {
            let session = SessionID(UInt64(100 + number))
            _ = try world.writer.write([.openSession(session, agent: agent)], at: world.now)
            let work = Work.transaction(Transaction(context: agent, changes: [Change(try Key("a"), .increment(1))]))
            let transact = Transact(session: session, number: 1, acknowledged: 0, work: .success(work))
            _ = try world.writer.write([.transact(transact, fingerprint: work.fingerprint)], at: world.now)
        }
        func revisions(_ log: GetLog) throws -> [Revision] {
            try world.reader.log(log, visible: 2).commits.map(\.info.revision)
        }
        #expect(try revisions(GetLog(branch: nil, agent: "caf\u{E9}")) == [1])
        #expect(try revisions(GetLog(branch: nil, agent: "cafe\u{301}")) == [2])
        #expect(try revisions(GetLog(branch: nil, context: "cafe\u{301}")) == [2])
    }

    @Test("attributes whose names differ only by their spelling are two")
    func attributesByBytes() throws {
        let world = try World()
        let attributes: Attributes = ["caf\u{E9}": "1", "cafe\u{301}": "2"]
        _ = try world.write(.change("a", .put(Put(Data(), attributes: attributes))))
        #expect(try world.get("a").attributes == attributes)
        #expect(try world.get("a").attributes.count == 2)
    }

    @Test("nothing beyond what is visible is shown")
    func visibility() throws {
        let world = try World()
        try world.put("a", "1")
        try world.put("a", "2")
        let branch = try world.fork("trial")
        #expect(try world.reader.get([Key("a")], on: .main, visible: 1).records[0].text == "1")
        #expect(throws: Refusal.self) { try world.reader.get([Key("a")], on: branch, visible: 2) }
        #expect(try world.reader.branches(visible: 2).map(\.name) == [.main])
        #expect(try world.reader.log(.init(branch: nil), visible: 1).commits.map(\.info.revision) == [1])
        do {
            _ = try world.reader.get([Key("a")], on: .main, at: Position(revision: 3, hash: 0), visible: 2)
            Issue.record("revision 3 was shown")
        } catch let error as Refusal {
            #expect(error.code == .beyondHead)
        }
    }

    @Test("a position of another history is refused")
    func otherHistory() throws {
        let world = try World()
        try world.put("a", "1")
        let here = try #require(try world.reader.position(of: 1, visible: 1))
        #expect(try world.reader.get([Key("a")], on: .main, at: here, visible: 1).at == here)
        do {
            _ = try world.reader.get([Key("a")], on: .main, at: Position(revision: 1, hash: 12), visible: 1)
            Issue.record("another history was served")
        } catch let error as Refusal {
            #expect(error.code == .historyDiffers)
        }
    }

    @Test("a fork of a fork inherits up to its fork, and hides what it changes")
    func forks() throws {
        let world = try World()
        try world.put("a", "1")
        try world.put("b", "1")
        let trial = try world.fork("trial", at: 1)
        try world.put("a", "2")
        try world.put("c", "1", on: trial)
        try world.delete("a", on: trial)
        let deeper = try world.fork("deeper", from: trial, at: 5)
        try world.put("c", "2", on: trial)
        #expect(try world.state(on: trial, at: 5) == ["a": "1", "c": "1"])
        #expect(try world.state(on: trial) == ["c": "2"])
        #expect(try world.state(on: deeper) == ["a": "1", "c": "1"])
        #expect(try world.state() == ["a": "2", "b": "1"])
        #expect(try world.get("a", on: trial).isDeleted)
        let infos = try world.reader.branches(visible: world.head)
        #expect(infos.map(\.forkRevision) == [0, 1, 5])
        #expect(infos.map(\.created) == [0, 3, 7])
        #expect(try world.reader.verify().problems == [])
    }

    @Test("forks are refused from nowhere, to a taken name, and beyond the head")
    func refusedForks() throws {
        let world = try World()
        try world.put("a", "1")
        let codes = try world.write(
            .fork(Fork(name: .main)), .fork(Fork(name: BranchName("x"), parent: BranchName("nowhere"))),
            .fork(Fork(name: BranchName("x"), at: 9))
        ).results.map { $0.refusal?.code }
        #expect(codes == [.branchExists, .unknownBranch, .beyondHead])
    }

    @Test("topics: prefixes, single keys and pages, in the byte order of the keys")
    func topics() throws {
        let world = try World()
        for key in ["a", "a-b", "a/b", "a/c/d", "a0", "b/é", "b/z", "b/\u{10FFFF}x", "c"] { try world.put(key, key) }
        func keys(_ topics: String...) throws -> [String] {
            let filter = TopicFilter(try topics.map { try Topic($0) })
            var keys: [String] = []
            var after: Key?
            while true {
                let page = try world.reader.range(
                    .init(branch: .main, filter: filter, after: after, limit: 1), visible: world.head)
                keys += page.records.map(\.key.text)
                guard page.more else { return keys }
                after = page.records.last?.key
            }
        }
        #expect(try keys("a/") == ["a/b", "a/c/d"])
        #expect(try keys("a", "c", "a/", "missing") == ["a", "a/b", "a/c/d", "c"])
        #expect(try keys("b/") == ["b/z", "b/é", "b/\u{10FFFF}x"])
        #expect(try keys("/").count == 9)
    }

    @Test("a history goes newest first through the fork, with authors and deletions")
    func history() throws {
        let world = try World()
        try world.put("a", "1")
        try world.put("a", "2")
        let trial = try world.fork("trial", at: 1)
        try world.delete("a", on: trial)
        try world.put("a", "3", on: trial)
        let page = try world.reader.history(.init(branch: trial, key: Key("a"), limit: 2), visible: world.head)
        #expect(page.versions.map(\.record.revision) == [5, 4])
        #expect(page.versions.map(\.record.isDeleted) == [false, true])
        #expect(page.versions[0].commit.agent == "ada")
        #expect(page.more)
        let rest = try world.reader.history(.init(branch: trial, key: Key("a"), before: 4), visible: world.head)
        #expect(rest.versions.map(\.record.revision) == [1])
        #expect(!rest.more)
    }

    @Test("the log goes both ways, filtered, and pages through a large commit")
    func log() throws {
        let world = try World()
        try world.put("plans/a", "1")
        try world.put("notes/a", "1")
        try world.fork("trial")
        let many = (0..<900).map {
            Change(Key(unchecked: "plans/\($0)"), .put(Put(Data(count: 3000), kind: Kind("raw"))))
        }
        _ = try world.write(.transaction(Transaction(context: "bulk", changes: many)))
        try world.put("plans/a", "2", on: BranchName("trial"))

        let reader = world.reader
        #expect(try reader.log(.init(branch: nil), visible: 5).commits.map(\.info.revision) == [5, 4, 3, 2, 1])
        #expect(try reader.log(.init(branch: .main), visible: 5).commits.map(\.info.revision) == [4, 2, 1])
        #expect(
            try reader.log(.init(branch: BranchName("trial")), visible: 5).commits.map(\.info.revision) == [5, 3, 2, 1])
        let notes = TopicFilter([Topic(unchecked: "notes/")])
        #expect(try reader.log(.init(branch: nil, filter: notes), visible: 5).commits.map(\.info.revision) == [2])
        #expect(try reader.log(.init(branch: nil, context: "bulk"), visible: 5).commits.count == 1)

        for ascending in [true, false] {
            var seen: [LogCursor] = []
            var request = GetLog(branch: nil, filter: .everything, ascending: ascending, values: true)
            var pages = 0
            while true {
                let page = try reader.log(request, visible: 5)
                pages += 1
                seen += page.commits.flatMap(\.records).map { LogCursor(revision: $0.revision, ordinal: $0.ordinal) }
                request.cursor = page.next
                if !page.more { break }
            }
            #expect(pages >= 3)
            #expect(seen.count == 903)
            #expect(Set(seen).count == 903)
            let revisions = seen.map(\.revision)
            #expect(revisions == (ascending ? revisions.sorted() : revisions.sorted().reversed()))
            if ascending { #expect(request.cursor == .end(of: 5)) }
        }
    }

    @Test("attributes, links, kinds, empty and odd values come back as they went in")
    func fidelity() throws {
        let world = try World()
        let put = Put(
            Data([0, 255, 0]), kind: Kind("odd"), attributes: ["z": "1", "a": "nul\u{0}nul"],
            links: [Link(relation: "about", target: Key(unchecked: "people/ada"))],
            expiry: .at(Timestamp(milliseconds: 5_000_000)))
        let batch = try world.write(
            .transaction(
                Transaction(
                    changes: [
                        Change(Key(unchecked: "odd"), .put(put)), Change(Key(unchecked: "empty"), .put(Put(Data()))),
                    ],
                    reads: [
                        ReadVersion(key: Key(unchecked: "x"), version: 0),
                        ReadVersion(key: Key(unchecked: "x"), version: 0),
                    ])))
        #expect(try world.get("odd") == batch.commits[0].records[0])
        #expect(try world.get("empty") == batch.commits[0].records[1])
        #expect(try world.reader.verify().problems == [])
        let nul = try world.write(.transaction(Transaction(message: "a\u{0}b")))
        #expect(nul.results[0].refusal?.code == .invalidArgument)
    }

    @Test("a digest equals that of the records read one by one")
    func digest() throws {
        let world = try World()
        for key in ["b", "a", "c/d"] { try world.put(key, "1") }
        try world.delete("a")
        var builder = StateDigest.Builder()
        for key in ["b", "c/d"] { builder.add(try world.get(key)) }
        let digest = try world.reader.digest(.everything, on: .main, visible: world.head)
        #expect(digest.digest == builder.finish())
        #expect(digest.at == world.writer.head)
    }
}
