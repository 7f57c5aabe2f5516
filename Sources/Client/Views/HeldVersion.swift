/// Tells a version that a view shows from any other that it ever shows: whoever keeps a copy of a record in a form of
/// their own knows by it whether the copy is still good.
package struct HeldVersion: Hashable, Sendable {
    package let revision: Revision
    package let ordinal: UInt32
    /// How often the view's history was replaced before.
    package let history: UInt32
    /// Of the value, in bytes.
    package let size: Int

    @inline(__always)
    init(_ record: Record, _ resets: Int) {
        revision = record.revision
        ordinal = record.ordinal
        history = UInt32(truncatingIfNeeded: resets)
        size = record.size
    }
}

extension View {
    /// The record under a key that is given as bytes, from the cache, with its version; `nil`: there is none.
    /// - Throws: like ``subscript(_:)-(String)``.
    package func held(_ bytes: UnsafeBufferPointer<UInt8>) throws(MembusError) -> (Record, HeldVersion)? {
        try shared.held(bytes: bytes, by: reader)
    }

    /// Several keys from the cache, as of one revision, as they stand.
    /// - Throws: like ``subscript(_:)-(String)``.
    package func held(_ keys: [String]) throws -> Snapshot {
        try shared.read(by: reader) { reading in
            var records: [Record] = []
            for key in keys { if let record = try reading.record(key) { records.append(record) } }
            return Snapshot(token: reading.token, records: records)
        }
    }

    /// Several keys that are given as bytes, from the cache, as of one revision, with their versions; `nil` for a key that
    /// has no record.
    /// - Throws: like ``subscript(_:)-(String)``.
    package func held(
        _ keys: some Collection<UnsafeBufferPointer<UInt8>>
    ) throws -> (token: Token, records: [(record: Record, version: HeldVersion)?]) {
        try shared.read(by: reader) { reading in
            let records = try keys.map { key in
                try reading.record(bytes: key).map { (record: $0, version: HeldVersion($0, reading.resets)) }
            }
            return (reading.token, records)
        }
    }

    /// How the view stands, all of one moment.
    package var standing: (state: ViewState, token: Token, count: Int) { shared.standing }

    /// Like ``digest()``, with the history that the state is of.
    package func digested() throws(MembusError) -> (token: Token, digest: StateDigest) { try shared.digested() }
}
