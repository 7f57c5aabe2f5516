import MembusModel
import Testing

@Suite("Bisection")
struct BisectionTests {
    /// Answers by `verdict` until it is done.
    private func search(
        _ count: Int, _ verdict: (Int) -> Bisection.Verdict
    ) -> (tried: [Int], end: Bisection.Next) {
        var bisection = Bisection(of: count)
        var tried: [Int] = []
        while case .attempt(let place) = bisection.next {
            tried.append(place)
            bisection.take(verdict(place), at: place)
        }
        return (tried, bisection.next)
    }

    @Test("the first bad one is found, wherever it is, in as many tries as were told", arguments: 1...70)
    func found(count: Int) {
        for first in 0..<count {
            let (tried, end) = search(count) { $0 < first ? .good : .bad }
            #expect(end == .found(first))
            #expect(tried.count <= Bisection.tries(for: count))
            #expect(Set(tried).count == tried.count && !tried.contains(count - 1))
        }
    }

    @Test(
        "it takes as many tries as doublings",
        arguments: [(1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (1024, 10), (1025, 11)])
    func tries(count: Int, tries: Int) { #expect(Bisection.tries(for: count) == tries) }

    @Test("of one commit nothing is tried: it is the first bad one")
    func one() { #expect(Bisection(of: 1).next == .found(0)) }

    @Test("a neighbour is tried in the place of one that is skipped")
    func neighbour() {
        let (tried, end) = search(8) { $0 == 3 ? .skipped : $0 < 5 ? .good : .bad }
        #expect(tried == [3, 2, 4, 5] && end == .found(5))
    }

    @Test("what was skipped right before the first known to be bad leaves several")
    func undecided() {
        let (_, end) = search(8) { $0 == 3 || $0 == 4 ? .skipped : $0 < 3 ? .good : .bad }
        #expect(end == .undecided(3...5))
        #expect(search(4) { _ in .skipped } == ([1, 0, 2], .undecided(0...3)))
    }

    @Test("what is left holds the first bad one, whatever is skipped", arguments: 0..<50 as Range<UInt64>)
    func skips(seed: UInt64) {
        var dice = SeededRandom(seed: seed)
        let count = Int.random(in: 1...40, using: &dice)
        let first = Int.random(in: 0..<count, using: &dice)
        let skipped = Set((0..<count).filter { _ in Int.random(in: 0..<3, using: &dice) == 0 })
        let (tried, end) = search(count) { skipped.contains($0) ? .skipped : $0 < first ? .good : .bad }
        #expect(Set(tried).count == tried.count, "seed \(seed)")
        switch end {
        case .found(let place): #expect(place == first, "seed \(seed)")
        case .undecided(let places):
            #expect(places.contains(first), "seed \(seed)")
            #expect(places.dropLast().allSatisfy { skipped.contains($0) }, "seed \(seed)")
        case .attempt: Issue.record("it is not done")
        }
    }
}
