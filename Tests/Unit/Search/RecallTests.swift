import Foundation
import MembusModel
import MembusStore
import Testing

@testable import MembusSearch

@Suite("Recalling for a prompt")
struct RecallTests {
    @Test("the best come first, each cited by key and revision, and the size is that of the block")
    func block() throws {
        let world = try SearchedStore()
        try world.put("a", "heron at the river")
        try world.put("b", "  heron heron  \n")
        try world.follow()
        let recollection = try world.recall(Recall(question: "heron"))
        #expect(recollection.block == "[b@2]\nheron heron\n\n[a@1]\nheron at the river")
        #expect(
            recollection.citations.map(\.key.text) == ["b", "a"] && recollection.citations.map(\.revision) == [2, 1])
        #expect(recollection.citations[0].score == 1 && recollection.leftOut == 0)
        #expect(recollection.size == recollection.block.unicodeScalars.count)
    }

    @Test("nothing is in it beyond the budget; what does not fit is counted, and what is shorter may follow")
    func budget() throws {
        let world = try SearchedStore()
        try world.put("a", "heron heron heron " + String(repeating: "é", count: 40))
        try world.put("b", "heron x")
        try world.follow()
        for budget in 0...90 {
            let recollection = try world.recall(Recall(question: "heron", budget: .characters(budget)))
            #expect(recollection.size <= budget)
            #expect(recollection.size == recollection.block.unicodeScalars.count)
            #expect(recollection.citations.count + recollection.leftOut == 2)
        }
        #expect(try world.recall(Recall(question: "heron", budget: .characters(20))).citations.map(\.key.text) == ["b"])
    }

    @Test("the same text is there once")
    func duplicates() throws {
        let world = try SearchedStore()
        try world.put("a", "heron at noon")
        try world.put("b", "heron at noon\n")
        try world.put("c", "heron at night")
        try world.follow()
        #expect(try Set(world.recall(Recall(question: "heron")).citations.map(\.key.text)) == ["a", "c"])
    }

    @Test("what is found brings what it links to, cited by the link, once, and as this state shows it")
    func links() throws {
        let world = try SearchedStore()
        try world.put("b", "old")
        try world.put("b", "the river")
        try world.put("count", Put(Data("42".utf8), kind: .counter))
        try world.put("a", "heron", links: [("at", "b"), ("in", "b"), ("is", "missing"), ("of", "count")])
        try world.follow()
        let recollection = try world.recall(Recall(question: "heron"))
        #expect(recollection.citations.map(\.key.text) == ["a", "b", "count"])
        #expect(recollection.block.contains("[b@2; at of a]\nthe river"))
        #expect(recollection.block.hasSuffix("[count@3; of of a]\n42"))
        #expect(recollection.citations[1].link?.relation == "at" && recollection.citations[1].score == 0)
    }

    @Test("since a revision only what is newer counts, linked or found")
    func since() throws {
        let world = try SearchedStore()
        try world.put("old", "heron one")
        try world.put("target", "river")
        try world.put("new", "heron two", links: [("at", "target")])
        try world.follow()
        #expect(try world.recall(Recall(question: "heron", since: 1)).citations.map(\.key.text) == ["new", "target"])
        #expect(try world.recall(Recall(question: "heron", since: 2)).citations.map(\.key.text) == ["new"])
        #expect(try world.recall(Recall(question: "heron", since: 3)).block == "")
    }

    @Test("topics bound what is found")
    func topics() throws {
        let world = try SearchedStore()
        try world.put("a/x", "heron one")
        try world.put("b/x", "heron two")
        try world.follow()
        let filter = TopicFilter([try Topic("a/")])
        #expect(try world.recall(Recall(question: "heron", filter: filter)).citations.map(\.key.text) == ["a/x"])
    }

    @Test("tokens can't be counted without a model")
    func tokens() throws {
        let world = try SearchedStore()
        let refusal = #expect(throws: Refusal.self) {
            try world.recall(Recall(question: "heron", budget: .tokens(100)))
        }
        #expect(refusal?.code == .invalidArgument && refusal?.subject == "unit")
    }
}
