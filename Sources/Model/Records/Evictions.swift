/// What history had to go before its age, as there was too much of it, and whose it was.
package struct Evictions: Sendable {
    /// That are told apart.
    package static let mostNames = 1000

    private var all = EvictedHistory.Amount()
    private var segments = Tally(mostNames: Self.mostNames)

    package init() {}

    /// A version of the key has gone.
    package mutating func add(_ key: Key, bytes: Int64) {
        let amount = EvictedHistory.Amount(records: 1, bytes: bytes)
        all = all + amount
        segments.add(amount, to: key.firstSegment)
    }

    /// `nil`: nothing had to go.
    package var told: EvictedHistory? {
        all.records == 0 ? nil : EvictedHistory(all: all, segments: segments.told(of: all))
    }
}

extension Key {
    /// What stands before the first slash, else the whole key; by bytes, as what follows a slash may make another
    /// character of it.
    package var firstSegment: String {
        text.utf8.firstIndex(of: UInt8(ascii: "/")).map { String(Substring(text.utf8[..<$0])) } ?? text
    }
}
