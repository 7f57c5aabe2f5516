import FoundationEssentials
import MembusModel

/// What is wrong in a JSON document, and where: `changes[2].put.kind`.
package struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    package let path: String
    package let reason: String
    package init(path: String, reason: String) {
        self.path = path
        self.reason = reason
    }
    package var description: String { path.isEmpty ? reason : "\(path): \(reason)" }
}

/// What some editors put before UTF-8. It says nothing, and is passed over at the start of a file; not within values.
package enum ByteOrderMark {
    package static let bytes: [UInt8] = [0xEF, 0xBB, 0xBF]

    package static func removed(from data: Data) -> Data {
        data.starts(with: bytes) ? data.dropFirst(bytes.count) : data
    }
}

/// A part of a JSON document that knows where it stands, and is read strictly.
package struct JSONNode: Sendable {
    package let json: JSON
    package let path: String

    /// - Throws: ``JSONError`` if `data` is no JSON text, or larger than `limit` bytes.
    package static func document(_ data: Data, limit: Int) throws(JSONError) -> JSONNode {
        guard data.count <= limit else {
            throw JSONError(path: "", reason: "larger than \(limit) bytes")
        }
        if data.starts(with: [0xFF, 0xFE]) || data.starts(with: [0xFE, 0xFF]) {
            throw JSONError(path: "", reason: "not UTF-8 but UTF-16, by its byte order mark: save it as UTF-8")
        }
        do throws(JSONFault) {
            let text = ByteOrderMark.removed(from: data)
            return JSONNode(json: try JSON(parsing: text, refusingRepeatedMembers: true), path: "")
        } catch {
            throw JSONError(path: "", reason: "not JSON: \(error)")
        }
    }

    package func fault(_ reason: String) -> JSONError { JSONError(path: path, reason: reason) }

    private var scalar: [UInt8]? {
        if case .scalar(let bytes) = json { return bytes }
        return nil
    }

    /// The text, if it is a string; `nil` for anything else.
    /// - Throws: for a lone surrogate, which is no text.
    package func stringIfAny() throws(JSONError) -> String? {
        guard let bytes = scalar, bytes.count >= 2, bytes.first == UInt8(ascii: "\"") else { return nil }
        guard let text = JSONStrings.text(bytes[1..<bytes.count - 1]) else {
            throw fault("a string with half a surrogate pair is no text")
        }
        return text
    }

    package func string() throws(JSONError) -> String {
        guard let text = try stringIfAny() else { throw fault("a string expected") }
        return text
    }

    package func integer() throws(JSONError) -> Int64 {
        guard let bytes = scalar, bytes.first != UInt8(ascii: "\"") else {
            throw fault("a whole number expected")
        }
        guard let number = Int64(String(decoding: bytes, as: UTF8.self)) else {
            throw fault("a whole number of at most 64 bits expected, written without '.' and 'e'")
        }
        return number
    }

    /// An array of finite numbers.
    package func floats() throws(JSONError) -> [Float] {
        try elements().map { (element) throws(JSONError) in
            guard let bytes = element.scalar, bytes.first != UInt8(ascii: "\""),
                let number = Float(String(decoding: bytes, as: UTF8.self)), number.isFinite
            else { throw element.fault("a number expected that 32 bits hold") }
            return number
        }
    }

    package func bool() throws(JSONError) -> Bool {
        switch scalar {
        case Array("true".utf8): return true
        case Array("false".utf8): return false
        default: throw fault("true or false expected")
        }
    }

    package func base64() throws(JSONError) -> Data {
        guard let data = Data(base64Encoded: try string()) else { throw fault("base64 expected") }
        return data
    }

    package func elements() throws(JSONError) -> [JSONNode] {
        guard case .array(let elements) = json else { throw fault("an array expected") }
        return elements.enumerated().map { JSONNode(json: $1, path: "\(path)[\($0)]") }
    }

    package func fields() throws(JSONError) -> JSONFields {
        guard case .object(let members) = json else { throw fault("an object expected") }
        var nodes: [ByBytes: JSONNode] = [:]
        for (name, value) in members {
            guard let text = JSONStrings.text(name.written[...]) else {
                throw fault("a member's name is no text")
            }
            nodes[ByBytes(text)] = JSONNode(json: value, path: path.isEmpty ? text : "\(path).\(text)")
        }
        return JSONFields(node: self, members: nodes)
    }

    /// Checks with a rule of the model, whose reason becomes the error's.
    package func name<T>(_ make: (String) throws(InvalidName) -> T) throws(JSONError) -> T {
        let text = try string()
        do throws(InvalidName) { return try make(text) } catch { throw fault(error.description) }
    }
    package func key() throws(JSONError) -> Key { try name { (text) throws(InvalidName) in try Key(text) } }
    package func topic() throws(JSONError) -> Topic { try name { (text) throws(InvalidName) in try Topic(text) } }
    package func branch() throws(JSONError) -> BranchName {
        try name { (text) throws(InvalidName) in try BranchName(text) }
    }
}

/// An object's members, taken one by one; what nobody took at the end is unknown, and refused.
package struct JSONFields: Sendable {
    package let node: JSONNode
    private var members: [ByBytes: JSONNode]
    private var known: [String] = []

    package init(node: JSONNode, members: [ByBytes: JSONNode]) {
        self.node = node
        self.members = members
    }

    package func has(_ name: String) -> Bool { members[ByBytes(name)] != nil }

    package mutating func take(_ name: String) -> JSONNode? {
        known.append(name)
        return members.removeValue(forKey: ByBytes(name))
    }

    package mutating func need(_ name: String) throws(JSONError) -> JSONNode {
        guard let node = take(name) else { throw node.fault("\"\(name)\" is missing") }
        return node
    }

    /// - Throws: naming a member that nobody took.
    package func end() throws(JSONError) {
        guard let stranger = members.min(by: { $0.key < $1.key }) else { return }
        throw stranger.value.fault("unknown field; known here: \(known.joined(separator: ", "))")
    }
}

/// Strings as JSON writes them.
package enum JSONStrings {
    /// What the inside of a valid JSON string stands for; `nil` if it holds half a surrogate pair.
    package static func text(_ inside: ArraySlice<UInt8>) -> String? {
        var plain: [UInt8] = []
        plain.reserveCapacity(inside.count)
        var index = inside.startIndex
        while index < inside.endIndex {
            guard inside[index] == UInt8(ascii: "\\") else {
                plain.append(inside[index])
                index += 1
                continue
            }
            guard let (scalar, next) = escape(in: inside, at: index + 1) else { return nil }
            plain.append(contentsOf: Array(String(Character(scalar)).utf8))
            index = next
        }
        return String(validating: plain, as: UTF8.self)
    }

    private static let short: [UInt8: Unicode.Scalar] = [
        UInt8(ascii: "b"): "\u{8}", UInt8(ascii: "f"): "\u{C}", UInt8(ascii: "n"): "\n", UInt8(ascii: "r"): "\r",
        UInt8(ascii: "t"): "\t", UInt8(ascii: "\""): "\"", UInt8(ascii: "\\"): "\\", UInt8(ascii: "/"): "/",
    ]

    private static func escape(in bytes: ArraySlice<UInt8>, at index: Int) -> (Unicode.Scalar, Int)? {
        guard index < bytes.endIndex else { return nil }
        if let scalar = short[bytes[index]] { return (scalar, index + 1) }
        guard bytes[index] == UInt8(ascii: "u"), let unit = unit(in: bytes, at: index + 1) else { return nil }
        if let scalar = Unicode.Scalar(unit) { return (scalar, index + 5) }
        guard 0xD800..<0xDC00 ~= unit, index + 6 < bytes.endIndex, bytes[index + 5] == UInt8(ascii: "\\"),
            bytes[index + 6] == UInt8(ascii: "u"), let low = self.unit(in: bytes, at: index + 7),
            0xDC00..<0xE000 ~= low,
            let scalar = Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00))
        else { return nil }
        return (scalar, index + 11)
    }

    private static func unit(in bytes: ArraySlice<UInt8>, at index: Int) -> UInt32? {
        guard index + 4 <= bytes.endIndex else { return nil }
        return UInt32(String(decoding: bytes[index..<index + 4], as: UTF8.self), radix: 16)
    }
}
