import Foundation
import MembusModel
import MembusSystem
import Testing

@testable import MembusStore

@Suite("Free space")
struct FreeSpaceTests {
    private func size(_ path: String) -> Int64 { ReadableFile.size(of: path) }

    private func pragma(_ path: String, _ name: String) throws -> Int64? {
        let queue = try DatabaseQueue(path: path)
        defer { try? queue.close() }
        return try queue.inDatabase { try $0.integer("PRAGMA \(name)") }
    }

    /// Some 8 MB, and nothing of it is needed any more.
    private func fill(_ world: World) throws {
        for batch in 0..<40 {
            let changes = (0..<100).map {
                Change(Key(unchecked: "k/\(batch)/\($0)"), .put(Put(Data(repeating: 65, count: 2000))))
            }
            _ = try world.write(.transaction(Transaction(changes: changes)))
        }
        for batch in 0..<40 {
            let changes = (0..<100).map { Change(Key(unchecked: "k/\(batch)/\($0)"), .delete) }
            _ = try world.write(.transaction(Transaction(changes: changes)))
        }
        try world.put("left", "1")
    }

    @Test("what is dropped is given back in small steps; backups hold no free page")
    func shrinks() throws {
        let scratch = try Scratch()
        let world = try World(directory: scratch.file("data"))
        let file = scratch.file("data/membus.db")
        let checkpointer = try #require(try world.store.makeCheckpointer())
        try fill(world)
        try checkpointer.run()
        let full = size(file)
        #expect(full > 8_000_000)
        try world.raiseFloor(to: world.head)
        while try world.writer.sweep(budget: 500), size(scratch.file("backup")) == 0 {
            let free = try world.writer.connection.perform("looking") { try $0.integer("PRAGMA freelist_count") ?? 0 }
            if free > 1500 { _ = try world.reader.backup(to: scratch.file("backup")) }
        }
        #expect((1..<full - 4_000_000).contains(size(scratch.file("backup"))))
        #expect(try pragma(scratch.file("backup"), "freelist_count") == 0)
        var steps = 0
        while try world.writer.sweep() { steps += 1 }
        #expect((5..<50).contains(steps), "of 1 MiB each")
        try checkpointer.run()
        #expect(size(file) < full / 4)
        #expect(try world.reader.verify().problems == [])
        #expect(try world.state() == ["left": "1"])
    }

    @Test("a store of an earlier release keeps its size; its backups give space back, and so does what is restored")
    func earlier() throws {
        let scratch = try Scratch()
        let file = scratch.file("data/membus.db")
        do {
            let world = try World(directory: scratch.file("data"))
            try world.put("a", "1")
        }
        let queue = try DatabaseQueue(path: file)
        try queue.inDatabase { try $0.execute("PRAGMA auto_vacuum = NONE; VACUUM") }
        try queue.close()
        try FileManager.default.copyItem(atPath: file, toPath: scratch.file("early"))
        let world = try World(directory: scratch.file("data"))
        world.session = SessionID(78)
        _ = try world.writer.write([.openSession(world.session, agent: "ada")], at: world.now)
        try fill(world)
        try world.raiseFloor(to: world.head)
        while try world.writer.sweep() {}
        try world.store.makeCheckpointer()?.run()
        #expect(size(file) > 8_000_000)
        _ = try world.reader.backup(to: scratch.file("backup"))
        #expect(size(scratch.file("backup")) < 1_000_000)
        #expect(try pragma(scratch.file("backup"), "auto_vacuum") == 2)
        _ = try Store.restore(scratch.file("early"), into: scratch.file("new"), newLineage: 5)
        #expect(try pragma(scratch.file("new/membus.db"), "auto_vacuum") == 2)
        #expect(try World(directory: scratch.file("new")).text("a") == "1")
    }
}
