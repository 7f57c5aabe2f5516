import Foundation
import MembusModel
import Synchronization
import Testing

@testable import MembusStore

@Suite("The file")
struct FileTests {
    @Test("the writer syncs every commit and leaves the log alone")
    func settings() throws {
        let scratch = try Scratch()
        let world = try World(in: scratch)
        let settings = try world.writer.connection.perform("looking") { db in
            try ["synchronous", "journal_mode", "wal_autocheckpoint"].map {
                try db.word("PRAGMA \($0)")
            }
        }
        #expect(settings == ["2", "wal", "0"])
        try world.put("a", "1")
        #expect(world.store.sizes.wal > 0)
        let left = try #require(try world.store.makeCheckpointer()).run()
        #expect(left == world.store.sizes.wal)
    }

    @Test("a log that is full is written over from its start, and keeps its size")
    func restart() throws {
        let scratch = try Scratch()
        let world = try World(in: scratch)
        try world.put("a", String(repeating: "x", count: 100_000))
        let small = try #require(try world.store.makeCheckpointer(largest: 50_000))
        let size = try small.run()
        #expect(size == world.store.sizes.wal && size > 100_000)
        try world.put("b", String(repeating: "y", count: 80_000))
        #expect(world.store.sizes.wal == size)
        #expect(try world.text("a")?.utf8.count == 100_000)
    }

    @Test("a log that commits keep from being checkpointed to its end is started anew all the same")
    func startedAnew() throws {
        let scratch = try Scratch()
        let world = try World(in: scratch)
        let small = try #require(try world.store.makeCheckpointer(largest: 500_000))
        let reading = try Connection.open(scratch.file("membus.db"), as: .reader)
        try world.put("a", String(repeating: "x", count: 1_000_000))
        let size = try reading.snapshot("reading") { db in
            _ = try db.integer("SELECT count(*) FROM commits")
            // As if it had come while the log was being checkpointed: beyond what this read still needs.
            try world.put("b", "y")
            return try small.run()
        }
        try world.put("c", String(repeating: "z", count: 800_000))
        #expect(world.store.sizes.wal == size)
    }

    @Test("a read of any length holds up no commit, however large the log has grown")
    func longRead() throws {
        let scratch = try Scratch()
        let world = try World(in: scratch)
        let small = try #require(try world.store.makeCheckpointer(largest: 10_000))
        let reading = try Connection.open(scratch.file("membus.db"), as: .reader)
        let isDone = Atomic<Bool>(false)
        try reading.snapshot("reading") { db in
            _ = try db.integer("SELECT count(*) FROM commits")
            let checkpointing = Thread { while !isDone.load(ordering: .relaxed) { _ = try? small.run() } }
            checkpointing.start()
            defer { isDone.store(true, ordering: .relaxed) }
            for round in 0..<40 {
                let start = ContinuousClock.now
                try world.put("a", String(repeating: "x", count: 20_000))
                let time = ContinuousClock.now - start
                #expect(time < .seconds(1), "commit \(round)")
            }
            #expect(world.store.sizes.wal > 16 * 10_000)
        }
    }

    @Test("a log that a long read left very large is cut")
    func truncation() throws {
        let scratch = try Scratch()
        let world = try World(in: scratch)
        try world.put("a", String(repeating: "x", count: 900_000))
        let small = try #require(try world.store.makeCheckpointer(largest: 50_000))
        #expect(try small.run() == 0)
        #expect(try world.text("a")?.utf8.count == 900_000)
    }

    @Test("a second broker on the directory is refused with the holder's pid, until the first ends")
    func locking() throws {
        let scratch = try Scratch()
        var world: World? = try World(in: scratch)
        #expect(world != nil)
        do {
            _ = try Store.open(at: scratch.path, newLineage: 1)
            Issue.record("two brokers share a directory")
        } catch {
            #expect(error.kind == .locked)
            #expect(error.message.contains(scratch.path))
            #expect(error.message.contains("\(ProcessInfo.processInfo.processIdentifier)"))
        }
        world = nil
        #expect(try Store.open(at: scratch.path, newLineage: 1).lineage == Lineage(4711))
    }

    @Test("a newer version, a foreign file and something that is no directory are each refused by name")
    func refusals() throws {
        let scratch = try Scratch()
        func refusal(_ name: String, prepare: (String) throws -> Void) throws -> StoreError.Kind? {
            let directory = scratch.file(name)
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            try prepare(directory + "/membus.db")
            do {
                _ = try Store.open(at: directory, newLineage: 1)
                return nil
            } catch {
                #expect(error.message.contains(directory))
                #expect(!error.hint.isEmpty)
                return error.kind
            }
        }
        #expect(
            try refusal("newer") { path in
                _ = try World(directory: (path as NSString).deletingLastPathComponent)
                try DatabaseQueue(path: path).inDatabase { try $0.execute("PRAGMA user_version = 99") }
            } == .newerVersion)
        #expect(
            try refusal("foreign") { path in
                try DatabaseQueue(path: path).inDatabase { try $0.execute("CREATE TABLE t(a)") }
            } == .foreign)
        #expect(
            try refusal("text") {
                try "not a database, but long enough to look at".write(toFile: $0, atomically: true, encoding: .utf8)
            } == .foreign)
        try "x".write(toFile: scratch.file("file"), atomically: true, encoding: .utf8)
        #expect(throws: StoreError.self) { try Store.open(at: scratch.file("file"), newLineage: 1) }
    }

    @Test("a full disk refuses the batch whole, and the store goes on")
    func diskFull() throws {
        let scratch = try Scratch()
        let world = try World(in: scratch)
        try world.put("a", "1")
        try world.writer.connection.perform("limiting") { db in
            let pages = try db.integer("PRAGMA page_count") ?? 0
            try db.execute("PRAGMA max_page_count = \(pages + 5)")
        }
        let before = world.number
        do {
            _ = try world.write(.put("b", "1"), .put("big", String(repeating: "x", count: 200_000)))
            Issue.record("it fitted")
        } catch {
            let error = try #require(error as? StoreError)
            #expect(error.kind == .diskFull)
            #expect(error.refusal.code == .diskFull)
        }
        #expect(world.head == 1)
        #expect(try world.state() == ["a": "1"])
        world.number = before
        try world.writer.connection.perform("freeing") { try $0.execute("PRAGMA max_page_count = 1000000") }
        #expect(try world.put("b", "2") == 2)
        #expect(try world.reader.verify().problems == [])
    }

    @Test("errors of a sync, and I/O errors while committing, are fatal; others are not")
    func errors() {
        func kind(_ code: ResultCode, _ moment: StoreError.Moment) -> StoreError.Kind {
            StoreError(DatabaseError(code), while: "writing", at: moment).kind
        }
        #expect(kind(.sync, .working) == .fatal)
        #expect(kind(.write, .committing) == .fatal)
        #expect(kind(.write, .working) == .failed)
        #expect(kind(.full, .committing) == .diskFull)
        #expect(kind(.readOnlyDirectory, .working) == .readOnly)
        #expect(kind(.busy, .working) == .failed)
        #expect(kind(.corrupt, .working) == .fatal)
        #expect(kind(.corrupt, .opening) == .damaged)
    }

    @Test(
        "verify finds a changed byte in a value, in a hash, in a read and in a message",
        arguments: [
            "UPDATE changes SET value = x'62' WHERE position >> 20 = 2",
            "UPDATE commits SET hash = zeroblob(32) WHERE revision = 2",
            "UPDATE commits SET message = 'other' WHERE revision = 1",
            "UPDATE commits SET reads = NULL WHERE revision = 3",
            "DELETE FROM commits WHERE revision = 2",
            "DELETE FROM commits WHERE revision = 3",
            "DELETE FROM changes WHERE position >> 20 = 2",
            "UPDATE branches SET fork_revision = 2 WHERE name = 'trial'",
        ])
    func verification(fault: String) throws {
        let scratch = try Scratch()
        let world = try World(in: scratch)
        try world.put("a", "a")
        try world.put("b", "a")
        let read = ReadVersion(key: Key(unchecked: "a"), version: 1)
        _ = try world.write(
            .transaction(Transaction(changes: [Change(Key(unchecked: "c"), .put(Put(Data("c".utf8))))], reads: [read])))
        try world.fork("trial", at: 1)
        #expect(try world.reader.verify().problems == [])
        try world.writer.connection.perform("harming") { try $0.execute(fault) }
        let found = try Store.reader(at: scratch.path).verify()
        #expect(!found.problems.isEmpty, "\(fault)")
        #expect(found.revision == 4)
    }

    @Test("a store can be verified without a broker")
    func offline() throws {
        let scratch = try Scratch()
        try World(in: scratch).put("a", "1")
        let found = try Store.reader(at: scratch.path).verify()
        #expect(found == .init(revision: 1, floor: 0, commits: 1, changes: 1, problems: []))
        #expect(throws: StoreError.self) { try Store.reader(at: scratch.file("nothing")) }
    }

    @Test("a path is a path, whatever SQLite would make of it", arguments: ["a?mode=ro", "file:a", "a%41#b", "é b"])
    func paths(name: String) throws {
        let scratch = try Scratch()
        let directory = scratch.file(name)
        try World(directory: directory).put("a", "1")
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == [name])
        #expect(try Store.verification(at: directory).commits == 1)
        #expect(SQLiteName.of("file:a") == "./file:a")
    }

    @Test("a file that is looked at is left as it is, and what was found counts only if it stayed so")
    func looking() throws {
        let scratch = try Scratch()
        var world: World? = try World(in: scratch)
        try world?.put("a", "1")
        let file = scratch.file("membus.db")
        let beside = Looking(file)
        try world?.put("a", "2")
        #expect(beside.holds)
        world = nil
        // A reader that is the last to close leaves the log; a writer takes it away.
        _ = try Store.open(at: scratch.path, newLineage: 1)
        #expect(try Set(FileManager.default.contentsOfDirectory(atPath: scratch.path)) == ["lock", "membus.db"])
        let alone = Looking(file)
        #expect(try Store.reader(ofFile: file).verify().commits == 2)
        #expect(try Set(FileManager.default.contentsOfDirectory(atPath: scratch.path)) == ["lock", "membus.db"])
        #expect(alone.holds)
        world = try World(reopening: scratch, number: 2)
        _ = try world?.store.makeCheckpointer()?.run()
        try world?.put("a", "3")
        _ = try world?.store.makeCheckpointer()?.run()
        #expect(!alone.holds)
    }

    @Test("a migration expands at once, fills in steps, then contracts; a crash between is continued")
    func migrations() throws {
        let queue = try DatabaseQueue()
        let second = Migration(
            version: Schema.version + 1, expand: { try $0.execute("CREATE TABLE extra(n); CREATE TABLE old(n)") },
            backfill: { db in
                try db.execute("INSERT INTO extra VALUES(1)")
                return try db.integer("SELECT count(*) FROM extra") ?? 0 < 3
            }, contract: { try $0.execute("DROP TABLE old") })
        let migrator = Migrator(migrations: Migration.all + [second])
        try queue.inDatabase { db in
            try migrator.expand(db, from: 0)
            #expect(try db.integer("PRAGMA user_version") == Int64(Schema.version + 1))
            #expect(try db.tableExists("old"))
            #expect(try migrator.step(db))
            #expect(try Migrator(migrations: migrator.migrations).step(db))
            #expect(try !migrator.step(db))
            #expect(try !db.tableExists("old"))
            #expect(try !migrator.step(db))
        }
    }
}
