import Foundation

// A transcript: what goes into one of the real state machines, and all that comes out.
//
//   rule: LIVE, event: previous <= c: apply, c = revision      which rules the next machine shows, as in README.txt
//   machine: view at 5 of L1                                    who is spoken to
//   # words for the reader
//   > event 7 previous 5: plans/a=x                             an input
//   < apply 7: plans/a@7=x                                      everything that comes out, in order
//
// Nothing else may stand in a transcript. With MEMBUS_REWRITE_SCENARIOS=1 the outputs are written anew, to be read and
// judged; nothing passes then.

protocol Machine: AnyObject {
    func take(_ line: Line) throws -> [String]
}

struct Scenario {
    /// One machine's part of a transcript.
    struct Part {
        /// Of the line that names the machine.
        let number: Int
        var rules: [String]
        var outputs = 0
    }

    /// The file's name.
    let name: String
    let lines: [String]
    /// As README.txt names it.
    var title: String { String(name.dropLast(name.hasSuffix(".txt") ? 4 : 0)) }

    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Transcripts")

    static let all: [Scenario] = {
        let files = (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
        return files.filter { $0.pathExtension == "txt" && $0.lastPathComponent != "README.txt" }
            .sorted { $0.lastPathComponent < $1.lastPathComponent }
            .map { Scenario(name: $0.lastPathComponent, lines: text($0).components(separatedBy: "\n")) }
    }()

    static func text(_ file: URL) -> String { (try? String(contentsOf: file, encoding: .utf8)) ?? "" }

    /// The machines' parts, in order.
    /// - Throws: ``Unreadable`` for a line that is none of a transcript, or stands where it says nothing.
    func parts() throws -> [Part] {
        var parts: [Part] = []
        var rules: [String] = []
        var before = ""
        for (index, line) in lines.enumerated() {
            switch line.prefix(2) {
            case "ru" where line.hasPrefix("rule: "): rules.append(String(line.dropFirst(6)))
            case "ma" where line.hasPrefix("machine: "):
                parts.append(Part(number: index + 1, rules: rules))
                rules = []
            case "> " where !parts.isEmpty && rules.isEmpty, "", "# ": break
            case "< " where before.hasPrefix("> ") || before.hasPrefix("< "): parts[parts.count - 1].outputs += 1
            default: throw Unreadable("\(name):\(index + 1): not a line of a transcript, or not here: \"\(line)\"")
            }
            before = line
        }
        if let rule = rules.first { throw Unreadable("\(name): no machine follows the rule \"\(rule)\"") }
        if parts.isEmpty { throw Unreadable("\(name) names no machine") }
        return parts
    }

    /// Runs it.
    /// - Returns: the transcript as it should be, and where it differs, for people.
    func run() throws -> (transcript: [String], differences: [String]) {
        _ = try parts()
        var machine: (any Machine)?
        var transcript: [String] = []
        var differences: [String] = []
        var number = 0
        while number < lines.count {
            let line = lines[number]
            number += 1
            transcript.append(line)
            if line.hasPrefix("machine: ") { machine = try Self.machine(Line(line.dropFirst(9))) }
            guard line.hasPrefix("> ") else { continue }
            let told = lines[number...].prefix { $0.hasPrefix("<") }
            let actual = try take(Line(line.dropFirst(2)), machine, number).map { "< " + $0 }
            if Array(told) != actual {
                differences.append(Self.difference(name, number, line, Array(told), actual))
            }
            transcript += actual
            number += told.count
        }
        return (transcript, differences)
    }

    private func take(_ line: Line, _ machine: (any Machine)?, _ number: Int) throws -> [String] {
        guard let machine else { throw Unreadable("\(name):\(number): no machine is named before the first input") }
        do { return try machine.take(line) } catch { throw Unreadable("\(name):\(number): \(error)") }
    }

    private static func difference(
        _ name: String, _ number: Int, _ line: String, _ told: [String], _ actual: [String]
    ) -> String {
        let both = actual.difference(from: told)
        let marked = (both.removals + both.insertions).map { change in
            switch change {
            case .remove(_, let text, _): "  - \(text)"
            case .insert(_, let text, _): "  + \(text)"
            }
        }
        return "\(name):\(number): after \"\(line)\" (- expected, + came):\n" + marked.joined(separator: "\n")
    }

    private static func machine(_ line: Line) throws -> any Machine {
        switch line.verb {
        case "view": try ViewScenario(line)
        case "cache": try CacheScenario(line)
        case "read": try ReadScenario(line)
        case "broker": try BrokerScenario(line)
        case "session": SessionScenario()
        case "client": ClientScenario()
        case "codes": CodesScenario()
        case "chain": ChainScenario()
        default: throw Unreadable("there is no machine \(line.verb)")
        }
    }
}
