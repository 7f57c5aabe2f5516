/// What records set for topics and kinds: of the longest topic that has something for a key, and there of the one that names the kind.
struct TopicSettings<Value: Sendable>: Sendable {
    struct Setting: Sendable {
        let value: Value
        /// Of the record that says so.
        let key: Key
    }
    /// By kind, and under `nil` for all others.
    private var settings: [Topic: [Kind?: Setting]] = [:]

    var isEmpty: Bool { settings.isEmpty }

    /// - Returns: what was set for the same before.
    mutating func set(_ setting: Setting, for topic: Topic, _ kind: Kind?) -> Setting? {
        settings[topic, default: [:]].updateValue(setting, forKey: kind)
    }

    /// `nil`: nothing is set.
    func value(for key: Key, kind: Kind) -> Value? {
        if settings.isEmpty { return nil }
        for topic in key.topics {
            guard let kinds = settings[topic], let setting = kinds[kind] ?? kinds[nil] else { continue }
            return setting.value
        }
        return nil
    }
}

extension Key {
    /// All that it belongs to, the longest first.
    fileprivate var topics: [Topic] {
        let slashes = text.utf8.indices.reversed().filter { text.utf8[$0] == UInt8(ascii: "/") }
        return [Topic(unchecked: text)] + slashes.map { Topic(unchecked: String(Substring(text.utf8[...$0]))) } + [
            .everything
        ]
    }
}
