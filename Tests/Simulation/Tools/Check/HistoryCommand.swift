import Foundation
import MembusChecker
import MembusModel
import MembusSimulation

// membus-check history FILE... --data DIR [--copy FILE]... [--json] [--lines N]
//
// Reads what agents under chaos put on record and what the stopped broker's data directory holds, and checks one
// against the other. A copy is a backup that was made before the store was compacted. Exit codes: 0 nothing found,
// 1 a violation, 64 wrong usage, 65 something cannot be read.

enum HistoryCommand {
    static let usage = "membus-check history FILE... --data DIR [--copy FILE]... [--json] [--lines N]"

    private struct Options {
        var files: [String] = []
        var data = ""
        var copies: [String] = []
        var json = false
        var lines = 40

        init?(_ arguments: [String]) {
            var rest = arguments[...]
            while let word = rest.popFirst() {
                switch word {
                case "--json": json = true
                case "--data":
                    guard let value = rest.popFirst() else { return nil }
                    data = value
                case "--copy":
                    guard let value = rest.popFirst() else { return nil }
                    copies.append(value)
                case "--lines":
                    guard let value = rest.popFirst().flatMap({ Int($0) }) else { return nil }
                    lines = value
                default:
                    if word.hasPrefix("--") { return nil }
                    files.append(word)
                }
            }
            if files.isEmpty || data.isEmpty { return nil }
        }
    }

    static func run(_ arguments: [String]) -> CInt {
        guard let options = Options(arguments) else {
            print("usage: \(usage)")
            return 64
        }
        do { return try check(options) ? 0 : 1 } catch {
            FileHandle.standardError.write(Data("membus-check: \(error)\n".utf8))
            return 65
        }
    }

    /// - Returns: whether all is well.
    private static func check(_ options: Options) throws -> Bool {
        let recording = try Recording(files: options.files)
        let stored = try StoredTruth(directory: options.data, copies: options.copies)
        let truths = stored.truths
        let recorded = try RecordedHistory(recording, truths: truths)
        let history = recorded.history
        // Agents tell neither when a restored history began nor of which one a conflict was: where only one was
        // served, nothing is missing.
        var violations = Check.violations(of: history, isComplete: truths.count == 1)
        let last = max(0, history.entries.count - 1)
        violations += stored.violations.map { Violation(invariant: .trueFills, text: $0, entry: last) }
        let watches = try WatchChecks(recording, truths: truths).violations
        for found in RecordedChecks(recording, truths: truths).violations + watches {
            let time = recorded.instant(found.time)
            let entry = history.entries.lastIndex { $0.time <= time } ?? 0
            violations.append(Violation(invariant: found.invariant, text: found.text, entry: entry))
        }
        var summary = Summary(recording)
        summary.commits = truths.values.reduce(0) { $0 + $1.commits.count }
        summary.histories = truths.count
        summary.compacted = stored.compacted
        summary.violations = violations.map(\.description)
        try show(summary, violations, history, options)
        return violations.isEmpty
    }

    private static func show(
        _ summary: Summary, _ violations: [Violation], _ history: History, _ options: Options
    ) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = options.json ? .sortedKeys : [.sortedKeys, .prettyPrinted]
        print(String(decoding: try encoder.encode(summary), as: UTF8.self))
        for violation in violations.prefix(3) {
            let text = ["", "violates \(violation)"] + story(of: violation, history, lines: options.lines)
            FileHandle.standardError.write(Data((text.joined(separator: "\n") + "\n").utf8))
        }
    }

    /// What led there, and a little of what came after.
    private static func story(of violation: Violation, _ history: History, lines: Int) -> [String] {
        guard !history.entries.isEmpty else { return [] }
        let place = min(violation.entry, history.entries.count - 1)
        let before = history.entries[..<place].filter(\.fact.isTelling).suffix(lines).map { "   \($0.story)" }
        let after = history.entries[(place + 1)...].prefix(lines / 8).map { "   \($0.story)" }
        return before + [">> \(history.entries[place].story)"] + after
    }
}
