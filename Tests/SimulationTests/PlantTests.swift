import MembusChecker
import Testing

@testable import MembusSimulation

@Suite("Planted bugs")
struct PlantTests {
    /// One of each seam; all of them are the command's.
    static let some: [Plant] = [
        .replyBeforePublish, .bookmarkAheadOfData, .gapUnnoticed, .pagesOneByOne, .evictedIsDeleted,
        .retryExecutedTwice, .oldReplyResets,
    ]

    private func find(_ plant: Plant) -> Verdict? {
        for seed in UInt64(1)...UInt64(plant.bound) {
            let verdict = Verdict.of(seed: seed, moves: Part.usualMoves, plant: plant)
            if verdict.finding != nil, verdict.control().violations.isEmpty { return verdict }
        }
        return nil
    }

    @Test("the checker finds a planted bug within its bound", arguments: some)
    func planted(plant: Plant) {
        #expect(find(plant) != nil, "\(plant.rawValue) shows in none of \(plant.bound) histories")
    }

    @Test("every invariant that is checked is the only one that some planted bug breaks, or it is said why none can be")
    func everyInvariantIsProven() {
        let proven = Set(Plant.allCases.map(\.breaks).filter { $0.count == 1 }.flatMap { $0 })
        let explained = Set(Plant.unplanted.keys)
        #expect(proven.union(explained) == Set(Invariant.allCases.filter(\.isChecked)))
        #expect(proven.isDisjoint(with: explained))
    }

    @Test("a violation of what a planted bug does not break does not find it")
    func findingIsOfItsOwn() {
        func verdict(_ invariant: Invariant) -> Verdict {
            let violation = Violation(invariant: invariant, text: "", entry: 0)
            return Verdict(
                seed: 1, plant: .cutGoesBack, part: Part(moves: 1), violations: [violation], history: History(), steps: 0)
        }
        #expect(verdict(.neverBack).finding != nil)
        #expect(verdict(.caps).finding == nil)
    }

    @Test("the shrunk story is shorter, and violates the same invariant")
    func shrinking() throws {
        let found = try #require(find(.gapUnnoticed))
        let shrunk = found.shrunk(within: .seconds(300))
        #expect(shrunk.violations.first?.invariant == found.violations.first?.invariant)
        #expect(shrunk.part.made.count < found.part.made.count)
        #expect(shrunk.story.count < found.story.count)
        // What is told is what is replayed.
        let again = Verdict.of(seed: shrunk.seed, part: shrunk.part, plant: shrunk.plant)
        #expect(again.fingerprint == shrunk.fingerprint)
    }
}
