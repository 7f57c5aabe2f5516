import FoundationEssentials
import MembusModel

extension HistoryAges {
    /// What an earlier run has kept; of a store that never kept any, all history counts as new.
    static func load(_ db: Database) throws -> HistoryAges {
        guard let bytes = try Meta.bytes(db, .ages) else { return HistoryAges() }
        var decoder = CanonicalDecoder(Data(bytes))
        // Nothing hangs on it but how long history is kept.
        guard let count = try? decoder.count(least: 24) else { return HistoryAges() }
        let marks = (0..<count).compactMap { _ in try? decoder.mark() }
        let isInOrder = zip(marks, marks.dropFirst()).allSatisfy { $0.revision <= $1.revision && $0.age < $1.age }
        return isInOrder ? HistoryAges(marks: marks) : HistoryAges()
    }

    func keep(_ db: Database) throws {
        var encoder = CanonicalEncoder()
        encoder.list(marks) { encoder, mark in
            encoder.integer(mark.revision)
            encoder.integer(mark.age)
            encoder.integer(mark.time.milliseconds)
        }
        try Meta.set(db, .ages, encoder.bytes)
    }
}

extension CanonicalDecoder {
    fileprivate mutating func mark() throws -> HistoryAges.Mark {
        HistoryAges.Mark(
            revision: try integer(), age: try integer(), time: Timestamp(milliseconds: try integer()))
    }
}
