import Foundation
import MembusModel
import MembusStore
import Testing

@Suite("Pulls")
struct PullTests {
    private let everything = PullFilter(branch: .main, topics: .everything, mode: .update)

    private func token(_ world: World, _ revision: Revision) throws -> Token {
        Token(
            lineage: world.store.lineage,
            position: try #require(try world.reader.position(of: revision, visible: world.head)))
    }

    private func code(_ body: () throws -> Void) -> Refusal.Code? {
        do {
            try body()
            return nil
        } catch { return (error as? Refusal)?.code }
    }

    @Test("a large state comes in pages of one revision, whatever is written meanwhile")
    func pages() throws {
        let world = try World()
        for part in 0..<10 {
            let changes = (0..<900).map {
                Change(Key(unchecked: "k/\(part)/\($0)"), .put(Put(Data(String(repeating: "v", count: 200).utf8))))
            }
            _ = try world.write(.transaction(Transaction(changes: changes)))
        }
        var page = try world.reader.pull(everything, from: nil, visible: world.head)
        #expect(page.expected == 9000)
        var keys = Set(page.records.map(\.key))
        var count = page.records.count
        while let next = page.next {
            #expect(page.isSnapshot)
            try world.put("k/0/\(count)", "changed")
            page = try world.reader.pull(everything, from: nil, page: next, visible: world.head)
            keys.formUnion(page.records.map(\.key))
            count += page.records.count
            #expect(page.records.allSatisfy { $0.revision <= 10 })
        }
        #expect(keys.count == 9000)
        #expect(count == 9000)
        #expect(page.target.revision == 10)
    }

    @Test("a value over the inline limit is announced; an invalidate stream carries none")
    func announced() throws {
        let world = try World()
        try world.put("small", "s")
        try world.put("large", String(repeating: "x", count: 20_000))
        let update = try world.reader.pull(everything, from: nil, visible: 2)
        #expect(update.records.map(\.size) == [20_000, 1])
        #expect(update.records.map { $0.value == nil } == [true, false])
        let invalidate = PullFilter(branch: .main, topics: .everything, mode: .invalidate)
        let snapshot = try world.reader.pull(invalidate, from: nil, visible: 2)
        #expect(snapshot.isSnapshot && snapshot.records.isEmpty && snapshot.next == nil)
        let delta = try world.reader.pull(invalidate, from: try token(world, 1), visible: 2)
        #expect(!delta.isSnapshot)
        #expect(delta.records.map { $0.value == nil } == [true])
    }

    @Test("another history, another lineage, a future revision and a forged page are refused")
    func refusals() throws {
        let world = try World()
        try world.put("a", "1")
        try world.put("a", "2")
        let reader = world.reader
        let wrong = Token(lineage: world.store.lineage, position: Position(revision: 1, hash: 3))
        #expect(code { _ = try reader.pull(everything, from: wrong, visible: 2) } == .historyDiffers)
        let foreign = Token(lineage: Lineage(1), position: try token(world, 1).position)
        #expect(code { _ = try reader.pull(everything, from: foreign, visible: 2) } == .historyDiffers)
        let ahead = try token(world, 2)
        #expect(code { _ = try reader.pull(everything, from: ahead, visible: 1) } == .historyDiffers)
        #expect(code { _ = try reader.pull(everything, from: nil, atLeast: 3, visible: 2) } == .notYetVisible)
        let first = try token(world, 1).position
        let forged = PageToken(content: .changes(base: first, after: .end(of: 7)), target: ahead.position)
        #expect(code { _ = try reader.pull(everything, from: nil, page: forged, visible: 2) } == .pullBroken)
        let extreme = PageToken(
            content: .changes(base: first, after: LogCursor(revision: .max, ordinal: 1)), target: ahead.position)
        #expect(code { _ = try reader.pull(everything, from: nil, page: extreme, visible: 2) } == .pullBroken)
    }

    @Test("a pull under way ends when the floor passes it; a new one gets a snapshot, if its cut is of this history")
    func floor() throws {
        let world = try World()
        for number in 1...5 { try world.put("a", "\(number)") }
        let base = try token(world, 1)
        let page = PageToken(
            content: .changes(base: base.position, after: .end(of: 1)), target: try token(world, 4).position)
        #expect(try world.reader.pull(everything, from: base, page: page, visible: 5).records.count == 3)
        try world.compact(to: 3)
        #expect(code { _ = try world.reader.pull(everything, from: base, page: page, visible: 5) } == .belowFloor)
        #expect(try world.reader.pull(everything, from: base, visible: 5).isSnapshot)
        let foreign = Token(lineage: base.lineage, position: Position(revision: 1, hash: base.position.hash &+ 1))
        #expect(code { _ = try world.reader.pull(everything, from: foreign, visible: 5) } == .historyDiffers)
        let atFloor = try token(world, 3)
        let delta = try world.reader.pull(everything, from: atFloor, visible: 5)
        #expect(!delta.isSnapshot)
        #expect(delta.records.map(\.revision) == [4, 5])
    }

    @Test("many changes of few keys come as a snapshot, few changes of many keys as changes")
    func cheaper() throws {
        let world = try World()
        let changes = (0..<1000).map { Change(Key(unchecked: "many/\($0)"), .put(Put(Data("v".utf8)))) }
        _ = try world.write(.transaction(Transaction(changes: changes)))
        try world.put("hot", "0")
        let start = try token(world, 2)
        for batch in 0..<8 {
            let works = (0..<100).map { world.item(.put("hot", "\(batch)-\($0)"), acknowledged: UInt64(batch * 100)) }
            _ = try world.writer.write(works, at: world.now)
        }
        let hot = PullFilter(branch: .main, topics: TopicFilter([Topic(unchecked: "hot")]), mode: .update)
        #expect(try world.reader.pull(hot, from: start, visible: world.head).isSnapshot)
        let many = PullFilter(branch: .main, topics: TopicFilter([Topic(unchecked: "many/")]), mode: .update)
        #expect(try !world.reader.pull(many, from: start, visible: world.head).isSnapshot)
    }
}
