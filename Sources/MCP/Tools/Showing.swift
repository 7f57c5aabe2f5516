import MembusDocuments
import MembusModel

// What results show of records, and how much: they are cut off at a record, and say what is left out.

/// Of what one result may hold. What comes first fits in any case, so that every record can be had, if need be by itself.
struct ResultBudget {
    /// As JSON. A model reads less at once, and a program asks again.
    static let usual = 1 << 20
    /// Of a graph, which its readers expect as a whole.
    static let ofGraph = 8 << 20

    private var left: Int
    private var isFirst = true

    init(_ bytes: Int = Self.usual) { left = bytes }

    mutating func takes(_ value: JSONValue) -> Bool {
        let size = value.size
        guard isFirst || size <= left else { return false }
        isFirst = false
        left -= size
        return true
    }
}

extension JSONValue {
    /// About how many bytes it is as text.
    var size: Int {
        switch self {
        case .null, .bool: 5
        case .integer: 20
        case .string(let text): 2 + Self.written(text)
        case .written(let value): value.line.utf8.count
        case .array(let elements): elements.reduce(2) { $0 + 1 + $1.size }
        case .object(let fields): fields.reduce(2) { $0 + 4 + Self.written($1.name) + $1.value.size }
        }
    }

    /// Control characters take six bytes each.
    private static func written(_ text: String) -> Int {
        var text = text
        return text.withUTF8 { bytes in
            var count = bytes.count
            for byte in bytes where byte < 0x20 || byte == 0x7F || byte == 0x22 || byte == 0x5C {
                count += byte == 0x22 || byte == 0x5C || byte == 0x0A || byte == 0x0D || byte == 0x09 ? 1 : 5
            }
            return count
        }
    }

    /// What is JSON is shown as such.
    static func shown(_ record: Record) -> JSONValue {
        guard record.kind == .json else { return .record(record) }
        return .record(record) { value in
            WrittenJSON(value).map { ["value": .written($0)] }
                ?? ["value_text": .string(String(decoding: value, as: UTF8.self))]
        }
    }

    /// A record's version with the commit that made it.
    static func shown(_ record: Record, by info: CommitInfo) -> JSONValue { .shown(record) + ["commit": .commit(info)] }

    /// Of which state a result is, where it has no fields of its own for that.
    static func meta(_ token: Token) -> JSONValue {
        ["membus/revision": .integer(token.revision), "membus/token": .string("\(token)")]
    }

    /// What was left out, and how to get it.
    static func leftOut(_ keys: [MembusModel.Key], at revision: Revision) -> JSONValue {
        [
            "left_out": .array(keys.map { .string($0.text) }),
            "left_out_hint": .string(
                "these keys were not shown, as the result would be too large: read them by themselves, with at: \(revision)"
            ),
        ]
    }
}
