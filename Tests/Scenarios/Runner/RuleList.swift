import Foundation

/// README.txt's list: each rule behind "- ", and on the next line, indented by four, the scenarios that show it.
struct RuleList {
    private(set) var shownBy: [String: [String]] = [:]
    /// What is wrong with the list itself, for people.
    private(set) var faults: [String] = []

    init(_ text: String) {
        var rule: String?
        for line in text.components(separatedBy: "\n") {
            if let before = rule {
                if line.hasPrefix("    ") { add(before, line) } else { faults.append(Self.nothing(under: before)) }
            }
            rule = line.hasPrefix("- ") ? String(line.dropFirst(2)) : nil
        }
        if let rule { faults.append(Self.nothing(under: rule)) }
    }

    private static func nothing(under rule: String) -> String { "no scenario stands under: \(rule)" }

    private mutating func add(_ rule: String, _ line: String) {
        let names = line.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        if shownBy[rule] != nil { faults.append("listed twice: \(rule)") }
        if names != Set(names).sorted() { faults.append("not in order, or named twice: \(names) under: \(rule)") }
        shownBy[rule] = names
    }

    static let ofReadme = RuleList(Scenario.text(Scenario.folder.appendingPathComponent("README.txt")))

    /// Where list and transcripts differ, for people.
    func differences(from scenarios: [Scenario]) throws -> [String] {
        var found: [String: Set<String>] = [:]
        var differences = faults
        for scenario in scenarios {
            for part in try scenario.parts() {
                let place = "\(scenario.name):\(part.number)"
                if part.rules.isEmpty { differences.append("\(place): the machine shows no rule") }
                if part.outputs == 0 { differences.append("\(place): nothing comes out of the machine") }
                if Set(part.rules).count < part.rules.count { differences.append("\(place): a rule is named twice") }
                for rule in part.rules { found[rule, default: []].insert(scenario.title) }
            }
        }
        for (rule, titles) in found where shownBy[rule] == nil {
            differences.append("\(titles.sorted().joined(separator: ", ")): shows a rule that is not listed: \(rule)")
        }
        for (rule, names) in shownBy where found[rule, default: []].sorted() != names {
            let listed = names.joined(separator: ", ")
            let really = found[rule].map { $0.sorted().joined(separator: ", ") } ?? "none"
            differences.append("listed under \(listed), shown by \(really): \(rule)")
        }
        return differences.sorted()
    }
}
