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
            if !verdict.violations.isEmpty, verdict.control().violations.isEmpty { return verdict }
        }
        return nil
    }

    @Test("the checker finds a planted bug within its bound", arguments: some)
    func planted(plant: Plant) {
        #expect(find(plant) != nil, "\(plant.rawValue) shows in none of \(plant.bound) histories")
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
