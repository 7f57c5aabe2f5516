import Foundation
import MembusModel

// Which records hold what is asked for, said in the simplest way, which is enough for what the worlds write: runs of ASCII letters and
// digits, of which no two have the same stem, and none that is asked for as a phrase is cut into passages.

/// What of a question is looked for.
package enum SearchedTerm: Hashable, Sendable {
    case word(String)
    case phrase([String])
    case prefix(String)
    case field(String, String)

    /// As people type it.
    package var text: String {
        switch self {
        case .word(let word): word
        case .phrase(let words): "\"\(words.joined(separator: " "))\""
        case .prefix(let prefix): "\(prefix)*"
        case .field(let name, let word): "\(name):\(word)"
        }
    }
}

/// What of a record is looked through.
struct SearchedText {
    private typealias Words = [[UInt8]]

    private var names: Words
    private var fields: [(name: String, words: Words)]
    /// A text, or the strings of JSON with their members' paths.
    private var bodies: [(path: String, words: Words)] = []

    init(_ record: Record, author: String, message: String) {
        fields =
            [("key", record.key.text), ("author", author), ("kind", record.kind.name), ("message", message)].map {
                ($0, $1.words)
            } + record.attributes.map { ($0, $1.words) }
        names = record.key.text.words + author.words + record.kind.name.words
        for (name, value) in record.attributes { names += name.words + value.words }
        guard let value = record.value, record.kind != .counter else { return }
        guard record.kind == .json else {
            bodies = [("", String(decoding: value, as: UTF8.self).words)]
            return
        }
        if let json = try? JSONSerialization.jsonObject(with: value, options: .fragmentsAllowed) { take(json, at: "") }
    }

    private mutating func take(_ json: Any, at path: String) {
        switch json {
        case let text as String: bodies.append((path, text.words))
        case let list as [Any]: for element in list { take(element, at: path) }
        case let object as [String: Any]:
            for (name, value) in object {
                names += name.words
                take(value, at: path.isEmpty ? name : path + "." + name)
            }
        default: break
        }
    }

    /// - Parameter only: the members that count, for who asks for none by its name; `nil`: all of it.
    func holds(_ term: SearchedTerm, only: [String]?) -> Bool {
        let counted = bodies.lazy.filter { only?.contains($0.path) ?? true }.map(\.words)
        switch term {
        case .word(let word):
            let word = Array(word.utf8)
            return names.contains(word) || counted.contains { $0.contains(word) }
        case .phrase(let words):
            let words = words.map { Array($0.utf8) }
            return counted.contains { text in text.indices.contains { text[$0...].starts(with: words) } }
        case .prefix(let prefix): return counted.contains { $0.contains { $0.starts(with: prefix.utf8) } }
        case .field(let name, let word):
            let word = Array(word.utf8)
            return (fields.filter { $0.name == name }.map(\.words) + bodies.filter { $0.path == name }.map(\.words))
                .contains { $0.contains(word) }
        }
    }
}

extension String { fileprivate var words: [[UInt8]] { utf8.split { !$0.isOfWord }.map { Array($0) } } }

extension UInt8 {
    fileprivate var isOfWord: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}

/// What a state's records under `.membus/search/` say: of each of the longest topic that says something for a key, and there of the one
/// that names the kind.
struct SearchedSettings {
    private struct Setting {
        var topic: Topic
        var kind: String?
        var isOff: Bool?
        /// Empty: all.
        var fields: [String]?

        /// `/` is as long as any key of one letter, and holds them all.
        var rank: (Int, Int) { (topic.isEverything ? 0 : topic.text.utf8.count, kind == nil ? 0 : 1) }
    }
    private var settings: [Setting] = []

    init(_ records: [Record]) {
        for record in records where record.key.text.utf8.starts(with: ".membus/search/".utf8) {
            guard let value = record.value,
                let object = (try? JSONSerialization.jsonObject(with: value)) as? [String: Any],
                let topic = object["topic"] as? String
            else { continue }
            let isForAll = object["fields"] as? String == "all"
            settings.append(
                Setting(
                    topic: Topic(unchecked: topic), kind: object["kind"] as? String,
                    isOff: (object["search"] as? String).map { $0 == "off" },
                    fields: isForAll ? [] : object["fields"] as? [String]))
        }
    }

    func isOff(_ record: Record) -> Bool { said(of: record, \.isOff) ?? false }

    func fields(of record: Record) -> [String]? {
        guard record.kind == .json, let fields = said(of: record, \.fields), !fields.isEmpty else { return nil }
        return fields
    }

    private func said<Value>(of record: Record, _ what: KeyPath<Setting, Value?>) -> Value? {
        settings.filter {
            $0.topic.matches(record.key) && $0.kind ?? record.kind.name == record.kind.name && $0[keyPath: what] != nil
        }.max { $0.rank < $1.rank }?[keyPath: what]
    }
}
