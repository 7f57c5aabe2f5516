import Foundation
import MembusSimulation

// membus-simulate --seed S --histories N --steps K --plant NAME --story
//
// Runs N histories from seed S on, checks each, and prints the story of the first that violates an invariant.
// Exit codes: 0 nothing found, 1 a violation, 64 wrong usage.

/// Sets and dictionaries have the same order in every process only with this; it is read when a process starts.
func restartWithDeterministicHashing() {
    guard getenv("SWIFT_DETERMINISTIC_HASHING") == nil else { return }
    setenv("SWIFT_DETERMINISTIC_HASHING", "1", 1)
    var arguments: [UnsafeMutablePointer<CChar>?] = CommandLine.arguments.map { strdup($0) }
    arguments.append(nil)
    execv("/proc/self/exe", arguments)
}

struct Options {
    var seed: UInt64 = 1
    var histories = 1
    var steps = 100
    var plants: [Plant?] = [nil]
    var tellsStory = false
    var keepsGoing = false

    init?(_ arguments: [String]) {
        var rest = arguments[...]
        while let name = rest.popFirst() {
            switch name {
            case "--story": tellsStory = true
            case "--keep-going": keepsGoing = true
            case "--seed", "--histories", "--steps", "--plant":
                guard let value = rest.popFirst(), take(name, value) else { return nil }
            default: return nil
            }
        }
    }

    private mutating func take(_ name: String, _ value: String) -> Bool {
        switch name {
        case "--seed": seed = UInt64(value) ?? seed
        case "--histories": histories = Int(value) ?? histories
        case "--steps": steps = Int(value) ?? steps
        default:
            if value == "all" { plants = Plant.allCases } else if let plant = Plant(rawValue: value) { plants = [plant] } else { return false }
        }
        return true
    }
}

restartWithDeterministicHashing()
guard let options = Options(Array(CommandLine.arguments.dropFirst())) else {
    print("usage: membus-simulate [--seed S] [--histories N] [--steps K] [--plant NAME|all] [--story] [--keep-going]")
    print("plants: \(Plant.allCases.map(\.rawValue).joined(separator: " "))")
    exit(64)
}

/// - Returns: whether a violation was found.
func search(_ options: Options, _ plant: Plant?) -> Bool {
    let start = ContinuousClock.now
    var (steps, found) = (0, 0)
    for index in 0..<options.histories {
        let verdict = Verdict.of(seed: options.seed &+ UInt64(index), moves: options.steps, plant: plant)
        steps += verdict.steps
        if options.tellsStory { for entry in verdict.history.entries where entry.fact.isTelling { print(entry.story) } }
        guard let first = verdict.violations.first else { continue }
        found += 1
        if let plant, !options.tellsStory {
            print("\(plant.rawValue): found with seed \(verdict.seed), history \(index + 1): \("\(first)".prefix(160))")
            return true
        }
        if options.keepsGoing {
            print("seed \(verdict.seed): \(first)")
        } else {
            print(verdict.shrunk().report(lines: options.tellsStory ? 0 : 60))
            return true
        }
    }
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    print("\(plant.map { "\($0.rawValue): NOT FOUND, " } ?? "")\(options.histories) histories, \(steps) steps, \(found) with violations, \(Int(seconds * 10)) tenths of a second")
    if options.histories == 1, options.tellsStory {
        print("fingerprint \(Verdict.of(seed: options.seed, moves: options.steps, plant: plant).fingerprint)")
    }
    return found > 0
}

var hasFound = false
for plant in options.plants where search(options, plant) { hasFound = true }
exit(hasFound ? 1 : 0)
