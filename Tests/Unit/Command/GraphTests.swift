import Membus
import MembusModel
import Testing

@testable import MembusCommand

@Suite("The graph of commits")
struct GraphTests {
    /// Rows, and the commits with what they follow.
    private func drawn(_ commits: [(Revision, [Revision])]) -> [CommitGraph.Row] {
        var graph = CommitGraph()
        return commits.flatMap { graph.rows(of: $0.0, following: $0.1) }
    }

    @Test("a fork and its merge are drawn beside the line that they leave and come back to")
    func small() {
        let rows = drawn([(6, [5, 4]), (5, [2]), (4, [3]), (3, [2]), (2, [1]), (1, [])])
        let expected = ["*", "|\\", "* |", "| *", "| *", "|/", "*", "*"]
        #expect(rows.map(\.text) == expected)
    }

    @Test("lanes to the right make room, and close up again")
    func two() {
        let rows = drawn([(9, [8, 7]), (8, [5, 6]), (7, [4]), (6, [3]), (5, [3]), (4, [2]), (3, [2]), (2, [])])
        let expected = ["*", "|\\", "* |", "|\\ \\", "| | *", "| * |", "* | |", "| | *", "|/ /", "* |", "|/", "*"]
        #expect(rows.map(\.text) == expected)
    }

    @Test("of any history each commit is drawn once, and its lines lead to what it follows", arguments: 0..<300)
    func random(seed: Int) {
        var dice = SeededRandom(seed: UInt64(seed))
        let count = Int.random(in: 1...40, using: &dice)
        var commits: [(Revision, [Revision])] = []
        for revision in (1...count).reversed() {
            var parents: Set<Revision> = []
            // Some follow what is not shown, some nothing.
            for _ in 0..<Int.random(in: 0...2, using: &dice) {
                parents.insert(Revision(Int.random(in: -2..<revision, using: &dice)))
            }
            commits.append((Revision(revision), parents.shuffled(using: &dice)))
        }
        let rows = drawn(commits)
        let drawnCommits = rows.compactMap { if case .commit(let revision, _, _) = $0 { revision } else { nil } }
        #expect(drawnCommits == commits.map(\.0))
        for (revision, parents) in commits {
            for parent in parents {
                #expect(leads(from: revision, to: parent, in: rows), "\(revision) to \(parent), seed \(seed)")
            }
        }
        for row in rows { #expect(isDrawable(row), "\(row), seed \(seed)") }
    }

    /// Follows a line down, row by row.
    private func leads(from child: Revision, to parent: Revision, in rows: [CommitGraph.Row]) -> Bool {
        guard let start = rows.firstIndex(where: { if case .commit(child, _, _) = $0 { true } else { false } }),
            case .commit(_, let column, _) = rows[start]
        else { return false }
        var places: Set<Int> = [column]
        for row in rows[(start + 1)...] {
            switch row {
            case .commit(let revision, let column, let passing):
                if revision == parent { return places.contains(column) }
                places = Set(passing.filter { $0.parent == parent && places.contains($0.from) }.map(\.to))
            case .edges(let edges):
                places = Set(edges.filter { $0.parent == parent && places.contains($0.from) }.map(\.to))
            }
            if places.isEmpty { return false }
        }
        // Off the end, to what is not shown.
        return parent < 1
    }

    private func isDrawable(_ row: CommitGraph.Row) -> Bool {
        switch row {
        case .commit(_, let column, let passing): passing.allSatisfy { $0.from == $0.to && $0.from != column }
        case .edges(let edges): edges.allSatisfy { abs($0.from - $0.to) <= 1 && $0.to >= 0 }
        }
    }
}
