import MembusModel

// A state's settings, made ready for a hundred thousand keys: the longest topic that holds a key is found by the lengths that topics
// have, and what is set there for a kind is worked out once.

/// What is set for keys and kinds, by number. Used by one thread at a time.
final class SearchRules {
    struct Rule: Hashable {
        var isOff = false
        var takesContext = true
        /// Of each of ``paths`` whether its words count; `nil`: the whole body does.
        var fields: [Bool]?
    }

    private let settings: SearchSettings
    /// The first is that of keys for which nothing is set.
    private(set) var rules: [Rule] = [Rule()]
    private var numberOf: [Rule: UInt16] = [Rule(): 0]
    /// Of members that some setting names.
    let paths: [[UInt8]]

    private let topics = TermTable()
    /// Of topics, each once, the longest first; that of everything is not among them.
    private let lengths: [Int]
    private let isForAll: Bool
    /// By topic and kind.
    private var known: [UInt64: UInt16] = [:]
    private static let slash = UInt8(ascii: "/")

    init(_ settings: SearchSettings) {
        self.settings = settings
        paths = settings.fieldNames.map { Array($0.text.utf8) }
        var found: Set<Int> = []
        let table = topics
        for topic in settings.topics where !topic.isEverything {
            var text = topic.text
            _ = text.withUTF8 { table.number(of: $0) }
            found.insert(topic.text.utf8.count)
        }
        lengths = found.sorted(by: >)
        isForAll = settings.topics.contains(.everything)
    }

    /// Whether something is set for a key that was looked up.
    var isUsed: Bool { rules.count > 1 }

    /// Whether a rule may name members.
    var hasFields: Bool { !paths.isEmpty || rules.contains { $0.fields != nil } }

    func rule(of key: UnsafeBufferPointer<UInt8>, _ kind: UInt32, _ columns: Columns) -> UInt16 {
        for length in lengths where length <= key.count {
            guard length == key.count || key[length - 1] == Self.slash,
                let topic = topics.find(UnsafeBufferPointer(rebasing: key[..<length]))
            else { continue }
            return rule(UInt32(topic), kind, columns)
        }
        return isForAll ? rule(.max, kind, columns) : 0
    }

    private func rule(_ topic: UInt32, _ kind: UInt32, _ columns: Columns) -> UInt16 {
        let place = UInt64(topic) << 32 | UInt64(kind)
        if let rule = known[place] { return rule }
        let text = topic == .max ? "/" : String(decoding: topics.term(Int(topic)), as: UTF8.self)
        let rule = number(of: made(Key(unchecked: text), columns.kinds[Int(kind)]))
        known[place] = rule
        return rule
    }

    /// All topics that hold a topic hold its keys.
    private func made(_ topic: Key, _ kind: Kind) -> Rule {
        let only = settings.fields(of: topic, kind)
        return Rule(
            isOff: settings.isOff(topic, kind), takesContext: settings.takesContext(topic, kind),
            fields: only.map { only in settings.fieldNames.map(only.contains) })
    }

    private func number(of rule: Rule) -> UInt16 {
        if let known = numberOf[rule] { return known }
        let number = UInt16(rules.count)
        rules.append(rule)
        numberOf[rule] = number
        return number
    }
}
