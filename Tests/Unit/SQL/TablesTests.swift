import CSQL
import Foundation
import MembusModel
import MembusStore
import Testing

@testable import MembusSQL

@Suite("SQL's tables")
struct TablesTests {
    @Test("a value is a text where its kind and its bytes are, else a blob")
    func values() throws {
        let world = try AskedStore()
        try world.put("t", Put(Data("é".utf8)))
        try world.put("j", Put(Data(#"{"a":[1,2]}"#.utf8), kind: .json))
        try world.put("c", Put(Data("42".utf8), kind: .counter))
        try world.put("i", Put(Data([0x61, 0x62]), kind: Kind("image")))
        try world.put("e", Put(Data()))
        try world.put("d", Put(Data(), kind: Kind("image")))
        #expect(
            try world.rows("SELECT key, typeof(value), size FROM records ORDER BY key")
                == ["c text 2", "d blob 0", "e text 0", "i blob 2", "j text 11", "t text 2"])
        #expect(try world.rows("SELECT json_extract(value, '$.a[1]') FROM records WHERE kind = 'json'") == ["2"])
        #expect(try world.rows("SELECT sum(value) FROM records WHERE kind = 'counter'") == ["42"])
    }

    @Test("a text that is not UTF-8 is a blob")
    func notUTF8() throws {
        let bad: [[UInt8]] = [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82]]
        let world = try AskedStore()
        for (number, bytes) in bad.enumerated() { try world.put("k\(number)", Put(Data(bytes), kind: Kind("image"))) }
        #expect(try Set(world.rows("SELECT typeof(value) FROM records")) == ["blob"])
        // A store takes no such text; a damaged file may hold one.
        for bytes in bad { #expect(bytes.withUnsafeBytes { membus_is_utf8($0.baseAddress, $0.count) } == 0) }
        let good = Array("aé€\u{10FFFF}\u{D7FF}\u{E000} and more than eight bytes é".utf8)
        #expect(good.withUnsafeBytes { membus_is_utf8($0.baseAddress, $0.count) } == 1)
    }

    @Test("a value that is stored as what it changed is whole, and has its size")
    func spliced() throws {
        let world = try AskedStore()
        let line = String(repeating: "abc ", count: 200)
        try world.put("log", line)
        for _ in 0..<20 { try world.commit([Change(Key(unchecked: "log"), .append(Data("more ".utf8)))]) }
        let whole = line + String(repeating: "more ", count: 20)
        #expect(try world.ask("SELECT value, size FROM records").rows == [[.text(whole), .integer(900)]])
        #expect(try world.rows("SELECT size FROM records") == ["900"])
        #expect(try world.rows("SELECT length(value) FROM changes WHERE key = 'log' AND revision = 11") == ["850"])
    }

    @Test("a record tells its author, context, owner, expiry and attributes")
    func annotations() throws {
        let world = try AskedStore()
        let put = Put(
            Data("x".utf8), attributes: ["quote": "say \"hi\"\n\\", "tag": "é"],
            expiry: .at(Timestamp(milliseconds: 9_000_000)))
        try world.put("a", put)
        try world.put("b", "plain")
        let row = try world.rows(
            "SELECT author, context, owner, time, expires, branch FROM records WHERE key = 'a'")
        #expect(row == ["ada trip ada 1000000 9000000 main"])
        #expect(try world.rows("SELECT attributes ->> 'quote' FROM records WHERE key = 'a'") == ["say \"hi\"\n\\"])
        #expect(try world.rows("SELECT attributes, expires FROM records WHERE key = 'b'") == ["{} null"])
    }

    @Test("links join with the records that they lead to, and dangling ones show")
    func links() throws {
        let world = try AskedStore()
        func put(_ key: String, _ links: Link...) throws { try world.put(key, Put(Data(key.utf8), links: links)) }
        try put(
            "a", Link(relation: "cites", target: Key(unchecked: "b")), Link(relation: "of", target: Key(unchecked: "z"))
        )
        try put("b")
        try put("c", Link(relation: "cites", target: Key(unchecked: "a")))
        #expect(
            try world.rows("SELECT source, relation, target, revision FROM links ORDER BY source, relation")
                == ["a cites b 1", "a of z 1", "c cites a 3"])
        #expect(try world.rows("SELECT target FROM links WHERE source = 'c'") == ["a"])
        #expect(
            try world.rows(
                """
                SELECT l.target, r.value FROM links l LEFT JOIN records r ON r.key = l.target
                WHERE l.source = 'a' ORDER BY 1
                """) == ["b b", "z null"])
        let walked = """
            WITH RECURSIVE near(key, depth) AS (
              SELECT 'c', 0 UNION SELECT target, depth + 1 FROM near JOIN links ON source = near.key WHERE depth < 5)
            SELECT key, depth FROM near ORDER BY depth, key
            """
        #expect(try world.rows(walked) == ["c 0", "a 1", "b 2", "z 2"])
        try put("a")
        #expect(try world.rows(walked) == ["c 0", "a 1"])
        #expect(try world.rows(walked, at: 3) == ["c 0", "a 1", "b 2", "z 2"])
    }

    @Test("reads tell what commits and notes say was read")
    func reads() throws {
        let world = try AskedStore()
        try world.put("a", "1")
        let topic = ReadVersion(.topic(try Topic("plans/")), cut: 1)
        try world.commit(
            [Change(Key(unchecked: "b"), .put(Put(Data())))],
            reading: [ReadVersion(key: Key(unchecked: "a"), version: 1), topic])
        let noted = NotedRead(
            context: "talk", branch: .main, key: Key(unchecked: "b"), version: 2, cut: 2,
            time: Timestamp(milliseconds: 5))
        let elsewhere = NotedRead(
            context: "talk", branch: BranchName(unchecked: "other"), key: Key(unchecked: "b"), version: 2,
            time: Timestamp(milliseconds: 5))
        _ = try world.writer.write([.noteReads(NoteReads(agent: "bob", reads: [noted, elsewhere]))], at: world.now)
        let all = "SELECT agent, context, branch, key, topic, version, cut, time, revision, noted, own FROM reads"
        #expect(
            try world.rows(all) == [
                "ada trip main a null 1 null 1000000 2 0 1", "ada trip main null plans/ 0 1 1000000 2 0 1",
                "bob talk main b null 2 2 5 2 1 0",
            ])
        #expect(try world.rows(all, at: 1) == [])
        // What was noted on the parent after the fork is no part of it.
        let fork = try world.fork("fork", at: 1)
        #expect(try world.rows(all, on: fork) == [])
        #expect(
            try world.rows("SELECT r.agent, c.agent FROM reads r JOIN commits c ON c.revision = r.version ORDER BY 1")
                == ["ada ada", "bob ada"])
    }

    @Test("branches and tags are those that were made by then")
    func names() throws {
        let world = try AskedStore()
        try world.put("a", "1")
        let trial = try world.fork("trial")
        try world.tag("first", on: trial)
        try world.write(.branch(BranchChange(trial, .close)))
        let branches = "SELECT name, parent, fork_revision, created, closed FROM branches ORDER BY created"
        #expect(try world.rows(branches) == ["main null 0 0 0", "trial main 1 2 1"])
        #expect(try world.rows(branches, at: 3) == ["main null 0 0 0", "trial main 1 2 0"])
        #expect(try world.rows(branches, at: 1) == ["main null 0 0 0"])
        let tags = "SELECT name, branch, revision, agent, created FROM tags"
        let tag = try world.rows(tags)
        #expect(tag == ["first trial 2 ada 3"])
        #expect(try world.rows(tags, at: 2) == [])
    }

    @Test("search is a table with two arguments, which join takes from other tables too")
    func search() throws {
        let world = try AskedStore()
        try world.put("trains/1", "to Paris")
        try world.put("trains/2", "to Rome")
        var asked: [String] = []
        func rows(_ text: String) throws -> [String] {
            let result = try world.ask(text) { question, k in
                asked.append("\(question) \(k)")
                return (1...2).prefix(k).map {
                    SQLFound(key: "trains/\($0)", score: 1 / Double($0), revision: Revision($0), passage: question)
                }
            }
            return result.rows.map { $0.map(\.shown).joined(separator: " ") }
        }
        #expect(try rows("SELECT key, score FROM search('train tickets', 5)") == ["trains/1 1.0", "trains/2 0.5"])
        #expect(try rows("SELECT key FROM search('x', 1)") == ["trains/1"])
        #expect(
            try rows("SELECT s.key, r.value FROM search('y') s JOIN records r USING (key) ORDER BY score DESC")
                == ["trains/1 to Paris", "trains/2 to Rome"])
        #expect(
            try rows("SELECT r.key, s.key FROM records r, search(r.value, 1) s ORDER BY 1")
                == ["trains/1 trains/1", "trains/2 trains/1"])
        #expect(asked.sorted() == ["to Paris 1", "to Rome 1", "train tickets 5", "x 1", "y 10"])
        for bad in ["search", "search()", "search('x', 0)", "search('x', 1001)", "search(7)", "search('x', 'y')"] {
            #expect(throws: Refusal.self) { try rows("SELECT * FROM \(bad)") }
        }
        #expect(try rows("SELECT key FROM search(NULL)") == [])
    }
}
