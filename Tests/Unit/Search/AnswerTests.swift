import Foundation
import MembusModel
import MembusStore
import Testing

@testable import MembusSearch

@Suite("Answers are of one state")
struct AnswerTests {
    private func told(_ page: SearchPage) -> [String] { page.hits.map { "\($0.key) \($0.score)" } }

    @Test("what is deleted, superseded or expired is found where it was, and nowhere later")
    func lives() throws {
        let world = try SearchedStore()
        try world.put("a", "heron")
        try world.put("b", "heron")
        try world.put("a", "stork")
        try world.delete("b")
        try world.put("c", Put(Data("heron".utf8), expiry: .after(.seconds(1))))
        world.now = Timestamp(milliseconds: world.now.milliseconds + 5000)
        try world.expire()
        try world.follow()
        #expect(try (1...6).map { try world.found("heron", at: $0) } == [["a"], ["a", "b"], ["b"], [], ["c"], []])
        #expect(try world.found("stork", at: 2) == [] && world.found("stork") == ["a"])
    }

    @Test("a branch finds its own and its parent's up to the fork, nothing of what the parent wrote later")
    func branches() throws {
        let world = try SearchedStore()
        try world.put("a", "heron")
        try world.put("b", "heron")
        let trial = try world.fork("trial")
        try world.put("c", "heron")
        try world.put("a", "stork")
        try world.put("b", "stork", on: trial)
        try world.follow()
        #expect(try world.found("heron") == ["b", "c"])
        #expect(try world.found("heron", on: trial) == ["a"])
        #expect(try world.found("stork") == ["a"] && world.found("stork", on: trial) == ["b"])
    }

    @Test("a word is worth what it is in this state: neither hidden records nor other branches have a say")
    func rarity() throws {
        let world = try SearchedStore()
        for number in 0..<6 { try world.put("k\(number)x", number < 3 ? "heron" : "reed") }
        try world.follow()
        let before = try world.search(Search(question: "heron reed", explains: true))
        let trial = try world.fork("trial")
        for number in 0..<9 { try world.put("t\(number)x", "heron", on: trial) }
        for number in 0..<4 { try world.put("gone\(number)x", "heron") }
        for number in 0..<4 { try world.delete("gone\(number)x") }
        try world.follow()
        let after = try world.search(Search(question: "heron reed", explains: true))
        #expect(told(after) == told(before) && after.hits.map(\.words) == before.hits.map(\.words))
        #expect(after.terms.map(\.passages) == [3, 3] && after.passages == 6)
        #expect(after.terms.map(\.weight) == before.terms.map(\.weight))
        #expect(abs(after.terms[0].weight - log(1 + 3.5 / 3.5)) < 1e-9)
    }

    @Test("a scope takes hits away, and leaves the worth of a word as it is")
    func scope() throws {
        let world = try SearchedStore()
        for topic in ["a", "b"] {
            for number in 0..<3 { try world.put("\(topic)/k\(number)x", number == 0 ? "heron" : "reed") }
        }
        try world.follow()
        var search = Search(question: "heron", explains: true)
        let all = try world.search(search)
        search.filter = TopicFilter([try Topic("b/")])
        let page = try world.search(search)
        #expect(page.hits.map(\.key.text) == ["b/k0x"] && all.hits.count == 2)
        #expect(page.terms == all.terms && page.passages == 6 && page.found == 1)
    }

    @Test("a neighbour counts, whether it is in the scope or not")
    func scopeOfNeighbours() throws {
        let world = try SearchedStore()
        try world.put("talk/D1:1", "heron")
        try world.put("talk/D1:2", "heron reed")
        try world.follow()
        let filter = TopicFilter([try Topic("talk/D1:2")])
        let page = try world.search(Search(question: "heron", filter: filter))
        #expect(page.hits.count == 1)
        // Its own and half of the other's; alone in the scope, it is as long as the average.
        #expect(abs(page.hits[0].words - log(1 + 0.5 / 2.5) * 1.5 * 2.2 / (1.5 + 1.2)) < 1e-6)
    }

    @Test("neighbours count as long as their run shows: a deletion breaks it, at the revision where it happened")
    func neighbours() throws {
        let world = try SearchedStore()
        try world.put("far/x", "train and nothing more")
        for number in 1...4 { try world.put("talk/D1:\(number)", number == 4 ? "train to go" : "night train") }
        let whole = world.head
        try world.delete("talk/D1:3")
        try world.follow()
        func words(_ revision: Revision?) throws -> Double? {
            try world.search(Search(at: revision, question: "night train")).hits.first { $0.key.text == "talk/D1:4" }?
                .words
        }
        let (before, after) = (try #require(try words(whole)), try #require(try words(nil)))
        #expect(before > after * 1.2)
        // Alone it is worth what it would be without a number.
        try world.put("other", "train to go")
        try world.delete("talk/D1:4")
        try world.follow()
        let alone = try world.search(Search(question: "night train")).hits.first { $0.key.text == "other" }?.words
        #expect(abs(after - (alone ?? 0)) < 1e-9)
    }

    @Test("a name counts half, once, however often it is there, and for no length")
    func names() throws {
        let world = try SearchedStore()
        try world.put("heron/heron/heron-x", "one two three")
        try world.put("b/x", "one two heron")
        try world.follow()
        let page = try world.search(Search(question: "heron", explains: true))
        #expect(page.hits.map(\.key.text) == ["b/x", "heron/heron/heron-x"])
        let weight = log(1 + 0.5 / 2.5)
        #expect(abs(page.hits[0].words - weight * 2.2 / 2.2) < 1e-6)
        #expect(abs(page.hits[1].words - weight * 0.5 * 2.2 / 1.7) < 1e-6)
    }

    @Test("of equal scores the keys decide, by their bytes, also where a page ends")
    func ties() throws {
        let world = try SearchedStore()
        let keys = ["b", "a", "é", "Z", "aa", "a/b", "z"]
        for key in keys { try world.put(key, "heron") }
        try world.follow()
        let sorted = keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        #expect(try world.found("heron") == sorted)
        for offset in 0..<8 {
            let page = try world.search(Search(question: "heron", limit: 2, offset: offset))
            #expect(page.hits.map(\.key.text) == Array(sorted.dropFirst(offset).prefix(2)) && page.found == 7)
        }
    }

    @Test("of a long record the best passage stands for it, and its text is told")
    func passages() throws {
        let world = try SearchedStore()
        let filler = Array(repeating: "reed", count: 149).joined(separator: " ")
        try world.put("a", "\(filler) one. \(filler) heron. \(filler) two.")
        try world.put("b", "stork")
        try world.follow()
        let page = try world.search(Search(question: "heron", withPassages: true))
        #expect(page.hits.count == 1 && page.found == 1 && page.passages == 4)
        #expect(page.hits[0].passage?.number == 1 && page.hits[0].passage?.count == 3)
        #expect(page.hits[0].passage?.text.hasSuffix("reed heron.") == true)
        #expect(try world.search(Search(question: "reed")).hits.map(\.key.text) == ["a"])
    }

    @Test("a phrase is its words in their order, and reaches from no string of JSON into the next")
    func phrases() throws {
        let world = try SearchedStore()
        try world.put("a", "the night train")
        try world.put("b", "train at night")
        try world.put("c", Put(Data(#"["late night", "train"]"#.utf8), kind: .json))
        try world.follow()
        #expect(try world.found("\"night train\"") == ["a"])
        #expect(try Set(world.found("night train")) == ["a", "b", "c"])
    }

    @Test("a prefix is of words as they are written, in memory and in the file")
    func prefixes() throws {
        let world = try SearchedStore()
        try world.put("a", "running")
        try world.put("b", "run")
        try world.put("c", "day by day")
        try world.put("d", "Rungs")
        for isWritten in [false, true] {
            try world.follow(andWrite: isWritten)
            #expect(try world.found("run*").sorted() == ["a", "b", "d"])
            #expect(try world.found("runn*") == ["a"] && world.found("de*") == [] && world.found("days*") == [])
            #expect(try world.found("run").sorted() == ["a", "b"])
        }
    }

    @Test("a prefix of more than a thousand words is refused, if this state shows them")
    func broadPrefix() throws {
        let world = try SearchedStore()
        let words = (0..<1001).map { "w\($0)" }.joined(separator: " ")
        try world.put("a", words)
        try world.put("a", "w1 w2")
        try world.follow(andWrite: true)
        #expect(try world.found("w*") == ["a"])
        let refusal = #expect(throws: Refusal.self) { try world.found("w*", at: 1) }
        #expect(refusal?.code == .invalidArgument && refusal?.message.contains("1000") == true)
        #expect(try world.found("w10*", at: 1) == ["a"])
    }

    @Test("what is nobody's memory is not found")
    func hidden() throws {
        let world = try SearchedStore()
        try world.put(".membus/x", "heron")
        try world.put("count", Put(Data("42".utf8), kind: .counter))
        try world.follow()
        #expect(try world.found("heron") == [] && world.found("42") == [] && world.found("counter") == ["count"])
    }

    @Test("questions without a term, and a store without a record, have no hits")
    func nothing() throws {
        let world = try SearchedStore()
        #expect(try world.found("heron") == [])
        try world.put("a", "heron")
        try world.follow()
        #expect(try world.found("") == [] && world.found("stork") == [] && world.found("…") == [])
    }
}
