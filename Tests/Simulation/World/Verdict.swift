import MembusChecker

/// What came of one seed.
public struct Verdict {
    public var seed: UInt64
    public var plant: Plant?
    public var part: Part
    public var violations: [Violation]
    public var history: History
    public var steps: Int
    public var coverage = Coverage()

    /// Runs a seed's history, or a part of it, and checks it.
    public static func of(seed: UInt64, part: Part, plant: Plant? = nil) -> Verdict {
        do {
            let world = try World(seed: seed, part: part, plant: plant)
            var failed: [Violation] = []
            do { try world.run() } catch {
                failed = [Violation(invariant: .nothingSeenIsLost, text: "the store failed: \(error)", entry: world.history.entries.count)]
            }
            let found = failed.isEmpty ? Check.violations(of: world.history) : failed
            return Verdict(
                seed: seed, plant: plant, part: part, violations: found, history: world.history, steps: world.steps,
                coverage: world.coverage)
        } catch {
            let broken = Violation(invariant: .nothingSeenIsLost, text: "no store could be made: \(error)", entry: 0)
            return Verdict(seed: seed, plant: plant, part: part, violations: [broken], history: History(), steps: 0)
        }
    }

    public static func of(seed: UInt64, moves: Int, plant: Plant? = nil) -> Verdict {
        of(seed: seed, part: Part(moves: moves), plant: plant)
    }

    /// What finds the plant, if it is what the plant breaks.
    public var finding: Violation? {
        violations.first.flatMap { plant?.breaks.contains($0.invariant) ?? true ? $0 : nil }
    }

    /// The same world without the plant's bug: what is found there is not the plant's doing.
    public func control() -> Verdict {
        var part = part
        part.isControl = true
        return Verdict.of(seed: seed, part: part, plant: plant)
    }

    /// The same for equal histories, in any process.
    public var fingerprint: UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for entry in history.entries {
            for byte in entry.story.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        }
        return hash
    }

    /// What replays exactly this.
    public var command: String {
        "membus-simulate --seed \(seed) \(part.arguments)" + (plant.map { " --plant \($0.rawValue)" } ?? "") + " --story"
    }

    /// What led to the first violation, without what says nothing.
    public var story: [String] {
        guard let first = violations.first, !history.entries.isEmpty else { return [] }
        let upTo = min(first.entry, history.entries.count - 1)
        return history.entries[...upTo].filter(\.fact.isTelling).map(\.story)
    }

    /// What a person needs: the violation, what led to it, and how to see it again.
    public func report(lines: Int = 80) -> String {
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
