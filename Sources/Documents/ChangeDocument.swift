import FoundationEssentials
import MembusModel

/// One change of a transaction's JSON form, and the fields that records have in common with puts.
package enum ChangeDocument {
    package static func change(_ node: JSONNode) throws(JSONError) -> Change {
        var fields = try node.fields()
        let key = try fields.need("key").key()
        var named: [Change.Action] = []
        if let put = fields.take("put") { named.append(.put(try Self.put(put))) }
        if let delete = fields.take("delete") { named.append(try deletion(delete)) }
        if let increment = fields.take("increment") { named.append(.increment(try increment.integer())) }
        if let append = fields.take("append") { named.append(.append(Data(try append.string().utf8))) }
        if let patch = fields.take("merge_patch") { named.append(.mergePatch(patch.json.serialised)) }
        // First what is misspelt, then what is missing.
        try fields.end()
        guard let action = named.first, named.count == 1 else {
            throw node.fault("exactly one of put, delete, increment, append, merge_patch expected")
        }
        return Change(key, action)
    }

    /// `true`, or the protocol's empty message.
    private static func deletion(_ node: JSONNode) throws(JSONError) -> Change.Action {
        if case .object = node.json {
            try node.fields().end()
        } else if try !node.bool() {
            throw node.fault("true expected: leave the change out to keep the record")
        }
        return .delete
    }

    package static func put(_ node: JSONNode) throws(JSONError) -> Put {
        var fields = try node.fields()
        let links = fields.take("links")
        var put = try content(&fields)
        put.links = try TransactionDocument.list(links, link)
        if let links, Set(put.links).count < put.links.count { throw links.fault("a link is there twice") }
        put.expiry = try expiry(&fields)
        if let node = fields.take("vectors") { put.vectors = try vectors(node) }
        try fields.end()
        return put
    }

    /// By space, one or several: `{"mine": [[0.1, 0.2], [0.3, 0.4]]}`.
    package static func vectors(_ node: JSONNode) throws(JSONError) -> Vectors {
        guard case .object(let members) = node.json else { throw node.fault("an object expected: spaces by name") }
        var spaces: [Vectors.Space] = []
        for (name, value) in members {
            guard let text = JSONStrings.text(name.written[...]) else { throw node.fault("a name is no text") }
            let own = JSONNode(json: value, path: "\(node.path).\(text)")
            let all = try TransactionDocument.list(own) { (vector) throws(JSONError) in try vector.floats() }
            guard Set(all.map(\.count)).count <= 1 else { throw own.fault("vectors of one length expected") }
            let space = Vectors.Space(text, all)
            if let fault = space.fault { throw own.fault("\(fault.what); \(fault.hint)") }
            spaces.append(space)
        }
        return Vectors(spaces)
    }

    private static func expiry(_ fields: inout JSONFields) throws(JSONError) -> Put.Expiry {
        let (after, at) = (fields.take("expires_after_ms"), fields.take("expires_at_ms"))
        if let after {
            guard at == nil else { throw after.fault("not together with expires_at_ms") }
            let milliseconds = try after.integer()
            guard milliseconds > 0 else { throw after.fault("a positive number expected") }
            return .after(.milliseconds(milliseconds))
        }
        guard let at else { return .never }
        return .at(try moment(at))
    }

    package static func moment(_ node: JSONNode) throws(JSONError) -> Timestamp {
        let milliseconds = try node.integer()
        guard milliseconds > 0 else { throw node.fault("milliseconds since 1970 expected, more than 0") }
        return Timestamp(milliseconds: milliseconds)
    }

    /// Value, kind, attributes, links.
    package static func content(_ fields: inout JSONFields) throws(JSONError) -> Put {
        let kind = try fields.take("kind").map { (node) throws(JSONError) in (node, try node.string()) }
        let (plain, base64) = (fields.take("value"), fields.take("value_base64"))
        let value: Data
        var defaultKind = Kind.text
        if let base64 {
            guard plain == nil else { throw base64.fault("not together with value") }
            value = try base64.base64()
        } else if let plain {
            (value, defaultKind) = try self.value(plain, kind: kind?.1 ?? "")
        } else {
            value = Data()
        }
        return Put(
            value, kind: kind.map { $0.1.isEmpty ? defaultKind : Kind($0.1) } ?? defaultKind,
            attributes: try attributes(fields.take("attributes")),
            links: try TransactionDocument.list(fields.take("links"), link))
    }

    /// A string is the value as it stands, whatever the kind; anything else is JSON.
    private static func value(_ node: JSONNode, kind: String) throws(JSONError) -> (Data, Kind) {
        if let text = try node.stringIfAny() { return (Data(text.utf8), .text) }
        switch kind {
        case Kind.text.name: throw node.fault("a text's value is a string")
        case Kind.counter.name: return (Data(String(try node.integer()).utf8), .counter)
        default: return (node.json.serialised, .json)
        }
    }

    private static func attributes(_ node: JSONNode?) throws(JSONError) -> Attributes {
        guard let node else { return [:] }
        guard case .object(let members) = node.json else { throw node.fault("an object expected") }
        var all = Attributes()
        for (name, value) in members {
            guard let text = JSONStrings.text(name.written[...]) else { throw node.fault("a name is no text") }
            all[text] = try JSONNode(json: value, path: "\(node.path).\(text)").string()
        }
        return all
    }

    private static func link(_ node: JSONNode) throws(JSONError) -> Link {
        var fields = try node.fields()
        let link = Link(relation: try fields.need("relation").string(), target: try fields.need("target").key())
        try fields.end()
        return link
    }
}
