import Foundation
import MembusChecker

/// Judges histories in the two formats of Porcupine's published ones.
enum LinearizableCommand {
    static let usage = "membus-check linearizable FILE..."

    static func run(_ files: [String]) -> Int32 {
        guard !files.isEmpty else {
            print("usage: \(usage)")
            return 64
        }
        var worst: Int32 = 0
        for file in files { worst = max(worst, judge(file)) }
        return worst
    }

    private static func judge(_ file: String) -> Int32 {
        guard let text = try? String(contentsOfFile: file, encoding: .utf8), let log = PorcupineLog(text) else {
            print("\(file): can't be read, or holds no operation of a known format")
            return 66
        }
        let start = ContinuousClock.now
        let verdict = log.verdict()
        let milliseconds = Int((ContinuousClock.now - start) / .milliseconds(1))
        print("\(file): \(words(for: verdict)), \(log.count) operations, \(milliseconds) ms")
        return verdict == .linearizable ? 0 : 1
    }

    private static func words(for verdict: LinearizabilityVerdict) -> String {
        switch verdict {
        case .linearizable: "linearizable"
        case .violated(let longest, let stuck):
            "not linearizable (operation \(stuck) has no place after \(longest.count) others)"
        case .unknown(let steps): "unknown after \(steps) steps"
        }
    }
}
