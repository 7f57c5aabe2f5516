import MembusModel

extension EvictedHistory {
    private static let mostTold = 3

    /// For the broker's log.
    func told(mostBytes: Int64, floor: Revision) -> String {
        let whose = segments.largest.prefix(Self.mostTold).map {
            "\($0.name.escapingControlCharacters) \($0.amount.bytes >> 10) KiB"
        }
        return
            "history goes before its age, as records and history take more than retention.bytes (\(mostBytes >> 20) MiB): "
            + "\(all.records) versions, \(all.bytes >> 10) KiB since the start, most of them of \(whose.joined(separator: ", ")); "
            + "the floor is \(floor); to keep more, raise retention.bytes"
    }
}
