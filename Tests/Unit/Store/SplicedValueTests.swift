import Foundation
import MembusModel
import Testing

@testable import MembusStore

@Suite("Versions told by what they changed")
struct SplicedValueTests {
    private func append(_ world: World, _ key: String, _ text: String, on branch: BranchName = .main) throws {
        _ = try world.revision(world.write(.change(key, .append(Data(text.utf8)), on: branch)))
    }

    private func count(_ world: World, _ sql: String) throws -> Int64 {
        try world.writer.connection.perform("counting") { try $0.integer(sql) ?? 0 }
    }

    private func storedBytes(_ world: World) throws -> Int64 {
        try count(world, "SELECT sum(coalesce(length(value), 0)) FROM changes")
    }

    @Test("a splice gives the new value, and keeps what the old one has of it")
    func splices() throws {
        for (old, new) in [
            ("", "abc"), ("abc", "abcdef"), ("abc", ""), ("aaaa", "aaa"), ("aaa", "aaaa"), ("one two", "one three two"),
            ("same", "same"), ("x", "y"),
        ] {
            let splice = Splice(from: Data(old.utf8), to: Data(new.utf8), ordinal: 7)
            #expect(splice.size == new.utf8.count)
            #expect(splice.start + splice.end <= old.utf8.count)
            #expect(try Splice(decoding: splice.encoded) == splice)
            var value = Data(old.utf8)
            try splice.apply(to: &value)
            #expect(value == Data(new.utf8))
        }
        let long = Splice(from: Data("0123456789".utf8), to: Data("0123456789!".utf8), ordinal: 1)
        #expect(long.middle == Data("!".utf8))
        var short = Data("012".utf8)
        #expect(throws: Splice.Misfit.self) { try long.apply(to: &short) }
        for bytes in [Data(), Data(repeating: 0xFF, count: 24), Data(repeating: 0, count: 23)] {
            #expect(throws: Splice.Misfit.self) { try Splice(decoding: bytes) }
        }
    }

    @Test("appends cost what they append, and each version is whole to its reader")
    func appends() throws {
        let world = try World()
        let line = String(repeating: "x", count: 99) + "\n"
        for _ in 0..<1200 { try append(world, "log", line) }
        // A whole version for each would take 72 MB. Each byte is stored once a level, and whole at each doubling.
        #expect(try storedBytes(world) < 6 * 1200 * 100)
        for revision in [1, 2, 15, 16, 17, 255, 256, 257, 272, 700, 1024, 1199, 1200] as [Revision] {
            #expect(try world.get("log", at: revision).value?.count == Int(revision) * 100, "at \(revision)")
        }
        #expect(try world.text("log") == String(repeating: line, count: 1200))
        #expect(try world.reader.verify().problems == [])
    }

    @Test("a size is told without putting the value together")
    func announced() throws {
        let world = try World()
        for _ in 0..<40 { try append(world, "log", String(repeating: "y", count: 100)) }
        let everything = GetRange(branch: .main, filter: .everything, keysOnly: true)
        let page = try world.reader.range(everything, visible: world.head)
        #expect(page.records.map(\.size) == [4000])
        #expect(page.records.first?.value == nil)
    }

    @Test("what a branch inherited is no base of its own versions, and goes with its own branch alone")
    func branches() throws {
        let world = try World()
        for _ in 0..<20 { try append(world, "log", String(repeating: "m", count: 100)) }
        let branch = try world.fork("trial", at: 10)
        for _ in 0..<20 { try append(world, "log", String(repeating: "t", count: 100), on: branch) }
        try world.compact(to: world.head)
        #expect(try world.text("log") == String(repeating: "m", count: 2000))
        #expect(
            try world.text("log", on: branch)
                == String(repeating: "m", count: 1000) + String(repeating: "t", count: 2000))
        let across = """
            SELECT count(*) FROM spliced JOIN changes c USING(position) JOIN changes b ON b.position = spliced.base
            WHERE c.branch <> b.branch
            """
        #expect(try count(world, across) == 0)
        #expect(try world.reader.verify().problems == [])
    }

    @Test("compaction drops all but what the versions that stay are told by")
    func compaction() throws {
        let world = try World()
        for _ in 0..<600 { try append(world, "log", String(repeating: "z", count: 50)) }
        try world.compact(to: world.head)
        #expect(try world.get("log").value?.count == 30_000)
        #expect(try count(world, "SELECT count(*) FROM changes") <= 46)
        #expect(try count(world, "SELECT count(*) FROM spliced") < count(world, "SELECT count(*) FROM changes"))
        // A whole version lets all of it go.
        try world.put("log", "short")
        try world.compact(to: world.head)
        #expect(try count(world, "SELECT count(*) FROM changes") == 1)
        #expect(try count(world, "SELECT count(*) FROM spliced") == 0)
        #expect(try world.reader.verify().problems == [])
    }

    @Test("a version that lost its base is told as damage, not as a value")
    func damage() throws {
        let world = try World()
        for _ in 0..<20 { try append(world, "log", String(repeating: "d", count: 100)) }
        try world.writer.connection.perform("damaging") {
            try $0.run("DELETE FROM changes WHERE position = (SELECT max(base) FROM spliced)")
        }
        do {
            _ = try world.get("log")
            Issue.record("a value came out of nothing")
        } catch let refusal as Refusal {
            #expect(refusal.code == .storeFailed)
            #expect(refusal.message.contains("missing"))
        }
        #expect(try !world.reader.verify().problems.isEmpty)
    }

    @Test("another store that is given the decisions holds the same rows")
    func applied() throws {
        let (world, copy) = (try World(), try Store.inMemory(newLineage: 4711).makeWriter())
        var batches: [DecidedBatch] = []
        // The session was opened before anybody listened.
        _ = try copy.write([.openSession(world.session, agent: "ada")], at: world.now)
        for step in 0..<400 {
            let action: Change.Action =
                switch step % 40 {
                case 39: .put(Put(Data(String(repeating: "p", count: 300).utf8)))
                default: .append(Data("step \(step), and some words to it".utf8))
                }
            _ = try world.writer.write([world.item(.change("log", action))], at: world.now) { batches.append($0) }
        }
        for batch in batches { try copy.apply(try DecidedBatch(decoding: batch.encoded)) }
        let sql = "SELECT group_concat(position || ':' || coalesce(base, '-') || ':' || hex(value), ' ') FROM changes"
        func rows(_ writer: Writer) throws -> String? {
            try writer.connection.perform("reading") { try $0.first(sql) { try $0[0] as String } }
        }
        #expect(try rows(world.writer) == rows(copy))
    }

    @Test("appends, patches, puts and deletions under compaction read as they were written", arguments: 0..<6)
    func random(seed: Int) throws {
        var dice = SeededRandom(seed: UInt64(seed))
        let world = try World()
        var states: [[String: String]] = [[:]]
        var floor: Revision = 0
        for step in 0..<500 {
            let key = ["a", "b"][Int.random(in: 0..<2, using: &dice)]
            var state = states[states.count - 1]
            let text = String(repeating: "\(step % 10)", count: Int.random(in: 1...120, using: &dice))
            switch Int.random(in: 0..<30, using: &dice) {
            case 0:
                if state[key] == nil { continue }
                try world.delete(key)
                state[key] = nil
            case 1:
                try world.put(key, text)
                state[key] = text
            default:
                try append(world, key, text)
                state[key, default: ""] += text
            }
            states.append(state)
            if Int.random(in: 0..<25, using: &dice) == 0 {
                floor = Revision.random(in: floor...world.head, using: &dice)
                try world.raiseFloor(to: floor)
            }
            if Int.random(in: 0..<3, using: &dice) == 0 { _ = try world.writer.sweep(budget: 4) }
        }
        while try world.writer.sweep(budget: 5) {}
        for revision in Swift.stride(from: floor, through: world.head, by: 3) {
            for key in ["a", "b"] {
                #expect(
                    try world.text(key, at: revision) == states[Int(revision)][key],
                    "seed \(seed), \(key) at \(revision), floor \(floor)")
            }
        }
        #expect(try world.reader.verify().problems == [], "seed \(seed)")
    }

    @Test("patches of a large document are stored as what they changed")
    func patches() throws {
        let world = try World()
        let members = (0..<500).map { "\"member-\($0)\":\"\(String(repeating: "v", count: 20))\"" }
        let document = "{\(members.joined(separator: ","))}"
        _ = try world.write(
            .change("doc", .put(Put(Data(document.utf8), kind: .json))))
        for step in 0..<200 {
            _ = try world.revision(
                world.write(.change("doc", .mergePatch(Data("{\"member-\(step * 2)\":\"changed \(step)\"}".utf8)))))
        }
        #expect(try storedBytes(world) < 10 * Int64(document.utf8.count))
        for revision in [2, 50, 201] as [Revision] {
            let text = try #require(try world.text("doc", at: revision))
            let object = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: String])
            #expect(object.values.filter { $0.hasPrefix("changed") }.count == Int(revision) - 1)
        }
        #expect(try world.reader.verify().problems == [])
    }
}
