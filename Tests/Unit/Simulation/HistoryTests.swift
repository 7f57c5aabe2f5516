import Testing

@testable import MembusSimulation

// A few histories in this process; the mass of them, and all mutants within their bounds, is the
// command's: `membus-simulate --histories 10000 --mutants all --jobs 2`.

@Suite("Random histories")
struct HistoryTests {
    @Test("nothing is wrong with the histories of these seeds", arguments: UInt64(0)..<4)
    func histories(part: UInt64) {
        for seed in (part * 1000)..<(part * 1000 + 10) {
            let verdict = Verdict.of(seed: seed, moves: Part.usualMoves)
            guard verdict.violations.isEmpty else {
                Issue.record("\(verdict.shrunk().report())")
                return
            }
        }
    }

    @Test("one seed gives one history, and another seed another")
    func replay() {
        let prints = (UInt64(1)...4).map { Verdict.of(seed: $0, moves: 60).fingerprint }
        #expect(prints == (UInt64(1)...4).map { Verdict.of(seed: $0, moves: 60).fingerprint })
        #expect(Set(prints).count == 4)
    }

    @Test("a history is the same up to the first move that is left out")
    func withoutMoves() {
        var part = Part(moves: 80)
        let whole = Verdict.of(seed: 3, part: part).history.entries.map(\.story)
        part.without = Set(40..<80)
        let rest = Verdict.of(seed: 3, part: part).history.entries.map(\.story)
        let common = zip(whole, rest).prefix { $0 == $1 }.count
        #expect(common > 20, "\(common) of \(whole.count)")
        #expect(whole != rest)
    }

    @Test("the moves that are left out are written as they are read")
    func numbers() {
        #expect(Part.numbers(in: "3,7,9-12") == [3, 7, 9, 10, 11, 12])
        #expect(Part.text(of: [12, 3, 7, 9, 10, 11]) == "3,7,9-12")
        for wrong in ["", "x", "3-", "5-3", "1-2-3", "-4"] {
            #expect(Part.numbers(in: wrong) == (wrong.isEmpty ? [] : nil), "\(wrong)")
        }
    }
}
