import Foundation
import MembusModel

/// A record that somebody saw: which version, and a fingerprint of all that it says.
package struct ToldRecord: Codable, Sendable, Hashable {
    package var key: String
    package var revision: Int64
    package var ordinal: UInt32
    package var hash: String
    package var size: Int
    /// Its value did not come along.
    package var isAnnounced: Bool?

    package init(_ record: Record) {
        (key, revision, ordinal, size) = (record.key.text, record.revision, record.ordinal, record.size)
        hash = Self.fingerprint(of: record)
        if record.value == nil { isAnnounced = true }
    }

    /// Whether it says what this version says; a value that was only announced counts by its size.
    package func isOf(_ record: Record) -> Bool {
        guard key == record.key.text, revision == record.revision, ordinal == record.ordinal else { return false }
        return hash == Self.fingerprint(of: isAnnounced == true ? record.announced : record)
    }

    package static func fingerprint(of record: Record) -> String {
        var encoder = CanonicalEncoder(capacity: 64 + record.size)
        encoder.byte(record.isDeleted ? 1 : 0)
        encoder.string(record.kind.name)
        switch record.content {
        case .inline(let data): encoder.data(data)
        case .announced(let size): encoder.integer(Int64(size))
        }
        for (name, value) in record.attributes {
            encoder.string(name)
            encoder.string(value)
        }
        for link in record.links {
            encoder.string(link.relation)
            encoder.string(link.target.text)
        }
        encoder.string(record.owner)
        encoder.integer(record.expires?.milliseconds ?? -1)
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in encoder.bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return String(hash, radix: 16)
    }
}
