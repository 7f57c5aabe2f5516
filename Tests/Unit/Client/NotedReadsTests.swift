import Foundation
import Membus
import Testing

@testable import MembusStore

/// What the store is told of who read what, as its own tables have it.
@Suite("Reads are noted", .serialized, .timeLimit(.minutes(5)))
struct NotedReadsTests {
    @Test("a cached read reaches the store once for each context, key and version")
    func accesses() async throws {
        let broker = try LiveBroker()
        let writer = try await Memory.connect(to: broker.url, as: "writer")
        let first = try await writer.transact { tx in for key in ["k/1", "k/2", "k/unread"] { tx.put(key, text: "1") } }
            .revision
        let one = try await Memory.connect(to: broker.url, as: "reader", context: "trip-1")
        let other = try await Memory.connect(to: broker.url, as: "reader", context: "trip-2")
        let views = [try await one.follow("k/"), try await other.follow("k/")]

        for _ in 0..<3 { #expect(try views[0]["k/1"]?.text == "1") }
        #expect(try views[0].handle("k/2").record()?.text == "1")
        let expected: Set = [Access("trip-1", "k/1", first), Access("trip-1", "k/2", first)]
        let noted = try await accesses(in: broker, count: 2)
        #expect(Set(noted.keys) == expected)

        // Another context reads the same; the first one reads it again, by a view of its own too: nothing new.
        #expect(try views[1]["k/1"]?.text == "1")
        let again = try await one.follow("k/")
        for view in [views[0], again] { #expect(try view["k/1"]?.text == "1") }
        let withOther = try await accesses(in: broker, count: 3)
        #expect(Set(withOther.keys) == expected.union([Access("trip-2", "k/1", first)]))

        // A new version is a new read. (An optimised build closes the views right after it: that loses nothing.)
        let second = try await writer.transact { $0.put("k/1", text: "2") }
        #expect(try await views[0].get("k/1", .atLeast(second.token))?.text == "2")
        #expect(try views[0]["k/1"]?.text == "2")
        let withNew = try await accesses(in: broker, count: 4)
        #expect(Set(withNew.keys).subtracting(withOther.keys) == [Access("trip-1", "k/1", second.revision)])

        // When it was read first stays, however often it is read later.
        try await Task.sleep(for: .milliseconds(1200))
        let settled = try await accesses(in: broker, count: 4)
        #expect(settled == withNew && noted.allSatisfy { settled[$0.key] == $0.value })
        for memory in [writer, one, other] { await memory.close() }
    }

    @Test("what was read right before the connection is closed is on record once it is closed")
    func closing() async throws {
        let broker = try LiveBroker()
        let writer = try await Memory.connect(to: broker.url, as: "writer")
        let written = try await writer.transact { tx in for key in ["k/1", "k/2"] { tx.put(key, text: "1") } }.revision
        let reader = try await Memory.connect(to: broker.url, as: "reader", context: "trip-1")
        let view = try await reader.follow("k/")
        #expect(try view["k/1"]?.text == "1")
        _ = try await accesses(in: broker, count: 1)
        // The next batch would not go for some time yet.
        #expect(try view["k/2"]?.text == "1")
        await reader.close()
        let noted = try accesses(in: broker)
        #expect(Set(noted.keys) == [Access("trip-1", "k/1", written), Access("trip-1", "k/2", written)])
        await writer.close()
    }

    @Test("what a transaction read is kept with its commit: each key, with the version that it saw")
    func reads() async throws {
        let broker = try LiveBroker()
        let memory = try await Memory.connect(to: broker.url, as: "a", context: "c")
        let base = try await memory.transact { $0.put("k/1", text: "1") }.revision
        let commit = try await memory.transact { tx in
            _ = try await tx.get("k/1")
            _ = try await tx.get("k/none")
            tx.put("k/2", text: "2")
        }.revision
        let rows = try read(broker) { db in
            try db.first("SELECT reads FROM commits WHERE revision = ?", [commit]) { try CommitRow.reads(try $0[0]) }
        }
        let (known, absent) = (Key(unchecked: "k/1"), Key(unchecked: "k/none"))
        #expect(rows == [ReadVersion(key: known, version: base), ReadVersion(.key(absent), cut: base)])
        await memory.close()
    }

    private struct Access: Hashable {
        let context, key: String
        let version: Revision
        init(_ context: String, _ key: String, _ version: Revision) {
            (self.context, self.key, self.version) = (context, key, version)
        }
    }

    /// What is noted of "reader", with when, once there are `count` of them. That they go at once, and at most every
    /// 400 ms, is tested of the core, by its own clock; here other tests may take the processor for seconds.
    private func accesses(in broker: LiveBroker, count: Int) async throws -> [Access: Int64] {
        let deadline = ContinuousClock.now + .seconds(20)
        while true {
            let found = try accesses(in: broker)
            if found.count >= count || ContinuousClock.now > deadline {
                #expect(found.count == count)
                return found
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    private func accesses(in broker: LiveBroker) throws -> [Access: Int64] {
        let rows = try read(broker) { db in
            let found = try db.rows("SELECT \(NoteRow.columns) FROM notes WHERE agent = 'reader'")
            var rows: [(Access, Int64)] = []
            while let row = try found.next() {
                for noted in try NoteRow(row).reads {
                    let access = Access(noted.context, noted.read.subject.text, noted.read.version)
                    rows.append((access, noted.time.milliseconds))
                }
            }
            return rows
        }
        return Dictionary(uniqueKeysWithValues: rows)
    }

    private func read<T>(_ broker: LiveBroker, _ body: (Database) throws -> T) throws -> T {
        try DatabaseQueue(path: broker.directory + "/membus.db", isReadOnly: true).inDatabase(body)
    }
}
