import Foundation
import MembusSimulation

// membus-simulate: histories of a seeded world, judged by a checker of its own. Three ways to call it:
//
//   --seed S [--part…] --story         one history, told
//   --histories N [--jobs J]           many histories; the first that violates an invariant is shrunk and told
//   --mutants all|NAME,… [--jobs J]     mutants: each must be found within its bound of histories
//
// Exit codes: 0 all is as it must be, 1 it is not, 64 wrong usage.

@main
enum Simulate {
    static func main() {
        restartWithDeterministicHashing()
        guard let options = Options(Array(CommandLine.arguments.dropFirst())) else {
            print(Options.usage)
            exit(64)
        }
        if options.isWorker { exit(Worker.run(options)) }
        if options.isOneHistory { exit(tell(options)) }
        exit(Team(options).run())
    }

    /// Sets and dictionaries have the same order in every process only with this; it is read when a process starts.
    private static func restartWithDeterministicHashing() {
        guard getenv("SWIFT_DETERMINISTIC_HASHING") == nil else { return }
        setenv("SWIFT_DETERMINISTIC_HASHING", "1", 1)
        var arguments: [UnsafeMutablePointer<CChar>?] = CommandLine.arguments.map { strdup($0) }
        arguments.append(nil)
        execv("/proc/self/exe", arguments)
    }

    /// One history. What is wrong with it is told as it is: whoever replays a shrunk part wants that part.
    private static func tell(_ options: Options) -> CInt {
        let verdict = Verdict.of(seed: options.seed, part: options.part, mutant: options.mutant)
        if options.tellsStory {
            for entry in verdict.history.entries where entry.fact.isTelling { print(entry.story) }
        }
        for violation in verdict.violations { print("violates \(violation)") }
        print(
            "seed \(verdict.seed): \(verdict.part.made.count) moves, \(verdict.steps) steps, "
                + "\(verdict.history.entries.count) facts, \(verdict.violations.count) violations, "
                + "fingerprint \(verdict.fingerprint)")
        if options.shrinks, !verdict.violations.isEmpty { print(verdict.shrunk(within: options.shrinking).report()) }
        return verdict.violations.isEmpty ? 0 : 1
    }
}
