import FoundationEssentials
import Glibc
import OrderedCollections

/// Reads a JSON text once, from left to right. `skip…` only checks, `value` builds too; both walk the same
/// grammar, so what one accepts the other accepts. Lives no longer than the closure that lends it the bytes. Whoever
/// expects one form alone takes it apart by `object`, `array` and `scalar`, and no tree is built.
package struct JSONReader {
    private let bytes: UnsafeRawBufferPointer
    private var index = 0
    /// In `value`: of members with one name the last counts otherwise.
    var refusesRepeatedMembers = false

    package static func read<Result>(
        _ text: Data, _ body: (inout JSONReader) throws(JSONFault) -> Result
    ) throws(JSONFault) -> Result {
        guard text.isUTF8 else { throw JSONFault(reason: "not UTF-8", offset: text.firstNotUTF8) }
        let result: Swift.Result<Result, JSONFault> = text.withUnsafeBytes { bytes in
            var reader = JSONReader(bytes: bytes)
            do throws(JSONFault) {
                let value = try body(&reader)
                try reader.end()
                return .success(value)
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    mutating func value(depth: Int = 0) throws(JSONFault) -> JSON {
        switch try next() {
        case UInt8(ascii: "{"):
            var members: OrderedDictionary<JSONName, JSON> = [:]
            try object(depth) { (reader: inout JSONReader, name: Range<Int>) throws(JSONFault) in
                let place = name.lowerBound - 1
                let name = JSONName(written: reader.copy(name))
                if reader.refusesRepeatedMembers, members[name] != nil { throw name.repeated(at: place) }
                members[name] = try reader.value(depth: depth + 1)
            }
            return .object(members)
        case UInt8(ascii: "["):
            var elements: [JSON] = []
            try array(depth) { (reader: inout JSONReader) throws(JSONFault) in
                elements.append(try reader.value(depth: depth + 1))
            }
            return .array(elements)
        default:
            let start = index
            try skipScalar()
            return .scalar(copy(start..<index))
        }
    }

    package mutating func skipValue(depth: Int = 0) throws(JSONFault) {
        switch try next() {
        case UInt8(ascii: "{"):
            try object(depth) { (reader: inout JSONReader, _: Range<Int>) throws(JSONFault) in
                try reader.skipValue(depth: depth + 1)
            }
        case UInt8(ascii: "["):
            try array(depth) { (reader: inout JSONReader) throws(JSONFault) in
                try reader.skipValue(depth: depth + 1)
            }
        default: try skipScalar()
        }
    }

    // MARK: Containers

    /// - Parameter member: takes a member's value; its name is for `name`.
    package mutating func object(
        _ depth: Int, _ member: (inout JSONReader, Range<Int>) throws(JSONFault) -> Void
    ) throws(JSONFault) {
        try open(depth)
        if try next() == UInt8(ascii: "}") {
            index += 1
            return
        }
        while true {
            guard try next() == UInt8(ascii: "\"") else { throw fault("a member's name expected") }
            let name = try skipString()
            guard try next() == UInt8(ascii: ":") else { throw fault("':' expected") }
            index += 1
            try member(&self, name)
            if try closed(by: UInt8(ascii: "}")) { return }
        }
    }

    /// - Parameter element: takes an element.
    package mutating func array(
        _ depth: Int, _ element: (inout JSONReader) throws(JSONFault) -> Void
    ) throws(JSONFault) {
        try open(depth)
        if try next() == UInt8(ascii: "]") {
            index += 1
            return
        }
        while true {
            try element(&self)
            if try closed(by: UInt8(ascii: "]")) { return }
        }
    }

    private mutating func open(_ depth: Int) throws(JSONFault) {
        guard depth < JSON.deepest else { throw fault("nested more than \(JSON.deepest) deep") }
        index += 1
    }

    /// After a member or element: whether the container ends (`true`) or another one follows.
    private mutating func closed(by bracket: UInt8) throws(JSONFault) -> Bool {
        let byte = try next()
        guard byte == bracket || byte == UInt8(ascii: ",") else {
            throw fault("',' or '\(UnicodeScalar(bracket))' expected")
        }
        index += 1
        return byte == bracket
    }

    // MARK: Scalars

    /// A string, number, `true`, `false` or `null`, as written; to be used no longer than this reader.
    package mutating func scalar() throws(JSONFault) -> UnsafeRawBufferPointer {
        _ = try next()
        let start = index
        try skipScalar()
        return UnsafeRawBufferPointer(rebasing: bytes[start..<index])
    }

    package func name(_ range: Range<Int>) -> JSONName { JSONName(written: copy(range)) }

    private mutating func skipScalar() throws(JSONFault) {
        switch bytes[index] {
        case UInt8(ascii: "\""): _ = try skipString()
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try skipNumber()
        case UInt8(ascii: "t"): try skip("true")
        case UInt8(ascii: "f"): try skip("false")
        case UInt8(ascii: "n"): try skip("null")
        default: throw fault("a value expected")
        }
    }

    private mutating func skip(_ literal: StaticString) throws(JSONFault) {
        let end = index + literal.utf8CodeUnitCount
        guard end <= bytes.count else { throw fault("'\(literal)' expected") }
        for offset in 0..<literal.utf8CodeUnitCount where bytes[index + offset] != literal.utf8Start[offset] {
            throw fault("'\(literal)' expected")
        }
        index = end
    }

    private mutating func skipNumber() throws(JSONFault) {
        if bytes[index] == UInt8(ascii: "-") { index += 1 }
        if peek == UInt8(ascii: "0") { index += 1 } else { try skipDigits() }
        if peek == UInt8(ascii: ".") {
            index += 1
            try skipDigits()
        }
        if peek == UInt8(ascii: "e") || peek == UInt8(ascii: "E") {
            index += 1
            if peek == UInt8(ascii: "+") || peek == UInt8(ascii: "-") { index += 1 }
            try skipDigits()
        }
    }

    private mutating func skipDigits() throws(JSONFault) {
        let start = index
        while let byte = peek, UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte { index += 1 }
        if index == start { throw fault("a digit expected") }
    }

    /// - Returns: where the string's inside lies.
    private mutating func skipString() throws(JSONFault) -> Range<Int> {
        index += 1
        let start = index
        while let byte = peek {
            switch byte {
            case UInt8(ascii: "\""):
                index += 1
                return start..<index - 1
            case UInt8(ascii: "\\"): try skipEscape()
            case ..<0x20: throw fault("a control character in a string")
            default: index += 1
            }
        }
        throw fault("a string that does not end")
    }

    private mutating func skipEscape() throws(JSONFault) {
        index += 1
        guard let escape = peek else { throw fault("a string that does not end") }
        switch escape {
        case UInt8(ascii: "u"):
            index += 1
            for _ in 0..<4 {
                guard let digit = peek, isxdigit(Int32(digit)) != 0 else {
                    throw fault("four hexadecimal digits expected")
                }
                index += 1
            }
        case _ where "\"\\/bfnrt".utf8.contains(escape): index += 1
        default: throw fault("an unknown escape")
        }
    }

    // MARK: Bytes

    private var peek: UInt8? { index < bytes.count ? bytes[index] : nil }

    /// The next byte that is no white space; `index` stands at it.
    package mutating func next() throws(JSONFault) -> UInt8 {
        skipSpace()
        guard let byte = peek else { throw fault("ends too early") }
        return byte
    }

    private mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { index += 1 }
    }

    private mutating func end() throws(JSONFault) {
        skipSpace()
        if index < bytes.count { throw fault("more after the value") }
    }

    private func copy(_ range: Range<Int>) -> [UInt8] { Array(bytes[range]) }
    package func fault(_ reason: String) -> JSONFault { JSONFault(reason: reason, offset: index) }
}

extension Data {
    var isUTF8: Bool { withUnsafeBytes { isASCII($0) || String(validating: $0, as: UTF8.self) != nil } }

    /// Where the first byte lies that belongs to no character, in bytes from the start.
    var firstNotUTF8: Int {
        var (parser, bytes, offset) = (UTF8.ForwardParser(), makeIterator(), 0)
        while case .valid(let scalar) = parser.parseScalar(from: &bytes) { offset += scalar.count }
        return offset
    }
}

/// Eight bytes at a time: most texts are, and to validate them one by one would take microseconds.
private func isASCII(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var (offset, bits): (Int, UInt64) = (0, 0)
    while offset + 8 <= bytes.count {
        bits |= bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        offset += 8
    }
    for index in offset..<bytes.count { bits |= UInt64(bytes[index]) }
    return bits & 0x8080_8080_8080_8080 == 0
}
