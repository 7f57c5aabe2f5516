import MembusModel
import Testing

@testable import MembusStore

@Suite("Vectors of branches")
struct BranchVectorTests {
    private static func random(_ dice: inout SeededRandom) -> [Int64: Revision] {
        var found: [Int64: Revision] = [:]
        for _ in 0..<Int.random(in: 0..<40, using: &dice) {
            found[Int64.random(in: 1..<200, using: &dice)] = Int64.random(in: 1..<9, using: &dice)
        }
        return found
    }

    private func dictionary(_ vector: BranchVector) -> [Int64: Revision] {
        Dictionary(uniqueKeysWithValues: vector.all.map { ($0.branch, $0.revision) })
    }

    @Test("they hold what dictionaries hold", arguments: 0..<40)
    func equal(seed: Int) {
        var dice = SeededRandom(seed: UInt64(seed))
        let (a, b) = (Self.random(&dice), Self.random(&dice))
        let (mine, theirs) = (BranchVector(a.lazy.map { ($0, $1) }), BranchVector(b.lazy.map { ($0, $1) }))
        #expect(dictionary(mine) == a && (mine == theirs) == (a == b))
        var (most, least) = (mine, mine)
        most.formMax(theirs)
        least.formMin(theirs)
        #expect(dictionary(most) == a.merging(b, uniquingKeysWith: max))
        #expect(
            dictionary(least)
                == a.filter { b[$0.key] != nil }.reduce(into: [:]) { $0[$1.key] = min($1.value, b[$1.key] ?? 0) })
        let apart = mine.differences(from: theirs)
        #expect(apart.map(\.branch) == Set(a.keys).union(b.keys).filter { a[$0] != b[$0] }.sorted())
        #expect(apart.allSatisfy { $0.mine == a[$0.branch] ?? 0 && $0.theirs == b[$0.branch] ?? 0 })
        // What a vector is raised by shows in no other.
        var raised = most
        raised.raise(150, to: 100)
        #expect(raised[150] == 100 && dictionary(most) == a.merging(b, uniquingKeysWith: max))
        var (union, found): (BranchVector.Union, [Int64: Set<Revision>]) = (.init(), [:])
        for vector in [mine, theirs, most, mine] { union.add(vector, without: 7) { found[$0, default: []].insert($1) } }
        for (branch, revisions) in found {
            #expect(branch != 7 && revisions == Set([a[branch], b[branch]].compactMap(\.self)))
        }
        #expect(Set(found.keys) == Set(a.keys).union(b.keys).subtracting([7]))
    }
}
