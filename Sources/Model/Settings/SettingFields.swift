import FoundationEssentials

/// The members of an object that sets something for a topic, each taken once.
struct SettingFields {
    private let key: Key
    /// What such a record sets, and how it is to be written.
    private let help: (noun: String, hint: String)
    private var members: [(name: String, value: JSON)] = []

    /// - Throws: as all others, a refusal that names the record.
    init(_ record: Record, _ noun: String, hint: String) throws(Refusal) {
        (key, help) = (record.key, (noun, hint))
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

    mutating func valueIfThere(_ name: String) -> JSON? {
        guard let place = members.firstIndex(where: { $0.name.hasSameBytes(as: name) }) else { return nil }
        return members.remove(at: place).value
    }

    mutating func textIfThere(_ name: String) throws(Refusal) -> String? {
        guard let value = valueIfThere(name) else { return nil }
        guard let text = value.text else { throw refusal("\"\(name)\" is no string") }
        return text
    }

    mutating func text(_ name: String) throws(Refusal) -> String {
        guard let text = try textIfThere(name) else { throw refusal("\"\(name)\" is missing") }
        return text
    }

    /// What all of them say: for which topic, and which kind alone.
    mutating func place() throws(Refusal) -> (Topic, Kind?) {
        let text = try text("topic")
        let topic: Topic
        do throws(InvalidName) { topic = try Topic(text) } catch { throw refusal("\(error)") }
        let kind = try textIfThere("kind").map { Kind($0) }
        if let kind, kind.name.isEmpty { throw refusal("\"kind\" is empty") }
        return (topic, kind)
    }

    /// What nobody took would otherwise be passed over in silence.
    func end() throws(Refusal) {
        guard let (name, _) = members.first else { return }
        throw refusal("the member \"\(name.escapingControlCharacters)\" is unknown")
    }

    func refusal(_ reason: String, _ code: Refusal.Code = .invalidValue) -> Refusal {
        Refusal(code, "key \"\(key)\" sets no \(help.noun): \(reason)", hint: help.hint, subject: key.text)
    }
}
