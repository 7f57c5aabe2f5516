import MembusChecker

/// What came of one seed.
package struct Verdict {
    package var seed: UInt64
    package var mutant: Mutant?
    package var part: Part
    package var violations: [Violation]
    package var history: History
    package var steps: Int
    package var coverage = Coverage()

    /// Runs a seed's history, or a part of it, and checks it.
    package static func of(seed: UInt64, part: Part, mutant: Mutant? = nil) -> Verdict {
        do {
            let world = try World(seed: seed, part: part, mutant: mutant)
            var failed: [Violation] = []
            do { try world.run() } catch {
                failed = [
                    Violation(
                        invariant: .nothingSeenIsLost, text: "the store failed: \(error)",
                        entry: world.history.entries.count)
                ]
            }
            let found = failed.isEmpty ? Check.violations(of: world.history) : failed
            return Verdict(
                seed: seed, mutant: mutant, part: part, violations: found, history: world.history, steps: world.steps,
                coverage: world.coverage)
        } catch {
            let broken = Violation(invariant: .nothingSeenIsLost, text: "no store could be made: \(error)", entry: 0)
            return Verdict(seed: seed, mutant: mutant, part: part, violations: [broken], history: History(), steps: 0)
        }
    }

    package static func of(seed: UInt64, moves: Int, mutant: Mutant? = nil) -> Verdict {
        of(seed: seed, part: Part(moves: moves), mutant: mutant)
    }

    /// What finds the mutant, if it is what the mutant breaks.
    package var finding: Violation? {
        violations.first.flatMap { mutant?.breaks.contains($0.invariant) ?? true ? $0 : nil }
    }

    /// The same world without the mutant's bug: what is found there is not the mutant's doing.
    package func control() -> Verdict {
        var part = part
        part.isControl = true
        return Verdict.of(seed: seed, part: part, mutant: mutant)
    }

    /// The same for equal histories, in any process.
    package var fingerprint: UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for entry in history.entries {
            for byte in entry.story.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        }
        return hash
    }

    /// What replays exactly this.
    package var command: String {
        "membus-simulate --seed \(seed) \(part.arguments)" + (mutant.map { " --mutant \($0.rawValue)" } ?? "")
            + " --story"
    }

    /// What led to the first violation, without what says nothing.
    package var story: [String] {
        guard let first = violations.first, !history.entries.isEmpty else { return [] }
        let upTo = min(first.entry, history.entries.count - 1)
        return history.entries[...upTo].filter(\.fact.isTelling).map(\.story)
    }

    /// What a person needs: the violation, what led to it, and how to see it again.
    package func report(lines: Int = 80) -> String {
        guard let first = violations.first else { return "seed \(seed): nothing is wrong" }
        let told = story
        let left = told.count > lines ? ["(\(told.count - lines) lines before)"] : []
        return """
            seed \(seed) violates \(first)
            \((left + told.suffix(lines)).joined(separator: "\n"))
            again: \(command)
            """
    }
}
