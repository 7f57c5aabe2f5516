/// How two states stand to each other.
public struct Comparison: Hashable, Sendable {
    /// The two, with their revisions.
    public var from, to: StateName
    /// The newest states that both contain: where they parted.
    public var common: [StateName]
    /// How many commits only the first contains, as far as they are kept.
    public var onlyFrom: Int64
    /// Only the second.
    public var onlyTo: Int64

    package init(from: StateName, to: StateName, common: [StateName], onlyFrom: Int64, onlyTo: Int64) {
        self.from = from
        self.to = to
        self.common = common
        self.onlyFrom = onlyFrom
        self.onlyTo = onlyTo
    }
}
