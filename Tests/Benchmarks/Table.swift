import Foundation

/// What was measured, what it should be, and what it is beside its yardstick.
struct Row: CustomStringConvertible {
    var measure: String
    var result: String
    var target = ""
    /// From the lowest to the highest round.
    var spread = ""
    /// A yardstick of the same run, with the figure's ratio to it.
    var yardstick = ""
    /// `nil`: no target was set.
    var isMet: Bool?

    var cells: [String] { [measure, target, result, spread, yardstick, isMet.map { $0 ? "yes" : "**no**" } ?? ""] }
    var description: String { cells.filter { !$0.isEmpty }.joined(separator: " | ") }
}

struct Table {
    var rows: [Row] = []

    var markdown: String {
        let head = ["Measure", "Target", "Median", "Rounds", "Beside it, in the same run", "Met"]
        let lines = [head, head.map { _ in "---" }] + rows.map(\.cells)
        return lines.map { "| " + $0.joined(separator: " | ") + " |" }.joined(separator: "\n")
    }
}

enum Machine {
    static var load: String {
        let text = (try? String(contentsOfFile: "/proc/loadavg", encoding: .utf8)) ?? ""
        return text.split(separator: " ").prefix(3).joined(separator: " ")
    }

    static var description: String {
        let info = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        let model = info.split(separator: "\n").first { $0.hasPrefix("model name") }?.split(separator: ":").last
        let name = model.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown processor"
        return "\(ProcessInfo.processInfo.activeProcessorCount) cores of \(name); load averages at the end \(load)"
    }
}

func format(_ value: Double, _ unit: String) -> String {
    let digits = value >= 100 ? 0 : value >= 10 ? 1 : 2
    let text = String(format: "%.\(digits)f", value)
    return unit.isEmpty ? text : "\(text) \(unit)"
}

/// 41,200
func grouped(_ value: Double) -> String {
    var digits = String(Int(value.rounded()))
    var groups: [String] = []
    while digits.count > 3 {
        groups.insert(String(digits.suffix(3)), at: 0)
        digits.removeLast(3)
    }
    return ([digits] + groups).joined(separator: ",")
}
