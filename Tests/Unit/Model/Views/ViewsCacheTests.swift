import Foundation
import MembusDice
import Testing

@testable import MembusModel

@Suite struct ViewsCacheTests {
    static func at(_ revision: Revision) -> Position { ViewBench.at(revision) }
    static func record(_ key: String, _ revision: Revision, size: Int = 8) -> Record {
        Record(key: Key(unchecked: key), revision: revision, content: .inline(Data(count: size)))
    }
    static func cache(_ mode: StreamMode = .update, capacity: Int = 1 << 20, notes: Int = 100) -> ViewCache {
        ViewCache(mode: mode, filter: TopicFilter([Topic(unchecked: "a/")]), capacity: capacity, mostNotes: notes)
    }
    static func name(_ hit: ViewCache.Hit) -> String {
        switch hit {
        case .record(let record): "\(record.key)@\(record.revision)"
        case .announced(let record): "announced \(record.key)@\(record.revision)"
        case .absent: "absent"
        case .miss: "miss"
        case .outside: "outside"
        }
    }

    @Test("an update view knows everything of its filter once it has a state") func knowsAll() {
        var cache = Self.cache()
        #expect(Self.name(cache.lookup("a/1")) == "miss")
        cache.install([Self.record("a/1", 3)], at: Self.at(5))
        #expect(Self.name(cache.lookup("a/1")) == "a/1@3")
        #expect(Self.name(cache.lookup("a/2")) == "absent")
        #expect(Self.name(cache.lookup("b/2")) == "outside")
        #expect(Self.name(cache.lookup("a//2")) == "outside")
        cache.apply([.deletion(of: Key(unchecked: "a/1"), revision: 6), Self.record("a/2", 6)], to: Self.at(6))
        #expect(Self.name(cache.lookup("a/1")) == "absent")
        #expect(Self.name(cache.lookup("a/2")) == "a/2@6")
        #expect(cache.cut == Self.at(6) && cache.count == 1)
    }

    @Test("a snapshot drops what it does not name, a reset everything") func snapshot() {
        var cache = Self.cache()
        cache.install([Self.record("a/1", 1), Self.record("a/2", 2)], at: Self.at(5))
        let handle = cache.slot(for: Key(unchecked: "a/1"))
        cache.install([Self.record("a/2", 2), Self.record("a/3", 7)], at: Self.at(8))
        #expect(cache.records().map(\.key.text) == ["a/2", "a/3"])
        #expect(Self.name(cache.read(slot: handle)) == "absent")
        cache.reset()
        #expect(Self.name(cache.read(slot: handle)) == "miss")
        #expect(cache.cut == nil && cache.count == 0)
        cache.install([Self.record("a/1", 1)], at: Self.at(1))
        #expect(Self.name(cache.read(slot: handle)) == "a/1@1")
    }

    @Test("keys are told apart byte by byte") func bytewise() {
        var cache = Self.cache()
        cache.install([Self.record("a/\u{e9}", 1), Self.record("a/e\u{301}", 2)], at: Self.at(5))
        #expect(cache.count == 2)
        #expect(Self.name(cache.lookup("a/e\u{301}")).hasSuffix("@2"))
    }

    @Test("the index finds every key, whatever was inserted and removed before") func index() {
        var random = Dice(seed: 5)
        var cache = Self.cache(capacity: 1 << 30)
        var truth: [String: Revision] = [:]
        cache.install([], at: Self.at(0))
        for revision in Revision(1)...6000 {
            let key = "a/\(random.below(900))"
            let isDeleted = random.chance(45)
            cache.apply(
                [isDeleted ? .deletion(of: Key(unchecked: key), revision: revision) : Self.record(key, revision)],
                to: Self.at(revision))
            truth[key] = isDeleted ? nil : revision
        }
        for key in (0..<900).map({ "a/\($0)" }) {
            #expect(Self.name(cache.lookup(key)) == (truth[key].map { "\(key)@\($0)" } ?? "absent"))
        }
        #expect(cache.count == truth.count)
        for key in truth.keys {
            cache.apply(
                [.deletion(of: Key(unchecked: key), revision: 9000)], to: Self.at((cache.cut?.revision ?? 0) + 1))
        }
        #expect(cache.bytes == 0)
    }

    @Test("over its cap an update view turns the largest values into announced ones") func strips() {
        var cache = Self.cache(capacity: 8000)
        let room = cache.install(
            [Self.record("a/1", 1, size: 3000), Self.record("a/2", 2, size: 5000), Self.record("a/3", 3, size: 1000)],
            at: Self.at(5))
        #expect(room == .enough && cache.bytes <= 8000)
        #expect(Self.name(cache.lookup("a/2")) == "announced a/2@2")
        #expect(Self.name(cache.lookup("a/1")) == "a/1@1")
    }

    @Test("keys that do not fit are reported with the figure") func overCapacity() {
        var cache = Self.cache(capacity: 2000)
        let room = cache.install((0..<100).map { Self.record("a/\($0)", 1) }, at: Self.at(5))
        guard case .overCapacity(let needed) = room else {
            Issue.record("it fits")
            return
        }
        #expect(needed > 20_000 && needed == cache.bytes)
    }

    @Test("an announced value is kept when it was fetched for the version that is announced") func fillsAnnounced() {
        var cache = Self.cache()
        cache.install([Self.record("a/1", 3).announced], at: Self.at(5))
        let key = Key(unchecked: "a/1")
        var ticket = cache.beginFill([key])
        #expect(cache.fill(ticket, with: [Self.record("a/1", 3)], at: Self.at(5)) == 1)
        #expect(Self.name(cache.lookup("a/1")) == "a/1@3")
        cache.apply([Self.record("a/1", 6).announced], to: Self.at(6))
        ticket = cache.beginFill([key])
        cache.apply([Self.record("a/1", 7).announced], to: Self.at(7))
        #expect(cache.fill(ticket, with: [Self.record("a/1", 6)], at: Self.at(6)) == 0)
        #expect(Self.name(cache.lookup("a/1")) == "announced a/1@7")
    }

    @Test("an invalidate view misses, is filled, and knows absence") func fills() {
        var cache = Self.cache(.invalidate)
        cache.install([], at: Self.at(5))
        let keys = [Key(unchecked: "a/1"), Key(unchecked: "a/2")]
        #expect(cache.take(keys).missing == keys)
        let ticket = cache.beginFill(keys)
        #expect(ticket.cut == Self.at(5))
        #expect(
            cache.fill(ticket, with: [Self.record("a/1", 3), .deletion(of: keys[1], revision: 0)], at: Self.at(5)) == 2)
        let taken = cache.take(keys)
        #expect(taken.missing.isEmpty && taken.cut == Self.at(5))
        #expect(taken.hits.map(Self.name) == ["a/1@3", "absent"])
        cache.apply([Self.record("a/1", 6).announced], to: Self.at(6))
        #expect(Self.name(cache.lookup("a/1")) == "announced a/1@6")
    }

    @Test("a fill is not kept after a change of its key, a snapshot or a reset, nor as of another revision")
    func voids() {
        let key = Key(unchecked: "a/1")
        func kept(at position: Position = Self.at(5), _ meanwhile: (inout ViewCache) -> Void) -> Int {
            var cache = Self.cache(.invalidate)
            cache.install([], at: Self.at(5))
            let ticket = cache.beginFill([key])
            meanwhile(&cache)
            return cache.fill(ticket, with: [Self.record("a/1", 3)], at: position)
        }
        #expect(kept { _ in } == 1)
        #expect(kept { $0.apply([Self.record("a/2", 6).announced], to: Self.at(6)) } == 1)
        #expect(kept { $0.apply([Self.record("a/1", 6).announced], to: Self.at(6)) } == 0)
        #expect(kept { $0.apply([.deletion(of: key, revision: 6)], to: Self.at(6)) } == 0)
        #expect(kept { $0.catchUp([Self.record("a/1", 6).announced], to: Self.at(6)) } == 0)
        #expect(kept { $0.install([], at: Self.at(6)) } == 0)
        #expect(kept { $0.reset() } == 0)
        #expect(
            kept {
                $0.reset()
                $0.install([], at: Self.at(5))
            } == 0)
        #expect(kept(at: Self.at(4)) { _ in } == 0)
        #expect(kept(at: Self.at(6)) { _ in } == 0)
    }

    @Test("eviction keeps what is read, stays under the cap, and an evicted key is not a deleted one") func evicts() {
        var cache = Self.cache(.invalidate, capacity: 20_000)
        cache.install([], at: Self.at(5))
        func fill(_ name: String, _ cache: inout ViewCache) {
            let ticket = cache.beginFill([Key(unchecked: name)])
            cache.fill(ticket, with: [Self.record(name, 1, size: 500)], at: Self.at(5))
        }
        fill("a/hot", &cache)
        for number in 0..<500 {
            fill("a/\(number)", &cache)
            #expect(cache.bytes <= 20_000)
            #expect(Self.name(cache.lookup("a/hot")) == "a/hot@1")
        }
        #expect(Self.name(cache.lookup("a/0")) == "miss")
        #expect(cache.slots.count < 60)
    }

    @Test("a context's first read of a version is noted once; notes are bounded") func notes() {
        var cache = Self.cache(notes: 3)
        cache.install([Self.record("a/1", 1)], at: Self.at(5))
        let handle = cache.slot(for: Key(unchecked: "a/2"))
        for _ in 0..<3 { _ = cache.lookup("a/1", context: 7) }
        for _ in 0..<3 { _ = cache.read(slot: handle, context: 7) }
        _ = cache.lookup("a/1")
        cache.apply([Self.record("a/1", 6)], to: Self.at(6))
        _ = cache.lookup("a/1", context: 7)
        _ = cache.lookup("a/1", context: 8)
        let first = cache.drainNotes()
        #expect(first.notes.map(\.version) == [1, 0, 6] && first.dropped == 1)
        _ = cache.lookup("a/1", context: 8)
        #expect(cache.drainNotes().notes == [ReadNote(context: 8, key: Key(unchecked: "a/1"), version: 6)])
    }

    @Test("a feed lists each changed key once, and says when it cannot list all") func feed() {
        var cache = Self.cache()
        cache.install([Self.record("a/0", 1), Self.record("a/9", 1)], at: Self.at(1))
        let feed = cache.openFeed(limit: 3)
        cache.apply([Self.record("a/2", 2)], to: Self.at(2))
        cache.apply([Self.record("a/1", 3), Self.record("a/2", 3)], to: Self.at(3))
        #expect(cache.drain(feed)?.changes.map { "\($0.key)@\($0.revision)" } == ["a/2@3", "a/1@3"])
        cache.install([Self.record("a/0", 1), Self.record("a/1", 3), Self.record("a/2", 3)], at: Self.at(9))
        #expect(cache.drain(feed)?.changes == [.init(key: Key(unchecked: "a/9"), revision: 9, isDeleted: true)])
        cache.apply((0..<5).map { Self.record("a/\($0)", 10) }, to: Self.at(10))
        #expect(cache.drain(feed)?.isPartial == true)
        #expect(cache.hasChanges(in: feed) == false)
        cache.reset()
        #expect(cache.drain(feed)?.isPartial == true)
    }

    @Test("equal states have equal digests, with and without values") func digests() {
        var one = Self.cache()
        var two = Self.cache()
        one.install([Self.record("a/1", 1), Self.record("a/2", 2)], at: Self.at(5))
        two.install([Self.record("a/2", 2).announced], at: Self.at(3))
        two.apply([Self.record("a/1", 1)], to: Self.at(4))
        #expect(one.digest() == two.digest())
        #expect(one.digest(TopicFilter([Topic(unchecked: "a/1")])).count == 1)
    }
}
