import FoundationEssentials
import OrderedCollections

/// A JSON text taken apart no further than a merge patch needs: objects and arrays are values, everything
/// else stays as it was written. So a number keeps all its digits (64-bit integers, `1` against `1.0`), a
/// string its escapes and an object the order of its members, which Foundation's reader all loses on Linux.
package enum JSON: Hashable, Sendable {
    /// A number, string, `true`, `false` or `null`, as written.
    case scalar([UInt8])
    case array([JSON])
    case object(OrderedDictionary<JSONName, JSON>)

    /// Deeper texts are refused, so that reading and merging, which recurse, cannot exhaust the stack.
    package static let deepest = 128

    /// Takes a JSON text (RFC 8259, UTF-8) apart. Of members with one name the last counts,
    /// unless they are refused.
    package init(parsing text: Data, refusingRepeatedMembers isStrict: Bool = false) throws(JSONFault) {
        self = try JSONReader.read(text) { (reader: inout JSONReader) throws(JSONFault) in
            reader.refusesRepeatedMembers = isStrict
            return try reader.value()
        }
    }

    /// What is wrong with `text` as a JSON text; `nil` if nothing is. Builds nothing.
    package static func fault(in text: Data) -> JSONFault? {
        do throws(JSONFault) {
            try JSONReader.read(text) { (reader: inout JSONReader) throws(JSONFault) in try reader.skipValue() }
            return nil
        } catch {
            return error
        }
    }

    package var isNull: Bool { self == .null }

    /// What a string says, in UTF-8; `nil`: it is none.
    package var plainString: [UInt8]? {
        guard case .scalar(let written) = self, written.first == UInt8(ascii: "\"") else { return nil }
        return JSONName(written: Array(written.dropFirst().dropLast())).plain
    }
    static let null = JSON.scalar(Array("null".utf8))

    /// The result of applying a merge patch (RFC 7396, section 2). Members that stay keep their place, new
    /// ones follow in the patch's order.
    package func merging(_ patch: JSON) -> JSON {
        guard case .object(let changes) = patch else { return patch }
        var members: OrderedDictionary<JSONName, JSON> = [:]
        if case .object(let present) = self { members = present }
        var removed: Set<JSONName> = []
        for (name, change) in changes {
            if change.isNull {
                if members[name] != nil { removed.insert(name) }
            } else {
                members[name] = (members[name] ?? .null).merging(change)
            }
        }
        // In one sweep: removing them one by one would move all that follow each time.
        if !removed.isEmpty { members.removeAll { removed.contains($0.key) } }
        return .object(members)
    }

    /// The text without any white space between its parts: equal values give equal bytes.
    package var serialised: Data {
        var bytes: [UInt8] = []
        write(to: &bytes)
        return Data(bytes)
    }

    private func write(to bytes: inout [UInt8]) {
        switch self {
        case .scalar(let text): bytes += text
        case .array(let elements):
            bytes.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                element.write(to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let members):
            bytes.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                bytes.append(UInt8(ascii: "\""))
                bytes += member.key.written
                bytes.append(UInt8(ascii: "\""))
                bytes.append(UInt8(ascii: ":"))
                member.value.write(to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }
}

/// An object member's name: written back as it came, compared by what its escapes stand for, byte by byte
/// (`String` would take two spellings of one accented letter for one name).
package struct JSONName: Hashable, Sendable {
    /// What stands between the quotes.
    package let written: [UInt8]
    /// What that stands for.
    package let plain: [UInt8]

    /// - Parameter written: the valid inside of a JSON string.
    init(written: [UInt8]) {
        self.written = written
        plain = written.contains(UInt8(ascii: "\\")) ? Self.unescaped(written) : written
    }

    package static func == (a: JSONName, b: JSONName) -> Bool { a.plain == b.plain }
    package func hash(into hasher: inout Hasher) { hasher.combine(plain) }

    func repeated(at offset: Int) -> JSONFault {
        let shown = String(decoding: plain.prefix(80), as: UTF8.self).escapingControlCharacters
        return JSONFault(reason: "the member \"\(shown)\" is there twice", offset: offset)
    }

    private static func unescaped(_ text: [UInt8]) -> [UInt8] {
        var plain: [UInt8] = []
        var index = 0
        while index < text.count {
            guard text[index] == UInt8(ascii: "\\") else {
                plain.append(text[index])
                index += 1
                continue
            }
            let escape = text[index + 1]
            index += 2
            switch escape {
            case UInt8(ascii: "b"): plain.append(0x08)
            case UInt8(ascii: "f"): plain.append(0x0C)
            case UInt8(ascii: "n"): plain.append(0x0A)
            case UInt8(ascii: "r"): plain.append(0x0D)
            case UInt8(ascii: "t"): plain.append(0x09)
            case UInt8(ascii: "u"):
                var code = unit(text, at: index)
                index += 4
                if 0xD800..<0xDC00 ~= code, index + 6 <= text.count, text[index] == UInt8(ascii: "\\"),
                    text[index + 1] == UInt8(ascii: "u"), case let low = unit(text, at: index + 2),
                    0xDC00..<0xE000 ~= low
                {
                    code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
                    index += 6
                }
                appendUTF8(code, to: &plain)
            default: plain.append(escape)
            }
        }
        return plain
    }

    private static func unit(_ text: [UInt8], at start: Int) -> UInt32 {
        text[start..<start + 4].reduce(0) { $0 << 4 | UInt32(Character(UnicodeScalar($1)).hexDigitValue ?? 0) }
    }

    /// Lone surrogates, which JSON can write and Unicode cannot, get the three bytes that they would have.
    private static func appendUTF8(_ code: UInt32, to bytes: inout [UInt8]) {
        func tail(_ shift: UInt32) -> UInt8 { UInt8(0x80 | code >> shift & 0x3F) }
        switch code {
        case ..<0x80: bytes.append(UInt8(code))
        case ..<0x800: bytes += [UInt8(0xC0 | code >> 6), tail(0)]
        case ..<0x10000: bytes += [UInt8(0xE0 | code >> 12), tail(6), tail(0)]
        default: bytes += [UInt8(0xF0 | code >> 18), tail(12), tail(6), tail(0)]
        }
    }
}

/// Why a text is no JSON text.
package struct JSONFault: Error, Hashable, Sendable, CustomStringConvertible {
    package let reason: String
    /// In bytes from the start.
    package let offset: Int
    package var description: String { "\(reason) at byte \(offset)" }
}
