/// Which policy a branch's records under `.membus/policies/` set for which keys. Each says it in an object such as
/// `{"topic": "plans/", "kind": "json", "policy": "newest"}`; without a kind it is for all kinds.
package struct MergePolicies: Sendable {
    package static let topic = Topic(unchecked: ".membus/policies/")

    private typealias Settings = TopicSettings<MergePolicy>
    private var settings = Settings()

    /// - Throws: a refusal that names a record that can't be understood, or two of which each says something else.
    package init(records: [Record]) throws(Refusal) {
        for record in records {
            let (topic, kind, setting) = try Self.read(record)
            if let other = settings.set(setting, for: topic, kind), other.value != setting.value {
                throw Self.contradiction(setting, other, topic)
            }
        }
    }

    /// Of the longest topic that has one for the key, and there the one that names the kind; `nil`: none is set.
    package func policy(for key: Key, kind: Kind) -> MergePolicy? { settings.value(for: key, kind: kind) }

    private static func read(_ record: Record) throws(Refusal) -> (Topic, Kind?, Settings.Setting) {
        var fields = try SettingFields(record, "policy", hint: hint)
        let (topic, kind) = try fields.place()
        let name = try fields.text("policy")
        guard let policy = MergePolicy.allCases.first(where: { $0.rawValue.hasSameBytes(as: name) }) else {
            throw fields.refusal("there is no policy \"\(name.escapingControlCharacters)\"")
        }
        try fields.end()
        return (topic, kind, Settings.Setting(value: policy, key: record.key))
    }

    private static var hint: String {
        let policies = MergePolicy.allCases.map(\.rawValue).joined(separator: ", ")
        return
            "put {\"topic\": …, \"policy\": …} there, and \"kind\": … for one kind only; policies are \(policies)"
    }

    private static func contradiction(_ a: Settings.Setting, _ b: Settings.Setting, _ topic: Topic) -> Refusal {
        let (first, second) = a.key < b.key ? (a, b) : (b, a)
        let said = "\(first.value.rawValue) and \(second.value.rawValue)"
        return Refusal(
            .invalidValue,
            "keys \"\(first.key)\" and \"\(second.key)\" set two policies for topic \"\(topic)\": \(said)",
            hint: "delete one of them", subject: first.key.text)
    }
}
