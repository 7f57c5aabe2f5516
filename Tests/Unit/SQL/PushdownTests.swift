import Foundation
import MembusModel
import MembusStore
import Testing

@testable import MembusSQL

@Suite("SQL looks only where the answer may be")
struct PushdownTests {
    /// 40 topics of 25 keys, each written twice.
    private static func filled() throws -> AskedStore {
        let world = try AskedStore()
        for round in 0..<2 {
            for topic in 0..<40 {
                let keys = (0..<25).map { "t\(topic + 10)/\($0 + 10)" }
                try world.commit(keys.map { Change(Key(unchecked: $0), .put(Put(Data("\(round)".utf8)))) })
            }
        }
        return world
    }

    @Test(
        "constraints on keys and revisions go down to the store, and give what a full scan gives",
        arguments: [
            ("key = 't20/15'", 1, 1), ("'t20/15' = key", 1, 1), ("key IN ('t20/15', 't21/16', 'none')", 2, 3),
            ("key LIKE 't20/%'", 25, 110), ("key LIKE 'T20/1_'", 10, 110), ("key GLOB 't20/*'", 25, 60),
            ("key GLOB 't2[01]/1?'", 20, 600), ("key >= 't20/' AND key < 't21/'", 25, 60),
            ("key BETWEEN 't20/10' AND 't20/12'", 3, 10), ("key > 't49/30'", 4, 20), ("revision = 80", 25, 30),
            ("revision > 78", 50, 60), ("revision >= 79 AND key LIKE '%/10'", 2, 60),
            ("key = 't20/15' AND revision = 3", 0, 1), ("key = 't20/15' AND key = 't20/16'", 0, 0),
            ("key = NULL", 0, 0),
        ])
    func bounds(condition: String, count: Int, most: Int) throws {
        let world = try Self.filled()
        let tally = QueryTally()
        let found = try world.ask("SELECT key, value FROM records WHERE \(condition)", tally: tally).rows
        #expect(found.count == count)
        #expect(max(tally.rows, tally.seeks) <= most, "\(tally.rows) rows, \(tally.seeks) seeks")
        // The same, hidden from the planner.
        let hidden = condition.replacing("key", with: "+key").replacing("revision", with: "+revision")
        let all = try world.ask("SELECT key, value FROM records WHERE \(hidden)").rows
        #expect(Set(found) == Set(all))
    }

    @Test("several ways to the same rows give each of them once, and lose none")
    func alternatives() throws {
        let world = try AskedStore()
        let links = (0..<3).map { Link(relation: "r\($0)", target: Key(unchecked: "t\($0)")) }
        for key in ["a", "b", "c"] { try world.put(key, Put(Data(), links: links)) }
        let read = ReadVersion(key: Key(unchecked: "a"), version: 1)
        try world.commit([Change(Key(unchecked: "a"), .delete)], reading: [read])
        try world.commit(
            [Change(Key(unchecked: "d"), .put(Put(Data())))],
            reading: [read, ReadVersion(key: Key(unchecked: "b"), version: 2)])
        func count(_ text: String) throws -> [String] { try world.rows("SELECT count(*) FROM \(text)") }
        #expect(try count("records WHERE key = 'b' OR key = 'c'") == ["2"])
        #expect(try count("records WHERE key = 'b' OR revision = 2 OR revision = 5") == ["2"])
        #expect(try count("links WHERE source = 'b' OR source = 'c' OR revision = 3") == ["6"])
        #expect(try count("changes WHERE key = 'a' OR key = 'b' OR revision = 4") == ["3"])
        #expect(try count("commits WHERE revision = 2 OR revision = 3 OR revision BETWEEN 3 AND 4") == ["3"])
        #expect(try count("reads WHERE revision = 4 OR revision = 5") == ["3"])
        #expect(try count("records a JOIN records b ON a.key = b.key OR a.revision = b.revision") == ["3"])
    }

    @Test(
        "who links to a key comes from those who know, and what they do not know of is looked through",
        arguments: [
            ("target = 'hub'", 21, 40), ("target = 'hub' AND relation = 'likes'", 11, 40), ("target = 'none'", 0, 5),
            ("target = 'hub' AND source > 'a/15'", 8, 40), ("target = 'hub' AND source = 'a/15'", 2, 5),
            ("target = 'hub' AND target = 'a/15'", 0, 0), ("target = NULL", 0, 0),
            ("target IN ('hub', 'a/15', 'hub')", 22, 50),
        ])
    func targets(condition: String, count: Int, most: Int) throws {
        let world = try AskedStore()
        let hub = ["likes", "knows"].map { Link(relation: $0, target: Key(unchecked: "hub")) }
        try world.put("b", Put(Data(), links: [Link(relation: "likes", target: Key(unchecked: "a/15"))]))
        try world.put(".membus/note", Put(Data(), links: [hub[0]]))
        for number in 10..<20 { try world.put("a/\(number)", Put(Data(), links: hub)) }
        for number in 0..<500 { try world.put("other/\(number)", "x") }
        let known = ["hub": (10..<20).map { "a/\($0)" }, "a/15": ["b", "gone"]]
        func ask(_ condition: String, _ tally: QueryTally, _ sources: @escaping SQLSources) throws -> [[SQLCell]] {
            try world.ask("SELECT * FROM links WHERE \(condition)", tally: tally, sources: sources).rows
        }
        let tally = QueryTally()
        let found = try ask(condition, tally) { target in
            // As an index does, it names a key for each link.
            (known[target] ?? []).flatMap { [Key(unchecked: $0), Key(unchecked: $0)] }
        }
        #expect(found.count == count)
        #expect(max(tally.rows, tally.seeks) <= most, "\(tally.rows) rows, \(tally.seeks) seeks")
        let unknown = try ask(condition, QueryTally()) { _ in nil }
        let hidden = condition.replacing("target", with: "+target").replacing("source", with: "+source")
        let all = try ask(hidden, QueryTally()) { _ in [] }
        #expect(Set(found) == Set(all) && Set(unknown) == Set(all) && unknown.count == count)
    }

    @Test("who does not know once is not asked again")
    func unknownTargets() throws {
        let world = try AskedStore()
        let link = Link(relation: "likes", target: Key(unchecked: "hub"))
        for key in ["a", "b", "c"] { try world.put(key, Put(Data(), links: [link])) }
        var asked = 0
        let text = "SELECT count(*) FROM records r LEFT JOIN links l ON l.target = r.key"
        let result = try world.ask(
            text,
            sources: { _ in
                asked += 1
                return nil
            })
        #expect(result.rows == [[.integer(3)]] && asked == 1)
    }

    @Test("comparisons by other rules than the bytes' are left to SQLite, and are right")
    func otherRules() throws {
        let world = try AskedStore()
        for key in ["5", "Plans/A", "PLANS/b", "plans/c", "plan", "é/x"] { try world.put(key, key) }
        func keys(_ condition: String) throws -> [String] {
            try world.rows("SELECT key FROM records WHERE \(condition) ORDER BY key")
        }
        #expect(try keys("key = 'plans/a' COLLATE NOCASE") == ["Plans/A"])
        #expect(try keys("key LIKE 'plans/%'") == ["PLANS/b", "Plans/A", "plans/c"])
        #expect(try keys("key LIKE 'é/%'") == ["é/x"])
        #expect(try keys("key LIKE 'É/%'") == [])
        #expect(try keys("key LIKE '%a'") == ["Plans/A"])
        #expect(try keys("key LIKE 'plan!s/%' ESCAPE '!'") == ["PLANS/b", "Plans/A", "plans/c"])
        #expect(try keys("key = 5") == ["5"])
        #expect(try keys("key > 4 AND key < 6") == ["5"])
        #expect(try keys("revision = 1.0") == ["5"])
        #expect(try keys("revision < 1.5") == ["5"])
        #expect(try keys("revision = '2'") == ["Plans/A"])
        #expect(try keys("revision > -9223372036854775808 AND revision < 2") == ["5"])
        #expect(try keys("revision <= 9223372036854775807 AND revision >= 6") == ["é/x"])
        #expect(try keys("key < x'00'").count == 6)
        #expect(try keys("key GLOB 'plan*' AND key NOT LIKE '%/%'") == ["plan"])
    }

    @Test("keys that start alike but for their case are jumped to one after the other")
    func like() {
        let keys = ["A/", "AB", "Ab", "Abc", "B", "aA", "aB", "aBz", "ab", "abc", "b"].map { Array($0.utf8) }
        let prefix = LikePrefix(Array("aB".utf8))
        var (found, place) = ([String](), prefix.first)
        while let start = prefix.next(from: place),
            let key = keys.first(where: { !$0.lexicographicallyPrecedes(start) })
        {
            if prefix.matches(key) { found.append(String(decoding: key, as: UTF8.self)) }
            place = key + [0]
        }
        #expect(found == ["AB", "Ab", "Abc", "aB", "aBz", "ab", "abc"])
        #expect(prefix.next(from: Array("b".utf8)) == nil)
        #expect(prefix.next(from: []) == Array("AB".utf8))
    }

    @Test("rows in the order of keys, or of versions, are not sorted again, so that the first few come at once")
    func order() throws {
        let world = try Self.filled()
        func cost(_ text: String) throws -> Int {
            let tally = QueryTally()
            _ = try world.ask(text, tally: tally)
            return max(tally.rows, tally.seeks)
        }
        #expect(try cost("SELECT key FROM records ORDER BY key LIMIT 5") <= 12)
        #expect(try cost("SELECT key FROM records WHERE key > 't30/' ORDER BY key LIMIT 5") <= 12)
        #expect(try cost("SELECT key FROM records ORDER BY revision DESC LIMIT 5") <= 6)
        #expect(try cost("SELECT key FROM records LIMIT 5") <= 6)
        #expect(try cost("SELECT revision FROM commits ORDER BY revision LIMIT 5") <= 6)
        #expect(try cost("SELECT key FROM changes ORDER BY revision DESC, ordinal DESC LIMIT 5") <= 6)
        #expect(try cost("SELECT key FROM changes WHERE key = 't20/15'") == 2)
        #expect(try cost("SELECT key FROM changes WHERE revision BETWEEN 5 AND 6") == 50)
        #expect(
            try cost(
                "SELECT r.value FROM commits c JOIN records r ON r.key = 't20/' || c.revision WHERE c.revision < 20")
                < 60)
        // All of them are sorted sooner than found one by one.
        let tally = QueryTally()
        let keys = try world.ask("SELECT key FROM records ORDER BY key", tally: tally).rows
        #expect(tally.seeks == 0)
        #expect(try keys == world.ask("SELECT key FROM records ORDER BY key LIMIT 2000").rows)
        let descending = try world.rows("SELECT key FROM records ORDER BY key DESC LIMIT 2")
        #expect(descending == ["t49/34", "t49/33"])
    }
}
