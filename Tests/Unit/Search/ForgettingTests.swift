import MembusModel
import MembusStore
import Testing

@testable import MembusSearch

@Suite("What compaction took away")
struct ForgettingTests {
    /// A store whose index has read that a record was put, and not that it was deleted, which nobody can read any more.
    private func overtaken() throws -> SearchedStore {
        let world = try SearchedStore()
        try world.put("a", "heron")
        try world.put("b", "heron reed")
        try world.follow(andWrite: true)
        try world.delete("a")
        try world.put("c", "stork")
        try world.compact(to: world.head)
        return world
    }

    @Test("a record whose deletion compaction dropped before it was read is shown no more, after a start either")
    func overtakenDeletion() throws {
        let world = try overtaken()
        _ = try world.index.step(from: world.reader, upTo: world.head, isIdle: false)
        // Nobody is answered before that is known.
        while !world.index.isWhole { _ = try world.index.step(from: world.reader, upTo: world.head, isIdle: false) }
        func check() throws {
            let page = try world.search(Search(question: "heron", explains: true))
            #expect(page.hits.map(\.key.text) == ["b"] && page.terms.map(\.passages) == [1] && page.passages == 2)
        }
        try check()
        try world.follow(andWrite: true)
        try check()
        try world.reopen()
        try world.follow()
        try check()
    }

    @Test("killed before it has looked, an index looks once it is opened again", arguments: 0..<5)
    func killed(steps: Int) throws {
        let world = try overtaken()
        for _ in 0..<steps { _ = try world.index.step(from: world.reader, upTo: world.head, isIdle: true) }
        try world.reopen()
        try world.follow()
        #expect(world.index.isWhole)
        #expect(try world.found("heron") == ["b"])
    }

    @Test("what an index holds and the store no longer does is counted; one that is made anew holds nothing of it")
    func audit() throws {
        let world = try SearchedStore()
        for number in 0..<20 { try world.put("k\(number % 4)x", "heron \(number)") }
        try world.put(".membus/x", "heron")
        try world.follow(andWrite: true)
        try world.compact(to: 15)
        try world.follow()
        let kept =
            try world.reader.keptPlaces(
                after: LogCursor(revision: 0, ordinal: 0), most: 1000, visible: world.head
            ).count - 1
        func gone(_ index: SearchIndex) throws -> Int {
            var audit = Audit()
            while try !index.step(&audit, by: world.reader, visible: world.head) {}
            return audit.gone.count
        }
        #expect(kept < 20 && world.index.versionCount == 20)
        #expect(try gone(world.index) == 20 - kept)
        let anew = try world.madeAnew()
        #expect(try anew.versionCount == kept && gone(anew) == 0)
        #expect(try world.found("heron") == ["k0x", "k1x", "k2x", "k3x"])
    }
}
