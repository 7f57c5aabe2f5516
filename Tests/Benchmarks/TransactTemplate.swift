import Foundation
import MembusModel

/// Requests for commits of one record, put together from parts that do not change: a load generator shares
/// the machine with what it measures, so it must cost little. The bytes are those of `protos/membus/v1`.
struct TransactTemplate {
    private static let keyDigits = 6
    private var bytes: [UInt8] = []
    /// Where what changes from request to request stands.
    private let places: (id: Int, number: Int, acknowledged: Int, key: Int)

    init(instance: Instance, session: SessionID, keyPrefix: String, valueBytes: Int) {
        let key = Array(keyPrefix.utf8) + [UInt8](repeating: 48, count: Self.keyDigits)
        let value = [UInt8](repeating: UInt8(ascii: "v"), count: valueBytes)
        let change = Self.field(1, key) + Self.field(2, Self.field(1, value))
        let transaction = Self.field(5, change)
        // Varints of a fixed length may be padded; readers take them.
        var transact = Self.tag(1, 1) + Self.fixed(session.id) + Self.tag(2, 0)
        let number = transact.count
        transact += Self.padded + Self.tag(3, 0)
        let acknowledged = transact.count
        transact += Self.padded + Self.field(4, transaction)
        var request = Self.tag(1, 0) + [UInt8(ProtocolVersion.major)] + Self.tag(2, 0)
        let id = request.count
        request += Self.padded + Self.tag(4, 1) + Self.fixed(instance.id)
        request += Self.tag(12, 2) + Self.varint(UInt64(transact.count))
        let start = request.count
        bytes = request + transact
        let keyEnd = bytes.count - Self.field(2, Self.field(1, value)).count
        places = (id, start + number, start + acknowledged, keyEnd - Self.keyDigits)
    }

    mutating func with<T>(
        number: UInt64, acknowledged: UInt64, key: Int, _ body: (UnsafeRawBufferPointer) throws -> T
    ) rethrows -> T {
        put(number, at: places.id)
        put(number, at: places.number)
        put(acknowledged, at: places.acknowledged)
        var rest = key
        for place in (places.key..<places.key + Self.keyDigits).reversed() {
            bytes[place] = UInt8(48 + rest % 10)
            rest /= 10
        }
        return try bytes.withUnsafeBytes(body)
    }

    /// Whether a reply carries a transaction's outcome rather than an error.
    static func isOutcome(_ reply: UnsafeRawBufferPointer) -> Bool {
        var place = 0
        while place < reply.count {
            let tag = read(reply, &place)
            if tag >> 3 == 12 { return true }
            switch tag & 7 {
            case 0: _ = read(reply, &place)
            case 1: place += 8
            case 2: place += Int(read(reply, &place))
            default: return false
            }
        }
        return false
    }

    private static func read(_ bytes: UnsafeRawBufferPointer, _ place: inout Int) -> UInt64 {
        var (value, shift) = (UInt64(0), UInt64(0))
        while place < bytes.count {
            let byte = bytes[place]
            place += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { break }
            shift += 7
        }
        return value
    }

    // MARK: Bytes

    private static let padded = [UInt8](repeating: 0x80, count: 4) + [0]

    private mutating func put(_ value: UInt64, at place: Int) {
        for index in 0..<4 { bytes[place + index] = UInt8(value >> (7 * UInt64(index)) & 0x7F) | 0x80 }
        bytes[place + 4] = UInt8(value >> 28 & 0x7F)
    }
    private static func tag(_ field: UInt64, _ type: UInt64) -> [UInt8] { varint(field << 3 | type) }
    private static func field(_ field: UInt64, _ content: [UInt8]) -> [UInt8] {
        tag(field, 2) + varint(UInt64(content.count)) + content
    }
    private static func fixed(_ value: UInt64) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }
    private static func varint(_ value: UInt64) -> [UInt8] {
        var (rest, bytes) = (value, [UInt8]())
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }
}
