import MembusChecker

/// What came of one seed.
public struct Verdict {
    public var seed: UInt64
    public var plant: Plant?
    public var moves: Int
    public var violations: [Violation]
    public var history: History
    public var steps: Int

    /// Runs a seed's history and checks it.
    public static func of(seed: UInt64, moves: Int, plant: Plant? = nil) -> Verdict {
        do {
            let world = try World(seed: seed, plant: plant)
            var failed: [Violation] = []
            do { try world.run(moves: moves) } catch {
                failed = [Violation(invariant: 3, text: "the store failed: \(error)", entry: world.history.entries.count)]
            }
            let found = failed.isEmpty ? Check.violations(of: world.history) : failed
            return Verdict(
                seed: seed, plant: plant, moves: moves, violations: found, history: world.history, steps: world.steps)
        } catch {
            let broken = Violation(invariant: 3, text: "no store could be made: \(error)", entry: 0)
            return Verdict(seed: seed, plant: plant, moves: moves, violations: [broken], history: History(), steps: 0)
        }
    }

    /// The fewest moves with which the seed still shows a violation: what came later has nothing to do with it.
    public func shrunk() -> Verdict {
        var best = self
        var (low, high) = (0, moves)
        while low < high {
            let middle = (low + high) / 2
            let shorter = Verdict.of(seed: seed, moves: middle, plant: plant)
            if shorter.violations.isEmpty { low = middle + 1 } else { (best, high) = (shorter, middle) }
        }
        return best
    }

    /// The same for equal histories, in any process.
    public var fingerprint: UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for entry in history.entries {
            for byte in entry.story.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        }
        return hash
    }

    public var command: String {
        "membus-simulate --seed \(seed) --steps \(moves)" + (plant.map { " --plant \($0.rawValue)" } ?? "") + " --story"
    }

    /// What a person needs: the violation, what led to it, and how to see it again.
    public func report(lines: Int = 40) -> String {
        guard let first = violations.first else { return "seed \(seed): nothing is wrong" }
        let upTo = min(first.entry, max(0, history.entries.count - 1))
        let told = history.entries.isEmpty ? [] : history.entries[...upTo].filter(\.fact.isTelling).suffix(lines).map(\.story)
        return """
            seed \(seed) violates \(first)
            \(told.joined(separator: "\n"))
            again: SWIFT_DETERMINISTIC_HASHING=1 \(command)
            """
    }
}
