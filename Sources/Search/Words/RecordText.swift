import FoundationEssentials
import MembusModel

// What of a record is looked through:
//
//   body    a text: itself; JSON: its strings, in their order, a line each; a counter: nothing; other kinds: as text, if they are UTF-8
//   names   the key's segments, the author, the kind, attributes with their values, JSON members
//   fields  key, author, kind, message, each attribute
//   members each JSON string by its path: which part of the body it is

struct RecordText {
    private(set) var body: [UInt8] = []
    /// Where strings begin that no phrase reaches across; but for the first.
    private(set) var breaks: [Int] = []
    private(set) var names: [String] = []
    private(set) var fields: [(name: String, text: String)] = []
    /// Strings of JSON, in their order.
    private(set) var members: [Member] = []

    struct Member {
        /// Empty: it is of none, or its path is too long to be asked for.
        var path: String
        /// In the body.
        var bytes: Range<Int>
    }

    init(_ version: StoredText) {
        let record = version.record
        names = record.key.text.split(separator: "/").map(String.init) + [version.author, record.kind.name]
        fields = [
            ("key", record.key.text), ("author", version.author), ("kind", record.kind.name),
            ("message", version.message),
        ]
        for (name, value) in record.attributes {
            names += [name, value]
            fields.append((name, value))
        }
        guard let value = record.value, record.kind != .counter else { return }
        if record.kind == .json, let json = try? JSON(parsing: value) {
            take(json, at: "")
        } else if String(validating: value, as: UTF8.self) != nil {
            body = value.withUnsafeBytes { Array($0) }
        }
    }

    private mutating func take(_ json: JSON, at path: String) {
        switch json {
        case .scalar:
            guard let text = json.plainString else { return }
            if !body.isEmpty {
                body.append(UInt8(ascii: "\n"))
                breaks.append(body.count)
            }
            let isNamed = path.utf8.count <= SearchSettings.longestField
            members.append(Member(path: isNamed ? path : "", bytes: body.count..<(body.count + text.count)))
            body += text
        case .array(let elements):
            for element in elements { take(element, at: path) }
        case .object(let members):
            for (name, value) in members {
                let plain = String(decoding: name.plain, as: UTF8.self)
                names.append(plain)
                take(value, at: path.isEmpty ? plain : path + "." + plain)
            }
        }
    }
}

/// A version, as far as its words go.
struct StoredText {
    var record: Record
    var author: String
    var message: String
}
