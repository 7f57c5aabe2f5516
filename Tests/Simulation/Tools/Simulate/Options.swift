import MembusSimulation

/// What the command was asked for.
struct Options {
    var seed: UInt64 = 1
    var histories = 1
    var part = Part(moves: Part.usualMoves)
    /// For one history, and for a worker: the bug that its world has.
    var mutant: Mutant?
    /// To be found, each within its bound.
    var mutants: [Mutant] = []
    var jobs = 1
    var tellsStory = false
    var shrinks = false
    var keepsGoing = false
    var tellsCoverage = false
    var isWorker = false
    var shrinking = Duration.seconds(20)

    var isOneHistory: Bool { histories == 1 && mutants.isEmpty }

    static let usage = """
        usage: membus-simulate [--seed S] [--steps K] [--mutant NAME] [--story] [--shrink]
                               [--without 3,7,9-12] [--agents N] [--spare KIND,...] [--control]
               membus-simulate [--seed S] [--histories N] [--steps K] [--mutants all|NAME,...] [--jobs J]
                               [--keep-going] [--coverage]
        --steps: moves of a history (what agents do, what goes wrong); each is some dozens of the world's steps
        --control: the world that provokes the mutant, without its bug
        kinds of faults to spare: \(Part.Mercy.allCases.map(\.rawValue).joined(separator: " "))
        mutants: \(Mutant.allCases.map(\.rawValue).joined(separator: " "))
        """

    init?(_ arguments: [String]) {
        var rest = arguments[...]
        while let name = rest.popFirst() {
            switch name {
            case "--story": tellsStory = true
            case "--shrink": shrinks = true
            case "--keep-going": keepsGoing = true
            case "--control": part.isControl = true
            case "--coverage": tellsCoverage = true
            case "--worker": isWorker = true
            default:
                guard let value = rest.popFirst(), take(name, value) else { return nil }
            }
        }
    }

    private mutating func take(_ name: String, _ value: String) -> Bool {
        switch name {
        case "--seed": return Self.set(&seed, UInt64(value))
        case "--histories": return Self.set(&histories, Int(value).flatMap { $0 >= 0 ? $0 : nil })
        case "--steps": return Self.set(&part.moves, Int(value).flatMap { $0 >= 0 ? $0 : nil })
        case "--jobs": return Self.set(&jobs, Int(value).flatMap { $0 > 0 ? $0 : nil })
        case "--agents":
            part.agents = Int(value).flatMap { $0 > 0 ? $0 : nil }
            return part.agents != nil
        case "--without": return Self.set(&part.without, Part.numbers(in: value))
        case "--spare": return Self.set(&part.spared, Self.all(value, Part.Mercy.init).map { Set($0) })
        case "--mutant":
            mutant = Mutant(rawValue: value)
            return mutant != nil
        case "--mutants": return Self.set(&mutants, value == "all" ? Mutant.allCases : Self.all(value, Mutant.init))
        default: return false
        }
    }

    private static func set<T>(_ field: inout T, _ value: T?) -> Bool {
        if let value { field = value }
        return value != nil
    }

    private static func all<T>(_ list: String, _ make: (String) -> T?) -> [T]? {
        let words = list.split(separator: ",").map { String($0) }
        let made = words.compactMap(make)
        return made.count == words.count ? made : nil
    }
}
