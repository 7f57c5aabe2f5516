import FoundationEssentials
import MembusModel

/// A JSON document within another: as it was written, but for the white space between its parts, and for signs that some readers of
/// lines split at. No tree is built of it.
package struct WrittenJSON: Hashable, Sendable {
    package let line: String

    /// - Returns: `nil`: it is no JSON, or has half a surrogate pair, which many readers refuse with all that is around it.
    package init?(_ document: Data) {
        guard JSON.fault(in: document) == nil else { return nil }
        var (bytes, index, isInString) = ([UInt8](), document.startIndex, false)
        bytes.reserveCapacity(document.count)
        while index < document.endIndex {
            let byte = document[index]
            switch byte {
            case UInt8(ascii: "\""):
                isInString.toggle()
                bytes.append(byte)
            case _ where !isInString && [0x20, 0x09, 0x0A, 0x0D].contains(byte): break
            case UInt8(ascii: "\\"):
                guard let length = Self.escape(in: document[index...]) else { return nil }
                bytes += document[index..<index + length]
                index += length
                continue
            case 0x7F: bytes += "\\u007f".utf8
            case 0xC2 where document[index...].starts(with: [0xC2, 0x85]):
                bytes += "\\u0085".utf8
                index += 1
            case 0xE2 where document[index...].starts(with: [0xE2, 0x80, 0xA8]):
                bytes += "\\u2028".utf8
                index += 2
            case 0xE2 where document[index...].starts(with: [0xE2, 0x80, 0xA9]):
                bytes += "\\u2029".utf8
                index += 2
            default: bytes.append(byte)
            }
            index += 1
        }
        line = String(decoding: bytes, as: UTF8.self)
    }

    /// - Returns: its length, both halves of a pair together; `nil` for half a pair.
    private static func escape(in rest: Data) -> Int? {
        guard let unit = unit(in: rest) else { return 2 }
        switch unit {
        case 0xD800..<0xDC00:
            guard let low = Self.unit(in: rest.dropFirst(6)), 0xDC00..<0xE000 ~= low else { return nil }
            return 12
        case 0xDC00..<0xE000: return nil
        default: return 6
        }
    }

    private static func unit(in rest: Data) -> UInt32? {
        guard rest.starts(with: Array("\\u".utf8)), rest.count >= 6 else { return nil }
        return UInt32(String(decoding: rest.dropFirst(2).prefix(4), as: UTF8.self), radix: 16)
    }
}
