import FoundationEssentials
import Membus

// How the memory's things look to people: one line each, control characters escaped, long values cut.

enum Human {
    static func bytes(_ count: Int64) -> String {
        if count < 1024 { return "\(count) B" }
        var (size, unit) = (Double(count) / 1024, 0)
        let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
        while size >= 1024, unit < units.count - 1 {
            size /= 1024
            unit += 1
        }
        let tenths = Int((size * 10).rounded(.toNearestOrEven))
        return "\(tenths / 10).\(tenths % 10) \(units[unit])"
    }

    /// A key as a person's terminal may show it: characters that hide, or turn the line around, are named.
    static func key(_ key: Key, onTerminal isTerminal: Bool) -> String {
        guard isTerminal, key.text.unicodeScalars.contains(where: misleads) else { return key.text }
        return key.text.unicodeScalars.map { misleads($0) ? "\\u{\(String($0.value, radix: 16))}" : String($0) }
            .joined()
    }

    /// The same of any name, which may hold control characters, too.
    static func name(_ name: String, onTerminal isTerminal: Bool) -> String {
        key(Key(unchecked: name), onTerminal: isTerminal).escapingControlCharacters
    }

    private static func misleads(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x061C, 0x200B...0x200F, 0x202A...0x202E, 0x2066...0x2069, 0xFEFF: true
        default: false
        }
    }

    static func duration(_ duration: Duration) -> String {
        let milliseconds = duration.wholeMilliseconds
        switch milliseconds {
        case ..<1: return "\(duration.wholeNanoseconds / 1000) µs"
        case ..<10_000: return "\(milliseconds) ms"
        default: return clock(milliseconds / 1000)
        }
    }

    /// `42s`, `3m 05s`, `2h 07m`, `5d 3h`.
    static func clock(_ seconds: Int64) -> String {
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        switch seconds {
        case ..<60: return "\(seconds)s"
        case ..<3600: return "\(seconds / 60)m \(two(seconds % 60))s"
        case ..<86_400: return "\(seconds / 3600)h \(two(seconds / 60 % 60))m"
        default: return "\(seconds / 86_400)d \(seconds / 3600 % 24)h"
        }
    }

    /// - Parameter plural: such as "records".
    static func noun(_ count: Int64, _ plural: String) -> String { count == 1 ? String(plural.dropLast()) : plural }

    static func plural(_ count: Int, _ noun: String) -> String { count == 1 ? "1 \(noun)" : "\(count) \(noun)s" }

    /// With a comma before every three digits.
    static func grouped(_ number: Int64) -> String {
        let digits = String(number)
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0,
                digits[digits.index(digits.startIndex, offsetBy: index - 1)] != "-"
            {
                text += ","
            }
            text.append(digit)
        }
        return text
    }

    static func padded(_ text: String, _ width: Int, right: Bool = false) -> String {
        let space = String(repeating: " ", count: max(0, width - text.count))
        return right ? space + text : text + space
    }

    /// A line of a text. Tabs are part of many, and harmless.
    static func line(_ text: String) -> String {
        text.split(separator: "\t", omittingEmptySubsequences: false).map { String($0).escapingControlCharacters }
            .joined(separator: "\t")
    }

    /// What is under the key, on one line.
    static func preview(_ record: Record, width: Int = 100) -> String {
        if record.isDeleted { return "deleted" }
        guard let value = record.value else { return "(\(bytes(Int64(record.size))))" }
        // Cut before it is looked at: a value may be megabytes long.
        guard let text = prefix(of: value, bytes: width * 4) else { return "(\(bytes(Int64(value.count))) of binary)" }
        let cut = text.prefix(width)
        let isWhole = cut.utf8.count == value.count
        return String(cut).escapingControlCharacters + (isWhole ? "" : "… (\(bytes(Int64(value.count))))")
    }

    /// The text that the first bytes hold, without a character that the cut went through.
    private static func prefix(of value: Data, bytes limit: Int) -> String? {
        for end in stride(from: min(limit, value.count), through: max(0, min(limit, value.count) - 3), by: -1) {
            if let text = String(validating: value.prefix(end), as: UTF8.self) { return text }
            if end == value.count, value.count < limit { return nil }
        }
        return nil
    }

    /// What failed, and what is there instead; a line for each.
    static func conflict(_ failed: [FailedPrecondition], _ outcome: String = "nothing was written") -> String {
        let lines = failed.map { failed in
            let now = failed.current.map { ": \(preview($0))" } ?? ""
            let owner = failed.current.map { " (put by \($0.owner))" } ?? ""
            return "  \(difference(failed))\(now)\(owner)"
        }
        return (["conflict: \(outcome), as"] + lines).joined(separator: "\n")
    }

    /// What somebody has to decide, key by key.
    static func unsettled(
        _ conflicts: [MergeConflict], _ unlisted: Int, _ outcome: String = "nothing was written"
    ) -> String {
        let count = conflicts.count + unlisted
        var lines = [count == 1 ? "\(outcome): 1 key needs a decision" : "\(outcome): \(count) keys need a decision"]
        for conflict in conflicts {
            let by = conflict.undoneBy.map { ", by revision \($0)" } ?? ""
            lines.append("  \(conflict.key)   \(conflict.kind.words)\(by)")
            for (name, version) in [("base", conflict.base), ("ours", conflict.ours), ("theirs", conflict.theirs)] {
                if let version { lines.append("    \(name.padded(to: 7))\(told(version))") }
            }
        }
        if unlisted > 0 { lines.append("  and \(unlisted) more") }
        return lines.joined(separator: "\n")
    }

    private static func told(_ version: MergeVersion) -> String {
        let what = version.record.isDeleted ? "deleted" : preview(version.record)
        // What was made of several versions is none of its own.
        guard version.record.revision > 0 else { return what }
        let who = version.commit.map { " \(commit($0))" } ?? ""
        return "\(version.record.revision)\(who)  \(what)"
    }

    private static func difference(_ failed: FailedPrecondition) -> String {
        switch failed.precondition {
        case .at(let key, let revision) where failed.current == nil:
            "\(key) has no record, instead of revision \(revision)"
        case .at(let key, let revision): "\(key) is at revision \(failed.revision), not \(revision)"
        case .absent(let key): "\(key) exists, at revision \(failed.revision)"
        case .unchanged(let topic, let since):
            "\(topic) changed after \(since): \(failed.key) is at revision \(failed.revision)"
        case .sound: "\(failed.key), which was read, was undone or quarantined by revision \(failed.revision)"
        }
    }

    static func commit(_ info: CommitInfo) -> String {
        var parts = [info.agent]
        if !info.context.isEmpty { parts.append("in \(info.context)") }
        let about = parts.joined(separator: " ").escapingControlCharacters
        return info.message.isEmpty ? about : "\(about): \(info.message.escapingControlCharacters)"
    }
}

extension MergeConflictKind {
    var words: String {
        switch self {
        case .bothChanged: "both changed it"
        case .bothCreated: "both created it"
        case .deletedAndChanged: "deleted here, changed there"
        case .changedAndDeleted: "changed here, deleted there"
        case .differentKinds: "it is of another kind on each side"
        case .undone: "it would bring back what was undone here"
        case .noBase: "what it was made of can't be told"
        case .otherRead: "the commit had read it in another version"
        }
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String { self + String(repeating: " ", count: max(1, width - count)) }
}
