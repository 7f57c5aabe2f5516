import Foundation
import MembusModel
import MembusStore
import Testing

@testable import MembusBroker
@testable import MembusSteppedBroker

@Suite("Projections") struct ProjectionTests {
    private func amount(_ records: Int64, _ bytes: Int64) -> MemoryCounts.Amount {
        .init(records: records, bytes: bytes)
    }

    @Test("each change comes with what its branch showed before: its own, inherited, or nothing")
    func replaced() throws {
        let world = try FollowedStore()
        try world.put("a", "1")
        try world.put("b", "1")
        try world.put("a", "2")
        let trial = try world.fork("trial", at: 2)
        try world.put("a", "3", on: trial)
        try world.delete("b", on: trial)
        try world.put("b", "4", on: trial)
        try world.delete("b")
        try world.delete("b")  // of nothing: no commit
        let commits = try world.reader.commits(
            after: .origin, inline: .max, budget: 100, visible: world.head, of: { _ in true })
        #expect(commits.map(\.info.revision) == Array(1...8))
        #expect(
            commits.map { $0.changes.map { $0.replaced?.revision } } == [[nil], [nil], [1], [], [1], [2], [nil], [2]])
        #expect(commits[3].made?.name == trial && commits[3].made?.forkRevision == 2)
        #expect(commits.filter { $0.made != nil }.count == 1)
    }

    @Test("what expires is replaced by its deletion")
    func expiry() throws {
        let world = try FollowedStore()
        try world.change([("a", .put(Put(Data("xyz".utf8), expiry: .at(Timestamp(milliseconds: 2_000_000)))))])
        var feed = ProjectionFeed(Counts())
        try feed.finish(upTo: world.head, from: world.reader)
        #expect(feed.projection.told?.all == amount(1, 3))
        world.now = Timestamp(milliseconds: 3_000_000)
        _ = try world.writer.write([.expire], at: world.now)
        #expect(world.head == 2)
        try feed.finish(upTo: world.head, from: world.reader)
        #expect(feed.projection.told?.all == amount(0, 0) && feed.projection.told?.segments.names == 0)
    }

    @Test("nothing beyond what is visible is read, and a floor beyond it is waited for")
    func visible() throws {
        let world = try FollowedStore()
        for number in 1...5 { try world.put("a\(number)", "x") }
        var feed = ProjectionFeed(Counts(), budget: 100)
        try feed.finish(upTo: 3, from: world.reader)
        #expect(feed.projection.told?.at.revision == 3 && feed.projection.told?.all == amount(3, 3))
        try world.compact(to: 5)
        feed = ProjectionFeed(Counts())
        #expect(try feed.finish(upTo: 4, from: world.reader) == 1)
        #expect(feed.projection.told == nil)
        try feed.finish(upTo: 5, from: world.reader)
        #expect(feed.projection.told?.all == amount(5, 5))
    }

    @Test("who is below the floor begins anew from the state there, also when it is overtaken on the way")
    func belowFloor() throws {
        let world = try FollowedStore()
        for number in 1...20 { try world.put("k\(number)", "x") }
        var feed = ProjectionFeed(MirroredBranches(), budget: 4)
        while feed.projection.position?.revision != 4 { _ = try feed.step(upTo: 20, from: world.reader) }
        try world.compact(to: 10)
        for number in 1...5 { try world.delete("k\(number)") }
        #expect(try feed.step(upTo: 25, from: world.reader))
        #expect(feed.projection.position == nil && feed.begun.belowFloor == 1)
        while feed.projection.branches[.main] == nil { _ = try feed.step(upTo: 25, from: world.reader) }
        // In the middle of the state at 10.
        #expect(feed.projection.position == nil)
        try world.compact(to: 22)
        try feed.finish(upTo: 25, from: world.reader)
        #expect(feed.begun.belowFloor == 2)
        let state = try world.state(of: .main, at: 25)
        #expect(feed.projection.branches[.main] == state && state.count == 15)
        #expect(feed.projection.faults == [])
    }

    @Test("in another history, of the same length or shorter, it begins anew")
    func otherHistory() throws {
        let (world, other, short) = (try FollowedStore(), try FollowedStore(), try FollowedStore())
        for store in [world, other] {
            try store.put("shared", "x")
            try store.put("of", store === world ? "ours" : "theirs, and longer")
        }
        try short.put("shared", "x")
        #expect(world.writer.head != other.writer.head)
        var feed = ProjectionFeed(Counts())
        try feed.finish(upTo: 2, from: world.reader)
        #expect(feed.projection.told?.at == world.writer.head)
        try feed.finish(upTo: 2, from: other.reader)
        #expect(feed.begun.ofAnotherHistory == 1 && feed.projection.told?.at == other.writer.head)
        #expect(feed.projection.told?.all == amount(2, 19))
        try feed.finish(upTo: 1, from: short.reader)
        #expect(feed.begun.ofAnotherHistory == 2 && feed.projection.told?.all == amount(1, 1))
        // What both hold is gone on from.
        try feed.finish(upTo: 2, from: world.reader)
        #expect(feed.begun.ofAnotherHistory == 2 && feed.projection.told?.at == world.writer.head)
    }

    @Test("a step looks at as many rows as it may, whether or not they hold a record")
    func bounded() throws {
        let world = try FollowedStore()
        let keys = (0..<600).map { "k\($0)" }
        try world.change(keys.map { ($0, .put(Put(Data()))) })
        let trial = try world.fork("trial")
        try world.change(keys.map { ($0, .delete) }, on: trial)
        for number in 0..<100 { try world.put("main", "\(number)") }
        try world.compact(to: 3)
        // Nothing on the branch has a record, and yet each of its keys is looked at.
        let page = try world.reader.state(
            of: trial, at: try world.reader.floor(), after: nil, inline: 0, budget: 50, visible: world.head)
        #expect(page.records.isEmpty && page.next != nil)
        var feed = ProjectionFeed(MirroredBranches(), budget: 50)
        // The beginning, two states of 600 keys (of which the last pages may be empty), their end, 100 commits of a
        // commit and a change each.
        let steps = try feed.finish(upTo: world.head, from: world.reader)
        #expect(steps >= 1 + 24 + 1 + 4 && steps <= 1 + 26 + 1 + 5, "\(steps) steps")
        #expect(feed.projection.branches[trial] ?? [:] == [:])
    }

    @Test("a commit is not split, however many changes it has")
    func wholeCommits() throws {
        let world = try FollowedStore()
        try world.put("a", "x")
        try world.change((0..<300).map { ("k\($0)", .put(Put(Data()))) })
        try world.put("b", "x")
        let commits = try world.reader.commits(
            after: .origin, inline: 0, budget: 10, visible: world.head, of: { _ in true })
        #expect(commits.map(\.changes.count) == [1, 300])
    }

    @Test("the status tells what was counted, and as of which state")
    func status() throws {
        var world = try CoreWorld()
        let session = try world.openSession()
        func counts(_ world: inout CoreWorld) throws -> MemoryCounts? {
            let id = world.ask(.status(GetStatus()))
            world.readAll()
            guard case .status(let figures)? = world.reply(id)?.body else { throw Refusal(.malformed, "no status") }
            return figures.counts
        }
        #expect(try counts(&world) == nil)
        world.ask(transact(session, 1, try put("plans/a", "12345"), try put("plans/b"), try put("note")))
        try world.commitAll()
        try world.broker.project()
        world.ask(transact(session, 2, try put("later")))
        try world.commitAll()
        let told = try #require(try counts(&world))
        #expect(told.at.revision == 1 && told.all == amount(3, 7))
        #expect(told.segments.largest.map(\.name) == ["plans", "note"])
        #expect(told.segments.largest.map(\.amount) == [amount(2, 6), amount(1, 1)])
        #expect(told.owners.largest == [.init(name: "ada", amount: amount(3, 7))])
        #expect(told.segments.names == 2 && told.segments.others == amount(0, 0))
    }
}
