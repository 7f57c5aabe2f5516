/// How a branch's records under `.membus/search/` have which keys searched. Each sets one or more of three things, in an object such as
///
///     {"topic": "logs/", "search": "off"}
///     {"topic": "chat/", "context": false}
///     {"topic": "tickets/", "kind": "json", "fields": ["title", "body.text"]}
///
/// without a kind for all kinds. Each of the three is looked for by itself: of the longest topic that sets it for a key, and there the
/// one that names the kind. They are memory like any other: forks inherit them, and merges carry them.
package struct SearchSettings: Sendable {
    package static let topic = Topic(unchecked: ".membus/search/")
    /// So many records may set something; and so many members all of them may name.
    package static let mostRecords = 1000
    package static let mostFields = 256
    /// Of a member's path, in bytes: longer ones are in no index.
    package static let longestField = 256

    private var off = TopicSettings<Bool>()
    private var context = TopicSettings<Bool>()
    private var fields = TopicSettings<FieldNames>()
    /// That something is set for.
    package private(set) var topics: Set<Topic> = []
    /// Paths of members that some setting names, in the order of their bytes.
    package private(set) var fieldNames: [ByBytes] = []

    package var isEmpty: Bool { topics.isEmpty }

    package static let none = SearchSettings()
    private init() {}

    /// - Throws: a refusal that names a record that can't be understood, or two of which each says something else.
    package init(records: [Record]) throws(Refusal) {
        var names: Set<ByBytes> = []
        for record in records {
            var read = try SettingFields(record, "way to search", hint: Self.hint)
            let (topic, kind) = try read.place()
            let isOff = try read.isOff()
            let takesContext = try read.takesContext()
            let fields = try read.fieldNames()
            try read.end()
            if isOff == nil, takesContext == nil, fields == nil {
                throw read.refusal("\"search\", \"context\" and \"fields\" are missing")
            }
            try set(isOff, "search", in: \.off, topic, kind, record.key)
            try set(takesContext, "context", in: \.context, topic, kind, record.key)
            try set(fields, "fields", in: \.fields, topic, kind, record.key)
            topics.insert(topic)
            if case .only(let only) = fields { names.formUnion(only) }
            if names.count > Self.mostFields {
                throw read.refusal("with those before it names more than \(Self.mostFields) fields", .limitExceeded)
            }
        }
        fieldNames = names.sorted()
    }

    private mutating func set<Value: Equatable>(
        _ value: Value?, _ name: String, in settings: WritableKeyPath<Self, TopicSettings<Value>>, _ topic: Topic,
        _ kind: Kind?, _ key: Key
    ) throws(Refusal) {
        guard let value else { return }
        let other = self[keyPath: settings].set(.init(value: value, key: key), for: topic, kind)
        guard let other, other.value != value else { return }
        let (first, second) = key < other.key ? (key, other.key) : (other.key, key)
        throw Refusal(
            .invalidValue, "keys \"\(first)\" and \"\(second)\" set \"\(name)\" for topic \"\(topic)\" in two ways",
            hint: "delete one of them", subject: first.text)
    }

    // MARK: What is set

    /// Nothing of it is found, nor counts for what is.
    package func isOff(_ key: Key, _ kind: Kind) -> Bool { off.value(for: key, kind: kind) ?? false }

    /// Whether numbered neighbours count for it.
    package func takesContext(_ key: Key, _ kind: Kind) -> Bool { context.value(for: key, kind: kind) ?? true }

    /// Of which members of its JSON the words count; `nil`: of all.
    package func fields(of key: Key, _ kind: Kind) -> Set<ByBytes>? {
        guard kind == .json, case .only(let names)? = fields.value(for: key, kind: kind) else { return nil }
        return names
    }

    private static let hint = """
        put {"topic": …} there with "search": "off" or "on", "context": false or true, or "fields": […] or "all"; and "kind": … for \
        one kind only
        """
}

private enum FieldNames: Equatable, Sendable {
    case all
    case only(Set<ByBytes>)
}

extension SettingFields {
    fileprivate mutating func isOff() throws(Refusal) -> Bool? {
        guard let said = try textIfThere("search") else { return nil }
        if said.hasSameBytes(as: "off") { return true }
        if said.hasSameBytes(as: "on") { return false }
        throw refusal("\"search\" is neither \"on\" nor \"off\"")
    }

    fileprivate mutating func takesContext() throws(Refusal) -> Bool? {
        guard let said = valueIfThere("context") else { return nil }
        guard let isTaken = said.truth else { throw refusal("\"context\" is neither true nor false") }
        return isTaken
    }

    fileprivate mutating func fieldNames() throws(Refusal) -> FieldNames? {
        guard let said = valueIfThere("fields") else { return nil }
        if let text = said.text, text.hasSameBytes(as: "all") { return .all }
        guard case .array(let elements) = said else { throw refusal("\"fields\" is neither a list nor \"all\"") }
        var names: Set<ByBytes> = []
        for element in elements {
            guard let name = element.text, !name.isEmpty else {
                throw refusal("\"fields\" names something that is no member's path")
            }
            guard name.utf8.count <= SearchSettings.longestField else {
                throw refusal("a field's path is longer than \(SearchSettings.longestField) bytes")
            }
            names.insert(ByBytes(name))
        }
        return .only(names)
    }
}

extension JSON {
    fileprivate var truth: Bool? {
        switch self {
        case .scalar(let written) where written.elementsEqual("true".utf8): true
        case .scalar(let written) where written.elementsEqual("false".utf8): false
        default: nil
        }
    }
}
