import MembusChecker
import Testing

@testable import MembusSimulation

@Suite("Mutants")
struct MutantTests {
    /// One of each seam; all of them are the command's.
    static let some: [Mutant] = [
        .replyBeforePublish, .bookmarkAheadOfData, .gapUnnoticed, .pagesOneByOne, .evictedIsDeleted,
        .retryExecutedTwice, .oldReplyResets, .numberLeftOut, .indexSkipsAfterKill,
    ]

    private func find(_ mutant: Mutant) -> Verdict? {
        for seed in UInt64(1)...UInt64(mutant.bound) {
            let verdict = Verdict.of(seed: seed, moves: Part.usualMoves, mutant: mutant)
            if verdict.finding != nil, verdict.control().violations.isEmpty { return verdict }
        }
        return nil
    }

    @Test("the checker finds a mutant within its bound", arguments: some)
    func found(mutant: Mutant) {
        #expect(find(mutant) != nil, "\(mutant.rawValue) shows in none of \(mutant.bound) histories")
    }

    @Test("every invariant that is checked is the only one that some mutant breaks, or it is said why none can be")
    func everyInvariantIsProven() {
        let proven = Set(Mutant.allCases.map(\.breaks).filter { $0.count == 1 }.flatMap { $0 })
        let explained = Set(Mutant.withoutMutant.keys)
        #expect(proven.union(explained) == Set(Invariant.allCases.filter(\.isChecked)))
        #expect(proven.isDisjoint(with: explained))
    }

    @Test("a violation of what a mutant does not break does not find it")
    func findingIsOfItsOwn() {
        func verdict(_ invariant: Invariant) -> Verdict {
            let violation = Violation(invariant: invariant, text: "", entry: 0)
            return Verdict(
                seed: 1, mutant: .cutGoesBack, part: Part(moves: 1), violations: [violation], history: History(),
                steps: 0)
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
        let again = Verdict.of(seed: shrunk.seed, part: shrunk.part, mutant: shrunk.mutant)
        #expect(again.fingerprint == shrunk.fingerprint)
    }
}
