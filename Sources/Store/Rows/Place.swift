import MembusModel

/// A change's place in the history of the whole store, as one integer in the order of history:
/// revision << 20 | ordinal.
struct Place: Hashable, Comparable {
    let position: Int64

    static let ordinalBits: Int64 = 20
    static let ordinalMask: Int64 = (1 << ordinalBits) - 1

    init(position: Int64) { self.position = position }
    init(_ revision: Revision, _ ordinal: UInt32) { position = revision << Self.ordinalBits | Int64(ordinal) }

    /// The first place of a revision, and one that no change of it lies beyond.
    static func first(of revision: Revision) -> Place { Place(position: revision << ordinalBits) }
    static func last(of revision: Revision) -> Place { Place(position: revision << ordinalBits | ordinalMask) }

    /// The last place that a cursor has passed.
    init(_ cursor: LogCursor) {
        let ordinal = min(Int64(cursor.ordinal), Self.ordinalMask)
        position = cursor.revision << Self.ordinalBits | ordinal
    }
    var cursor: LogCursor { LogCursor(revision: revision, ordinal: ordinal) }

    var revision: Revision { position >> Self.ordinalBits }
    var ordinal: UInt32 { UInt32(truncatingIfNeeded: position & Self.ordinalMask) }

    static func < (a: Place, b: Place) -> Bool { a.position < b.position }
}
