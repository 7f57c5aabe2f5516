import Foundation
import MembusModel
import Testing

@testable import MembusStore

@Suite("Notes of who read what")
struct NotesTests {
    private func note(
        _ world: World, _ keys: [String], context: String = "c", on branch: BranchName = .main, time: Timestamp? = nil
    ) throws {
        let reads = keys.map {
            NotedRead(
                context: context, branch: branch, key: Key(unchecked: $0), version: 1, time: time ?? world.now)
        }
        _ = try world.writer.write([.noteReads(NoteReads(agent: "bob", reads: reads))], at: world.now)
    }

    private func notes(_ world: World) throws -> [NoteRow] {
        try world.writer.connection.perform("listing") { db in
            let cursor = try db.rows("SELECT \(NoteRow.columns) FROM notes ORDER BY id")
            var notes: [NoteRow] = []
            while let row = try cursor.next() { notes.append(try NoteRow(row)) }
            return notes
        }
    }

    @Test(
        "a batch is a row for each context, with the head then; what is of an unknown branch costs the others nothing")
    func rows() throws {
        let world = try World()
        try world.put("a", "1")
        let time = Timestamp(milliseconds: world.now.milliseconds - 700)
        func read(_ key: String, _ context: String, _ branch: BranchName = .main) -> NotedRead {
            NotedRead(context: context, branch: branch, key: Key(unchecked: key), version: 1, time: time)
        }
        let list = ReadVersion(.topic(Topic(unchecked: "a/")), on: .main, cut: 1, isOwn: false)
        let reads = [
            read("b", "one"), read("a", "two"), read("x", "one", BranchName(unchecked: "none")), read("a", "one"),
            NotedRead(context: "one", list, at: time),
        ]
        let asked = NoteReads(agent: "bob", session: SessionID(9), reads: reads, dropped: 3)
        _ = try world.writer.write([.noteReads(asked)], at: world.now)
        let rows = try notes(world)
        #expect(rows.map(\.context) == ["one", "two"] && rows.map(\.dropped) == [3, 0])
        #expect(rows[0].reads.map(\.read.subject.text) == ["a", "a/", "b"] && rows[0].reads[1].read == list)
        #expect(rows.allSatisfy { $0.head == 1 && $0.time == world.now && $0.session == SessionID(9).id.stored })
        #expect(rows[0].reads.allSatisfy { $0.time == time })
    }

    @Test("a read takes few bytes: neighbours share their names, and small numbers are short")
    func size() throws {
        let reads = (0..<1000).map { number in
            NotedRead(
                context: "c", branch: .main, key: Key(unchecked: "plans/europe/paris/day-\(number)"),
                version: 1_000_000 + Revision(number), time: Timestamp(milliseconds: 1_700_000_000_000))
        }
        let bytes = NotedList.encode(reads, at: Timestamp(milliseconds: 1_700_000_000_400))
        #expect(bytes.count < 15 * reads.count)
        #expect(
            try NotedList.decode(Data(bytes), context: "c", at: Timestamp(milliseconds: 1_700_000_000_400)) == reads)
    }

    @Test("whatever the bytes of a list of reads are, they give one list of them, or are refused")
    func damage() throws {
        let reads = [
            ReadVersion(key: Key(unchecked: "plans/a"), version: 300),
            ReadVersion(.topic(Topic(unchecked: "plans/")), on: BranchName(unchecked: "trial"), cut: 7, isOwn: false),
            ReadVersion(key: Key(unchecked: "plans/ab"), version: 0),
        ]
        let bytes = ReadList.encode(reads)
        #expect(try ReadList.decode(Data(bytes)) == reads)
        for place in bytes.indices {
            for value in [UInt8(0), 1, 2, 0x7F, 0x80, 0xFF] {
                var damaged = bytes
                damaged[place] = value
                guard let found = try? ReadList.decode(Data(damaged)) else { continue }
                #expect(ReadList.encode(found) == damaged)
            }
            #expect(throws: CanonicalDecoder.Malformed.self) { try ReadList.decode(Data(bytes.prefix(place))) }
        }
    }

    @Test("beyond their share the oldest go; and whatever they take, they cost no history")
    func share() throws {
        let world = try World()
        try world.put("a", "1")
        let context = String(repeating: "c", count: 200)
        for number in 0..<1000 {
            world.now = world.now.advanced(by: .milliseconds(100))
            try note(world, ["a"], context: context + "\(10_000 + number)")
        }
        try world.put("a", "2")
        world.now = world.now.advanced(by: .seconds(10))
        let retention = Retention(age: .seconds(1 << 30), bytes: 1 << 19, least: .zero, notesBytes: 1 << 18)
        func look() throws {
            _ = try world.writer.write([.compact(Compact(), by: retention)], at: world.now)
            while try world.writer.sweep() {}
        }
        try look()
        #expect(world.writer.floor == 0, "notes cost no history")
        for _ in 0..<20 { try look() }
        let left = try notes(world)
        #expect(world.writer.floor == 0)
        #expect((400..<600).contains(left.count))
        #expect(left.last?.context == "\(context)10999", "the newest stay")
        // By a clock that is far behind it is none of the first to go.
        try note(world, ["a"], context: "late", time: Timestamp(milliseconds: 0))
        try look()
        #expect(try notes(world).last?.context == "late")
    }

    @Test("an agent knows what it has read, required and written, each version once, as of any revision")
    func knowledge() throws {
        let world = try World()
        try world.put("a", "1")
        try note(world, ["a", "b"], context: "trip")
        try note(world, ["a"], context: "other")
        let work = Work.transaction(
            Transaction(
                context: "trip", preconditions: [.absent(Key(unchecked: "n"))],
                changes: [Change(Key(unchecked: "n"), .put(Put(Data("x".utf8))))],
                reads: [ReadVersion(.topic(Topic(unchecked: "/")), cut: 1)]))
        let transact = Transact(session: SessionID(8), number: 1, acknowledged: 0, work: .success(work))
        _ = try world.writer.write(
            [.openSession(SessionID(8), agent: "bob"), .transact(transact, fingerprint: work.fingerprint)],
            at: world.now)
        func known(_ context: String? = nil, at revision: Revision? = nil) throws -> [String] {
            try world.reader.knowledge(
                GetKnowledge(agent: "bob", context: context, at: revision), visible: world.head
            ).known.map { "\($0.way) \($0.subject.text)@\($0.version)" }
        }
        #expect(try known() == ["read a@1", "read b@1", "listed /@0", "required n@0", "wrote n@2"])
        #expect(try known("other") == ["read a@1"])
        #expect(try known("trip", at: 1) == ["read a@1", "read b@1"])
        #expect(try known("none").isEmpty)
    }
}
