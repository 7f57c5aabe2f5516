import FoundationEssentials

/// Reads what a ``CanonicalEncoder`` wrote. Total: whatever the bytes are, it ends with a value or with ``Malformed``,
/// and takes no more memory than they justify.
package struct CanonicalDecoder {
    /// The bytes end early, or say something impossible.
    package struct Malformed: Error { package init() {} }

    private let bytes: [UInt8]
    private var place = 0

    package init(_ data: Data) { bytes = [UInt8](data) }

    package var isAtEnd: Bool { place == bytes.count }

    package mutating func byte() throws(Malformed) -> UInt8 {
        guard place < bytes.count else { throw Malformed() }
        defer { place += 1 }
        return bytes[place]
    }

    package mutating func word() throws(Malformed) -> UInt64 {
        guard bytes.count - place >= 8 else { throw Malformed() }
        defer { place += 8 }
        return bytes[place..<place + 8].reduce(0) { $0 << 8 | UInt64($1) }
    }

    package mutating func integer() throws(Malformed) -> Int64 { Int64(bitPattern: try word()) }

    /// What is no UTF-8 is mended.
    package mutating func string() throws(Malformed) -> String { String(decoding: try piece(), as: UTF8.self) }

    /// What is no UTF-8 is refused.
    package mutating func text() throws(Malformed) -> String {
        guard let text = String(validating: try piece(), as: UTF8.self) else { throw Malformed() }
        return text
    }

    package mutating func data() throws(Malformed) -> Data { Data(try piece()) }

    /// Bytes whose number is fixed by what they are.
    package mutating func raw(_ count: Int) throws(Malformed) -> [UInt8] { Array(try piece(of: UInt64(count))) }

    /// The number of elements that follow, each of at least so many bytes.
    package mutating func count(least: Int = 1) throws(Malformed) -> Int {
        let count = try word()
        guard count <= UInt64((bytes.count - place) / least) else { throw Malformed() }
        return Int(count)
    }

    /// Whether something follows that may be missing.
    package mutating func flag() throws(Malformed) -> Bool {
        switch try byte() {
        case 0: return false
        case 1: return true
        default: throw Malformed()
        }
    }

    private mutating func piece() throws(Malformed) -> ArraySlice<UInt8> { try piece(of: try word()) }

    private mutating func piece(of count: UInt64) throws(Malformed) -> ArraySlice<UInt8> {
        guard count <= UInt64(bytes.count - place) else { throw Malformed() }
        defer { place += Int(count) }
        return bytes[place..<place + Int(count)]
    }
}
