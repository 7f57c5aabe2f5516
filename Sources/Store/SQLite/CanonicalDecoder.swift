import Foundation
import MembusModel

/// Reads what a ``CanonicalEncoder`` wrote.
struct CanonicalDecoder {
    /// The bytes end early, or say something impossible.
    struct Malformed: Error {}

    private let bytes: [UInt8]
    private var place = 0

    init(_ data: Data) { bytes = [UInt8](data) }

    var isAtEnd: Bool { place == bytes.count }

    mutating func byte() throws(Malformed) -> UInt8 {
        guard place < bytes.count else { throw Malformed() }
        defer { place += 1 }
        return bytes[place]
    }

    mutating func word() throws(Malformed) -> UInt64 {
        guard bytes.count - place >= 8 else { throw Malformed() }
        defer { place += 8 }
        return bytes[place..<place + 8].reduce(0) { $0 << 8 | UInt64($1) }
    }

    mutating func integer() throws(Malformed) -> Int64 { Int64(bitPattern: try word()) }

    mutating func string() throws(Malformed) -> String {
        let count = try word()
        guard count <= UInt64(bytes.count - place) else { throw Malformed() }
        defer { place += Int(count) }
        return String(decoding: bytes[place..<place + Int(count)], as: UTF8.self)
    }

    /// The number of elements that follow, each of at least one byte.
    mutating func count() throws(Malformed) -> Int {
        let count = try word()
        guard count <= UInt64(bytes.count - place) else { throw Malformed() }
        return Int(count)
    }
}
