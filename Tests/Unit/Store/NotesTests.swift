import Foundation
import MembusModel
import Testing

@testable import MembusStore

@Suite("Notes of who read what")
struct NotesTests {
    private func note(
        _ world: World, _ key: String, _ version: Revision, context: String = "c", time: Timestamp? = nil
    ) throws {
        let read = NotedRead(
            context: context, branch: .main, key: Key(unchecked: key), version: version, time: time ?? world.now)
        _ = try world.writer.write([.noteReads(NoteReads(agent: "bob", reads: [read]))], at: world.now)
    }

    private func notes(_ world: World) throws -> [String] {
        try world.writer.connection.perform("listing") { db in
            let cursor = try db.rows(
                "SELECT context, key, version FROM accesses ORDER BY first_read, context, key, version")
            var notes: [String] = []
            while let row = try cursor.next() {
                notes.append("\(try row[0] as String) \(try row[1] as String) \(try row[2] as Int64)")
            }
            return notes
        }
    }

    @Test("they go with the version that they name, and none is taken of one that is gone or never was")
    func versions() throws {
        let world = try World()
        for value in ["1", "2"] { try world.put("a", value) }
        try world.put("b", "1")
        let trial = try world.fork("trial", at: 1)
        for (key, version) in [("a", 1), ("a", 2), ("b", 3), ("none", 0), ("a", 3), ("a", 99)] as [(String, Int64)] {
            try note(world, key, version)
        }
        #expect(try notes(world) == ["c a 1", "c a 2", "c b 3", "c none 0"])
        try world.put("a", "3")
        try world.put("b", "2")
        try world.compact(to: 6)
        // The first is what the fork shows.
        #expect(try notes(world) == ["c a 1", "c none 0"])
        #expect(try world.text("a", on: trial) == "1")
        try note(world, "b", 3)
        try note(world, "a", 2)
        try note(world, "a", 5)
        #expect(try notes(world) == ["c a 1", "c a 5", "c none 0"])
    }

    @Test("beyond their share the oldest go; and whatever they take, they cost no history")
    func share() throws {
        let world = try World()
        try world.put("a", "1")
        let context = String(repeating: "c", count: 200)
        for number in 0..<2000 {
            world.now = world.now.advanced(by: .milliseconds(100))
            try note(world, "a", 1, context: context + "\(10_000 + number)")
        }
        try world.put("a", "2")
        world.now = world.now.advanced(by: .seconds(10))
        let retention = Retention(age: .seconds(1 << 30), bytes: 1 << 19, least: .zero, notesBytes: 1 << 18)
        func look() throws {
            _ = try world.writer.write([.compact(Compact(), by: retention)], at: world.now)
            while try world.writer.sweep() {}
        }
        try look()
        #expect(world.writer.floor == 0, "notes cost no history, even before they are measured")
        #expect(try notes(world).count == 2000)
        for _ in 0..<20 { try look() }
        let left = try notes(world)
        #expect(world.writer.floor == 0)
        #expect((500..<800).contains(left.count))
        #expect(left.last == "\(context)11999 a 1", "the newest stay")
        // By a clock that is far behind it is none of the first to go at once.
        try note(world, "a", 2, context: "late", time: Timestamp(milliseconds: 0))
        #expect(try notes(world).contains("late a 2"))
        try note(world, "a", 1, context: context + "10000")
        #expect(try notes(world).contains("\(context)10000 a 1"), "what was forgotten may be noted anew")
    }
}
