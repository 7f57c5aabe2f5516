import Crypto
import FoundationEssentials

/// A fingerprint of the records of some topics at one revision: equal states have equal digests, wherever
/// they are computed. Fed in the order of the keys, deletions left out.
public struct StateDigest: Hashable, Sendable {
    public var count: Int64
    /// 32 bytes of SHA-256.
    public var bytes: Data
    package init(count: Int64, bytes: Data) {
        self.count = count
        self.bytes = bytes
    }

    package struct Builder: Sendable {
        private var hasher = SHA256()
        private var count: Int64 = 0
        package init() {}

        /// The record's identity: key and version. A version's content is fixed by the hash chain, so the
        /// digest of a view without values equals that of one with them.
        package mutating func add(_ record: Record) {
            precondition(!record.isDeleted, "a digest is of records, not of deletions")
            count += 1
            var encoder = CanonicalEncoder()
            encoder.string(record.key.text)
            encoder.integer(record.revision)
            hasher.update(data: encoder.bytes)
        }

        package func finish() -> StateDigest { StateDigest(count: count, bytes: Data(hasher.finalize())) }
    }
}

/// Bytes that are the same on every machine: integers as 8 bytes big-endian, everything of variable length
/// behind its length. What hashes are computed over.
package struct CanonicalEncoder: Sendable {
    package private(set) var bytes: [UInt8] = []
    package init(capacity: Int = 64) { bytes.reserveCapacity(capacity) }

    package mutating func integer(_ value: Int64) { word(UInt64(bitPattern: value)) }
    package mutating func word(_ value: UInt64) {
        let value = value.bigEndian
        withUnsafeBytes(of: value) { bytes.append(contentsOf: $0.bindMemory(to: UInt8.self)) }
    }
    package mutating func byte(_ value: UInt8) { bytes.append(value) }
    /// Bytes whose number is fixed by what they are.
    package mutating func raw(_ value: [UInt8]) { bytes.append(contentsOf: value) }
    package mutating func string(_ value: String) {
        word(UInt64(value.utf8.count))
        // In one copy: element by element this would cost a microsecond a commit.
        var value = value
        value.withUTF8 { bytes.append(contentsOf: $0) }
    }
    package mutating func data(_ value: Data) {
        word(UInt64(value.count))
        value.withUnsafeBytes { bytes.append(contentsOf: $0.bindMemory(to: UInt8.self)) }
    }
}
