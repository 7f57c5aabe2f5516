import FoundationEssentials

/// Which policy a branch's records under `.membus/policies/` set for which keys. Each says it in an object such as
/// `{"topic": "plans/", "kind": "json", "policy": "newest"}`; without a kind it is for all kinds.
package struct MergePolicies: Sendable {
    package static let topic = Topic(unchecked: ".membus/policies/")

    private struct Setting {
        let policy: MergePolicy
        /// Of the record that says so.
        let key: Key
    }
    /// What is set for a topic: by kind, and under `nil` for all others.
    private var settings: [Topic: [Kind?: Setting]] = [:]

    /// - Throws: a refusal that names a record that can't be understood, or two of which each says something else.
    package init(records: [Record]) throws(Refusal) {
        for record in records {
            let (topic, kind, setting) = try Self.read(record)
            if let other = settings[topic]?[kind], other.policy != setting.policy {
                throw Self.contradiction(setting, other, topic)
            }
            settings[topic, default: [:]][kind] = setting
        }
    }

    /// Of the longest topic that has one for the key, and there the one that names the kind; `nil`: none is set.
    package func policy(for key: Key, kind: Kind) -> MergePolicy? {
        if settings.isEmpty { return nil }
        for topic in key.topics {
            guard let kinds = settings[topic], let setting = kinds[kind] ?? kinds[nil] else { continue }
            return setting.policy
        }
        return nil
    }

    private static func read(_ record: Record) throws(Refusal) -> (Topic, Kind?, Setting) {
        var fields = try PolicyFields(record)
        let text = try fields.text("topic")
        let topic: Topic
        do throws(InvalidName) { topic = try Topic(text) } catch { throw fields.refusal("\(error)") }
        let kind = try fields.textIfThere("kind").map { Kind($0) }
        if let kind, kind.name.isEmpty { throw fields.refusal("\"kind\" is empty") }
        let name = try fields.text("policy")
        guard let policy = MergePolicy.allCases.first(where: { $0.rawValue.hasSameBytes(as: name) }) else {
            throw fields.refusal("there is no policy \"\(name.escapingControlCharacters)\"")
        }
        try fields.end()
        return (topic, kind, Setting(policy: policy, key: record.key))
    }

    private static func contradiction(_ a: Setting, _ b: Setting, _ topic: Topic) -> Refusal {
        let (first, second) = a.key < b.key ? (a, b) : (b, a)
        let said = "\(first.policy.rawValue) and \(second.policy.rawValue)"
        return Refusal(
            .invalidValue,
            "keys \"\(first.key)\" and \"\(second.key)\" set two policies for topic \"\(topic)\": \(said)",
            hint: "delete one of them", subject: first.key.text)
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

/// The members of a policy's object, each taken once.
private struct PolicyFields {
    private let key: Key
    private var members: [(name: String, value: JSON)] = []

    init(_ record: Record) throws(Refusal) {
        key = record.key
        guard record.kind == .json, let value = record.value else {
            throw refusal("it is of kind \(record.kind), where kind json is needed")
        }
        let json: JSON
        do throws(JSONFault) { json = try JSON(parsing: value, refusingRepeatedMembers: true) } catch {
            throw refusal("\(error)")
        }
        guard case .object(let members) = json else { throw refusal("it is no object") }
        self.members = members.map { (String(decoding: $0.key.plain, as: UTF8.self), $0.value) }
    }

    mutating func textIfThere(_ name: String) throws(Refusal) -> String? {
        guard let place = members.firstIndex(where: { $0.name.hasSameBytes(as: name) }) else { return nil }
        guard let text = members.remove(at: place).value.text else { throw refusal("\"\(name)\" is no string") }
        return text
    }

    mutating func text(_ name: String) throws(Refusal) -> String {
        guard let text = try textIfThere(name) else { throw refusal("\"\(name)\" is missing") }
        return text
    }

    /// What nobody took would otherwise be passed over in silence.
    func end() throws(Refusal) {
        guard let (name, _) = members.first else { return }
        throw refusal("the member \"\(name.escapingControlCharacters)\" is unknown")
    }

    func refusal(_ reason: String) -> Refusal {
        let policies = MergePolicy.allCases.map(\.rawValue).joined(separator: ", ")
        return Refusal(
            .invalidValue, "key \"\(key)\" sets no policy: \(reason)",
            hint:
                "put {\"topic\": …, \"policy\": …} there, and \"kind\": … for one kind only; policies are \(policies)",
            subject: key.text)
    }
}
