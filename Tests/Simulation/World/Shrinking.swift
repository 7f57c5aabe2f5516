import MembusChecker

// From a history that violates an invariant to a short one that violates the same:
//
//   fewer moves       what came after the violation has nothing to do with it
//   fewer faults      each kind of loss, and slowness
//   fewer agents
//   single moves      delta debugging: ever smaller runs of moves are left out, as long as it still shows
//
// Each step keeps a part only if its history violates the same invariant. All of it takes bounded time; what it
// has found by then is the result, which replays exactly whatever time it took.

extension Verdict {
    /// The shortest that is found within the time.
    package func shrunk(within limit: Duration = .seconds(20)) -> Verdict {
        guard let invariant = violations.first?.invariant else { return self }
        var shrinking = Shrinking(best: self, invariant: invariant, deadline: .now + limit)
        shrinking.run()
        return shrinking.best
    }
}

private struct Shrinking {
    var best: Verdict
    let invariant: Invariant
    let deadline: ContinuousClock.Instant

    var isOver: Bool { ContinuousClock.now >= deadline }

    mutating func run() {
        fewerMoves()
        for mercy in Part.Mercy.allCases { attempt { $0.spared.insert(mercy) } }
        fewerAgents()
        while leaveOutMoves(), !isOver {}
        fewerMoves()
        // What is left behind the last move that is made would only be waited for.
        if let last = best.part.made.last { attempt { $0.moves = last + 1 } }
    }

    /// - Returns: whether the violation still shows; then that is the best.
    @discardableResult
    mutating func attempt(_ change: (inout Part) -> Void) -> Bool {
        var part = best.part
        change(&part)
        part.without = part.without.filter { $0 < part.moves }
        guard part != best.part, !isOver else { return false }
        let verdict = Verdict.of(seed: best.seed, part: part, mutant: best.mutant)
        guard verdict.violations.first?.invariant == invariant else { return false }
        best = verdict
        return true
    }

    private mutating func fewerMoves() {
        var low = 0
        while low < best.part.moves, !isOver {
            let middle = (low + best.part.moves) / 2
            if !attempt({ $0.moves = middle }) { low = middle + 1 }
        }
    }

    private mutating func fewerAgents() {
        for count in 1..<4 where count < best.part.agents ?? 4 {
            if attempt({ $0.agents = count }) { return }
        }
    }

    /// - Returns: whether any could be left out.
    private mutating func leaveOutMoves() -> Bool {
        let before = best.part.made.count
        var size = max(1, before / 2)
        while !isOver {
            // From the end: what happens late is more often beside the point.
            var end = best.part.made.count
            while end > 0, !isOver {
                let start = max(0, end - size)
                let made = best.part.made[start..<min(end, best.part.made.count)]
                attempt { $0.without.formUnion(made) }
                end = start
            }
            if size == 1 { break }
            size /= 2
        }
        return best.part.made.count < before
    }
}
