import Foundation
import MembusSimulation

// A worker process: histories of a range of seeds, one after another. It says what came of them on its standard
// output: lines for people, and then one for the team, of fields with tabs between.

enum Worker {
    static func run(_ options: Options) -> CInt {
        var sum = Sum()
        for index in 0..<options.histories {
            let verdict = Verdict.of(seed: options.seed &+ UInt64(index), part: options.part, mutant: options.mutant)
            sum.add(verdict)
            guard let first = verdict.violations.first else { continue }
            if let mutant = options.mutant {
                let control = verdict.control()
                if let other = control.violations.first {
                    print("not \(mutant.rawValue)'s doing: \(other)\nagain: \(control.command)")
                    sum.withoutMutant += 1
                    sum.violating -= 1
                    continue
                }
                guard verdict.finding != nil else {
                    // It does harm, and not what it is meant to do.
                    sum.violating -= 1
                    sum.text = "only by \(first)"
                    continue
                }
                sum.text = "\(first)"
                break
            }
            if options.keepsGoing {
                print("seed \(verdict.seed): \(first)")
            } else {
                print(verdict.shrunk(within: options.shrinking).report())
                break
            }
        }
        sum.processor = Double(clock()) / Double(CLOCKS_PER_SEC)
        print(sum.coverage.line)
        print(sum.line)
        return 0
    }
}

/// What came of some histories.
struct Sum: Sendable {
    var histories = 0
    var steps = 0
    var facts = 0
    var violating = 0
    /// Those of a mutant's world that do so without its bug.
    var withoutMutant = 0
    /// Travels in a line of its own.
    var coverage = Coverage()
    /// In seconds.
    var processor = 0.0
    /// What the first violation was.
    var text = ""

    mutating func add(_ verdict: Verdict) {
        histories += 1
        steps += verdict.steps
        facts += verdict.history.entries.count
        violating += verdict.violations.isEmpty ? 0 : 1
        coverage.add(verdict.coverage)
    }

    mutating func add(_ other: Sum) {
        histories += other.histories
        steps += other.steps
        facts += other.facts
        violating += other.violating
        coverage.add(other.coverage)
        processor += other.processor
    }

    static let mark = "sum"
    var line: String {
        let numbers = "\(histories)\t\(steps)\t\(facts)\t\(violating)\t\(withoutMutant)\t\(processor)"
        return "\(Self.mark)\t\(numbers)\t\(text.replacing("\n", with: " ").replacing("\t", with: " "))"
    }

    init() {}

    /// - Returns: `nil` for a line for people.
    init?(line: some StringProtocol) {
        let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map { String($0) }
        guard fields.count == 8, fields[0] == Self.mark, let histories = Int(fields[1]), let steps = Int(fields[2]),
            let facts = Int(fields[3]), let violating = Int(fields[4]), let withoutMutant = Int(fields[5]),
            let processor = Double(fields[6])
        else { return nil }
        self.histories = histories
        self.steps = steps
        self.facts = facts
        self.violating = violating
        self.withoutMutant = withoutMutant
        self.processor = processor
        text = fields[7]
    }
}
