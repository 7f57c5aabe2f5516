import Foundation
import MembusModel

/// One input of a transcript: words, of which some are names followed by what they name.
struct Line {
    let words: [String]
    init(_ text: some StringProtocol) { words = String(text).split(separator: " ").map(String.init) }

    var verb: String { words.first ?? "" }
    func has(_ name: String) -> Bool { words.contains(name) || words.contains(name + ":") }
    func value(_ name: String) -> String? {
        guard let place = words.firstIndex(of: name), place + 1 < words.count else { return nil }
        return words[place + 1]
    }
    func word(_ place: Int) throws -> String {
        guard words.indices.contains(place) else { throw Unreadable("word \(place + 1) is missing") }
        return words[place]
    }
    func number(_ name: String) throws -> Int64? { try value(name).map { try Line.number($0) } }
    /// The words after the colon.
    var list: [String] {
        guard let place = words.firstIndex(where: { $0.hasSuffix(":") }) else { return [] }
        return Array(words[(place + 1)...])
    }

    static func number(_ text: String) throws -> Int64 {
        guard let number = Int64(text.filter { $0 != ":" && $0 != "," }) else {
            throw Unreadable("\(text) is no number")
        }
        return number
    }

    /// `250ms` or `2s`.
    static func duration(_ text: String) throws -> Duration {
        let text = text.filter { $0 != ":" }
        if text.hasSuffix("ms") { return .milliseconds(try number(String(text.dropLast(2)))) }
        guard text.hasSuffix("s") else { throw Unreadable("\(text) is no time: say 250ms or 2s") }
        return .seconds(try number(String(text.dropLast())))
    }

    /// `9`, or `9'` for the revision 9 of another history.
    static func position(_ text: String) throws -> Position {
        let isOther = text.hasSuffix("'")
        let revision = try number(isOther ? String(text.dropLast()) : text)
        return revision == 0 ? .origin : Position(revision: revision, hash: UInt64(revision * 10) + (isOther ? 1 : 0))
    }

    /// `plans/a=x` a record, `plans/a@5=x` with its revision, `plans/a~900` announced, `-plans/a` deleted.
    static func record(_ text: String, at revision: Revision, _ ordinal: Int = 0) throws -> Record {
        let isDeleted = text.hasPrefix("-")
        let parts = text.drop { $0 == "-" }.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let named = parts[0].split(separator: "~", maxSplits: 1)
        let name = named[0].split(separator: "@", maxSplits: 1)
        let key = try Key(String(name[0]))
        let revision = name.count > 1 ? try number(String(name[1])) : revision
        if isDeleted { return .deletion(of: key, revision: revision, ordinal: UInt32(ordinal)) }
        let content: Record.Value =
            if named.count > 1 { .announced(size: Int(try number(String(named[1])))) } else {
                .inline(Data((parts.count > 1 ? String(parts[1]) : "").utf8))
            }
        return Record(key: key, revision: revision, ordinal: UInt32(ordinal), content: content)
    }

    static func records(_ texts: [String], at revision: Revision) throws -> [Record] {
        try texts.enumerated().map { try record($1, at: revision, $0) }
    }
}

struct Unreadable: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

extension Record {
    var words: String {
        if isDeleted { return "-\(key)@\(revision)" }
        guard let text else { return "\(key)@\(revision)~\(size)" }
        return "\(key)@\(revision)=" + (text.count > 20 ? "(\(size)bytes)" : text)
    }
}

/// Every revision that is printed stands for its hash, too.
extension Position {
    /// `9`, `9'` of another history, `9?` if it bears the hash of neither.
    var words: String {
        if self == .origin { return "0" }
        switch hash {
        case UInt64(revision * 10): return "\(revision)"
        case UInt64(revision * 10 + 1): return "\(revision)'"
        default: return "\(revision)?"
        }
    }
}

extension [Record] {
    var words: String { isEmpty ? "nothing" : map(\.words).joined(separator: " ") }
}

/// Random numbers by the order in which they first appear: n1, n2, …
struct Names<Thing: Hashable> {
    private let letter: String
    private var names: [Thing: String] = [:]
    private var things: [String: Thing] = [:]
    init(_ letter: String) { self.letter = letter }

    mutating func name(of thing: Thing) -> String {
        if let known = names[thing] { return known }
        let name = "\(letter)\(names.count + 1)"
        names[thing] = name
        things[name] = thing
        return name
    }
    func thing(_ name: String) throws -> Thing {
        guard let thing = things[name.filter { $0 != ":" }] else { throw Unreadable("there is no \(name) yet") }
        return thing
    }
}
