import Foundation
import MembusModel
import Testing

@testable import MembusStore

@Suite("Compaction")
struct CompactionTests {
    private func rows(_ world: World, _ table: String) throws -> Int64 {
        try world.writer.connection.perform("counting") { try $0.integer("SELECT count(*) FROM \(table)") ?? 0 }
    }

    @Test("superseded versions, idle deletions and empty commits go; heads and their authors stay")
    func drops() throws {
        let world = try World()
        try world.put("a", "1")
        try world.put("a", "2")
        try world.put("gone", "1")
        try world.delete("gone")
        try world.put("b", "1")
        try world.compact(to: 5)
        #expect(try rows(world, "changes") == 2)
        #expect(try rows(world, "commits") == 2)
        let history = try world.reader.history(.init(branch: .main, key: Key("a")), visible: 5)
        #expect(history.versions.map(\.commit.agent) == ["ada"])
        #expect(try world.reader.log(.init(branch: nil), visible: 5).commits.isEmpty)
        #expect(try world.reader.position(of: 5, visible: 5) == world.writer.head)
        #expect(try world.reader.verify().problems == [])
        #expect(try world.put("a", "3") == 6)
        #expect(try world.reader.verify().problems == [])
    }

    @Test("what the floor has passed can't be forked, logged or relied upon")
    func belowFloor() throws {
        let world = try World()
        for number in 1...4 { try world.put("a", "\(number)") }
        try world.put("t/x", "1")
        try world.delete("t/x")
        try world.compact(to: 6)
        let results = try world.write(
            .fork(Fork(name: BranchName("x"), at: 5)),
            .put("b", "1", if: [.unchanged(Topic(unchecked: "t/"), since: 4)]),
            .put("b", "1", if: [.unchanged(Topic(unchecked: "a"), since: 2)]),
            .put("b", "1", if: [.unchanged(Topic(unchecked: "t/"), since: 6)])
        ).results
        #expect(results.prefix(2).map { $0.refusal?.code } == [.belowFloor, .belowFloor])
        guard case .conflict = results[2].outcome else { throw Unexpected("expected a conflict") }
        guard case .committed = results[3].outcome else { throw Unexpected("expected a commit") }
        do {
            _ = try world.reader.log(.init(branch: nil, ascending: true, cursor: .end(of: 3)), visible: world.head)
            Issue.record("the log reached below the floor")
        } catch { #expect(error.code == .belowFloor) }
    }

    private func log(
        _ world: World, _ topic: String, after revision: Revision, on branch: BranchName = .main
    ) throws(Refusal) -> [Revision] {
        let page = try world.reader.log(
            .init(
                branch: branch, filter: TopicFilter([Topic(unchecked: topic)]), ascending: true,
                cursor: .end(of: revision)),
            visible: .max)
        return page.commits.flatMap(\.records).map(\.revision)
    }

    @Test("below the floor the log of topics of which nothing was dropped goes on, and that of others is refused")
    func quietTopics() throws {
        let world = try World()
        try world.put("alarms/a", "old")
        for number in 1...3 { try world.put("noise/x", "\(number)") }
        try world.put("alarms/fire", "kitchen")
        try world.put("gone", "1")
        try world.delete("gone")
        try world.compact(to: 7)
        #expect(try log(world, "alarms/", after: 1) == [5])
        #expect(try log(world, "alarms/fire", after: 2) == [5])
        #expect(try log(world, "alarms/", after: 0) == [1, 5])
        // What is left of it is all that came after the newest that was dropped.
        #expect(try log(world, "noise/", after: 3) == [4])
        for (topic, after) in [("noise/", 2), ("noise/x", 0), ("/", 6), ("gone", 6)] as [(String, Revision)] {
            do {
                _ = try log(world, topic, after: after)
                Issue.record("the log of \(topic) after \(after) lacks what was dropped")
            } catch { #expect(error.code == .belowFloor) }
        }
        let trial = try world.fork("trial", at: 7)
        #expect(try log(world, "noise/", after: 7, on: trial).isEmpty)
    }

    @Test("a basis below the floor is held against its hash, and then does not hinder")
    func basisBelowFloor() throws {
        let world = try World()
        try world.put("alarms/a", "old")
        for number in 1...3 { try world.put("noise/x", "\(number)") }
        let basis = try #require(try world.reader.position(of: 2, visible: .max))
        try world.compact(to: 4)
        func code(_ basis: Position) -> Refusal.Code? {
            let filter = TopicFilter([Topic(unchecked: "alarms/")])
            do {
                _ = try world.reader.log(
                    .init(branch: .main, filter: filter, ascending: true, cursor: .end(of: 2), basis: basis),
                    visible: .max)
                return nil
            } catch { return error.code }
        }
        #expect(code(basis) == nil)
        #expect(code(Position(revision: 2, hash: basis.hash &+ 1)) == .historyDiffers)
    }

    @Test("of what an older version has swept nobody knows what it was")
    func sweptBefore() throws {
        let scratch = try Scratch()
        var world: World? = try World(in: scratch)
        try #require(world).put("alarms/a", "old")
        for number in 1...3 { try #require(world).put("noise/x", "\(number)") }
        try #require(world).compact(to: 3)
        try #require(world).writer.connection.perform("going back") { db in
            try db.execute(
                """
                DROP TABLE merges; DROP TABLE reverted; DROP TABLE quarantined; ALTER TABLE commits DROP COLUMN provenance;
                DROP TABLE notes; ALTER TABLE commits DROP COLUMN reads; ALTER TABLE changes DROP COLUMN vectors;
                CREATE TABLE reads(revision INTEGER NOT NULL, ordinal INTEGER NOT NULL, key TEXT NOT NULL,
                  version INTEGER NOT NULL, PRIMARY KEY(revision, ordinal)) STRICT, WITHOUT ROWID;
                CREATE TABLE accesses(agent TEXT NOT NULL, context TEXT NOT NULL, branch INTEGER NOT NULL,
                  key TEXT NOT NULL, version INTEGER NOT NULL, first_read INTEGER NOT NULL,
                  PRIMARY KEY(agent, context, branch, key, version)) STRICT, WITHOUT ROWID;
                DROP TABLE bare; DROP INDEX tags_by_state; DROP INDEX branches_by_change;
                ALTER TABLE tags DROP COLUMN agent; ALTER TABLE tags DROP COLUMN message;
                ALTER TABLE tags DROP COLUMN time; ALTER TABLE tags DROP COLUMN created;
                ALTER TABLE branches DROP COLUMN inherited; ALTER TABLE branches DROP COLUMN closed;
                ALTER TABLE branches DROP COLUMN protected; ALTER TABLE branches DROP COLUMN deleted;
                ALTER TABLE branches DROP COLUMN changed;
                DROP INDEX commits_by_branch; DROP TABLE dropped;
                DELETE FROM meta WHERE key = 'dropped_up_to'; PRAGMA user_version = 2
                """)
        }
        world = nil
        let reopened = try World(reopening: scratch, number: 4)
        #expect(throws: Refusal.self) { try log(reopened, "alarms/", after: 1) }
        #expect(try log(reopened, "alarms/", after: 3).isEmpty)
        #expect(try reopened.put("alarms/b", "new") == 5)
        try reopened.compact(to: 5)
        #expect(try log(reopened, "alarms/", after: 3) == [5])
    }

    @Test("a list goes on below the floor as long as its state is held, and no longer")
    func heldState() throws {
        let world = try World()
        for key in ["a", "b", "c"] { try world.put(key, "1") }
        for key in ["a", "b", "c"] { try world.put(key, "2") }
        func page(after: String?) throws(Refusal) -> [String?] {
            try world.reader.range(
                .init(branch: .main, filter: .everything, at: 3, after: after.map { Key(unchecked: $0) }), visible: 6
            ).records.map(\.text)
        }
        try world.raiseFloor(to: 6)
        while try world.writer.sweep(budget: 1, upTo: 3) {}
        #expect(throws: Refusal.self) { try page(after: nil) }
        #expect(try page(after: "a") == ["1", "1"])
        while try world.writer.sweep(budget: 1) {}
        #expect(throws: Refusal.self) { try page(after: "a") }
        #expect(try rows(world, "changes") == 3)
    }

    @Test("by size the floor does not rise while what it has passed is still to be swept")
    func sizeWhileHeld() throws {
        let world = try World()
        for hour in 0..<32 {
            world.now = Timestamp(milliseconds: Int64(hour) * 3_600_000)
            try world.put("a", "\(hour)")
        }
        let tight = Retention(age: .seconds(900 * 3600), bytes: 1, least: .seconds(3600))
        func look() throws -> Revision {
            _ = try world.writer.write([.compact(Compact(), by: tight)], at: world.now)
            return world.writer.floor
        }
        let first = try look()
        #expect(first > 0)
        #expect(try look() == first)
        while try world.writer.sweep() {}
        #expect(try look() > first)
    }

    @Test("a place of another history is told from one that is no longer kept, before and after the sweep")
    func otherHistoryBelowFloor() throws {
        let world = try World()
        for number in 1...6 { try world.put("a", "\(number)") }
        let kept = try #require(try world.reader.position(of: 3, visible: 6))
        let foreign = Position(revision: 3, hash: kept.hash &+ 1)
        func code(_ place: Position) -> Refusal.Code? {
            do { _ = try world.reader.get([], on: .main, at: place, visible: 6) } catch { return error.code }
            return nil
        }
        #expect(code(kept) == nil)
        #expect(code(foreign) == .historyDiffers)
        for isSwept in [false, true] {
            if isSwept { try world.compact(to: 5) } else { try world.raiseFloor(to: 5) }
            #expect(code(kept) == .belowFloor)
            #expect(code(foreign) == .historyDiffers)
        }
    }

    @Test("compacting goes on after a restart where it stopped, and the head stays when all history goes")
    func restart() throws {
        let scratch = try Scratch()
        var world: World? = try World(in: scratch)
        for number in 1...30 { try #require(world).put("k\(number % 3)", "\(number)") }
        let head = try #require(world).writer.head
        try #require(world).raiseFloor(to: 30)
        #expect(try #require(world).writer.sweep(budget: 4))
        world = nil
        let reopened = try World(reopening: scratch, number: 30)
        #expect(reopened.writer.head == head)
        while try reopened.writer.sweep(budget: 4) {}
        #expect(try rows(reopened, "changes") == 3)
        #expect(try reopened.state() == ["k0": "30", "k1": "28", "k2": "29"])
        try reopened.delete("k0")
        #expect(try reopened.reader.verify().problems == [])
    }

    @Test("the window is by age, by size, and never younger than the least")
    func retention() throws {
        let world = try World()
        for hour in 0..<10 {
            world.now = Timestamp(milliseconds: Int64(hour) * 3_600_000)
            try world.put("a", "\(hour)")
        }
        func floor(_ request: Compact = Compact(), by retention: Retention = Retention()) throws -> Revision {
            _ = try world.writer.write([.compact(request, by: retention)], at: world.now)
            return world.writer.floor
        }
        #expect(try floor() == 0)
        #expect(try floor(by: Retention(age: .seconds(900 * 3600), bytes: 1, least: .seconds(2 * 3600))) == 1)
        #expect(try floor(by: Retention(age: .seconds(5 * 3600), bytes: .max, least: .zero)) == 4)
        #expect(try floor(Compact(below: 3)) == 4, "it never goes back")
        #expect(try floor(Compact(olderThan: .seconds(2 * 3600))) == 7)
        #expect(try floor(Compact(below: 99)) == 10)
    }

    @Test("whose history goes for want of space is told, and not what goes by its age")
    func evicted() throws {
        let world = try World()
        for hour in 0..<40 {
            world.now = Timestamp(milliseconds: Int64(hour) * 3_600_000)
            let topic = hour < 6 ? "old" : "noise"
            try world.put("\(topic)/\(hour % 2)", String(repeating: "x", count: 1000 + hour))
            if hour == 9 { try world.put("quiet", "now and then") }
        }
        func compact(by retention: Retention) throws {
            _ = try world.writer.write([.compact(Compact(), by: retention)], at: world.now)
            while try world.writer.sweep(budget: 3) {}
        }
        try compact(by: Retention(age: .seconds(32 * 3600), bytes: .max, least: .zero))
        #expect(world.writer.floor > 0 && world.writer.evictedHistory == nil)
        while world.writer.floor < 30 {
            try compact(by: Retention(age: .seconds(32 * 3600), bytes: 1, least: .seconds(3600)))
        }
        let evicted = try #require(world.writer.evictedHistory)
        #expect(evicted.segments.largest.map(\.name) == ["noise"] && evicted.segments.others.records == 0)
        #expect(evicted.all.records > 10 && evicted.all.bytes > evicted.all.records * 1000)
        let told = evicted.all
        try compact(by: Retention(age: .seconds(2 * 3600), bytes: .max, least: .zero))
        #expect(try #require(world.writer.evictedHistory).all == told)
    }

    @Test("a revision below the floor can still be told from another history's")
    func hashesOutliveCommits() throws {
        let world = try World()
        for number in 1...2100 { try world.put("a", "\(number)") }
        let places = try (1...2100).map { try world.reader.position(of: $0, visible: .max) }
        try world.raiseFloor(to: 2095)
        while try world.writer.sweep() {}
        for (index, place) in places.enumerated() {
            let now = try world.reader.position(of: Revision(index + 1), visible: .max)
            #expect(place != nil && now == place)
        }
    }

    @Test("of the hashes below the floor only the newest are kept")
    func oldHashes() throws {
        let world = try World()
        for number in 1...5000 { try world.put("a", "\(number)") }
        try world.writer.connection.perform("archiving") { db in
            try HashArchive.keep(db, from: 1, to: 3000, most: 1024)
            try HashArchive.keep(db, from: 3001, to: 5000, most: 1024)
            func hash(_ revision: Revision) throws -> UInt64? { try HashArchive.hash(db, of: revision) }
            #expect(try hash(1) == nil && hash(3000) == nil)
            let place = try Chain.position(db, of: 4500)
            #expect(try hash(4500) == place?.hash && hash(5000) != nil)
            #expect(try db.integer("SELECT count(*) FROM hashes") == 2)
        }
    }

    @Test("unused sessions go; their numbers are then unknown")
    func sessions() throws {
        let world = try World()
        try world.put("a", "1")
        let unused = SessionID(5)
        _ = try world.writer.write([.openSession(unused, agent: "idle")], at: world.now)
        func drop(after seconds: Int64) throws -> Int {
            world.now = Timestamp(milliseconds: world.now.milliseconds + seconds * 1000)
            try world.put("a", "\(seconds)")
            _ = try world.writer.write([.dropSessions(unusedFor: .seconds(60))], at: world.now)
            return try world.reader.sessionCount()
        }
        #expect(try [drop(after: 10), drop(after: 55), drop(after: 16)] == [2, 2, 1])
        world.session = unused
        #expect(try world.write(.put("a", "2")).results[0].refusal?.code == .unknownSession)
    }
}
