import MembusModel

// A change's place in the history of the whole store, as one integer in the order of history:
// revision << 20 | ordinal. It is what the column `position` of `changes` holds.

extension LogCursor {
    static let ordinalBits: Int64 = 20
    static let ordinalMask: Int64 = (1 << ordinalBits) - 1

    package init(position: Int64) {
        let (revision, ordinal) = (position >> Self.ordinalBits, position & Self.ordinalMask)
        self =
            ordinal == Self.ordinalMask ? .end(of: revision) : LogCursor(revision: revision, ordinal: UInt32(ordinal))
    }

    /// That of ``end(of:)`` lies behind every change of its revision: no transaction has so many.
    package var position: Int64 { revision << Self.ordinalBits | min(Int64(ordinal), Self.ordinalMask) }
}
