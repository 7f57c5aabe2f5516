/// Postings that are in memory until there are enough to be written: searchable at once. Each occurrence is one entry, chained to the
/// term's entry before; blocks are made of them when they are read or written. Used by one thread at a time.
final class PendingPostings {
    struct Occurrence: BitwiseCopyable {
        var unit: UInt32
        /// The term's occurrence before, and 1; 0: there is none.
        fileprivate var previous: UInt32
        private var packed: UInt32

        init(unit: UInt32, place: Int32, isWritten: Bool, isName: Bool) {
            (self.unit, previous) = (unit, 0)
            packed = UInt32(bitPattern: place + 1) << 2 | (isWritten ? 2 : 0) | (isName ? 1 : 0)
        }

        /// In the passage; -1: it has none.
        var place: Int32 { Int32(bitPattern: packed >> 2) - 1 }
        var isWritten: Bool { packed & 2 != 0 }
        var isName: Bool { packed & 1 != 0 }
    }

    let terms = TermTable()
    private let occurrences = Room<Occurrence>(1 << 12)
    /// Of each term, its newest occurrence, and 1.
    private let newest = Room<UInt32>(1 << 10)

    var bytes: Int { terms.footprint + occurrences.footprint + newest.footprint }
    var isEmpty: Bool { occurrences.count == 0 }

    @inline(__always)
    private func add(_ term: UnsafeBufferPointer<UInt8>, _ occurrence: Occurrence) {
        let number = terms.number(of: term)
        if number == newest.count { newest.append(0) }
        var occurrence = occurrence
        occurrence.previous = newest.base[number]
        occurrences.append(occurrence)
        newest.base[number] = UInt32(occurrences.count)
    }

    /// - Parameters:
    ///   - isWritten: as the term is spelt.
    ///   - place: in the passage; -1: it has none.
    @inline(__always)
    func add(_ term: UnsafeBufferPointer<UInt8>, _ unit: UInt32, isWritten: Bool = true, at place: Int32 = -1) {
        add(term, Occurrence(unit: unit, place: place, isWritten: isWritten, isName: false))
    }

    func addName(_ term: UnsafeBufferPointer<UInt8>, _ unit: UInt32) {
        add(term, Occurrence(unit: unit, place: -1, isWritten: false, isName: true))
    }

    /// In the order in which they came.
    func encode(_ number: Int, by encoder: PostingEncoder) {
        var chain: [Occurrence] = []
        var next = newest.base[number]
        while next != 0 {
            let occurrence = occurrences.base[Int(next) - 1]
            chain.append(occurrence)
            next = occurrence.previous
        }
        chain.reverse()
        chain.withUnsafeBufferPointer { encoder.encode($0) }
    }

    /// By number, in the order of the terms' bytes.
    var sorted: [Int] { (0..<terms.count).sorted(by: terms.precedes) }

    /// Terms that begin so.
    func terms(with prefix: [UInt8]) -> [[UInt8]] {
        (0..<terms.count).filter { terms.withTerm($0) { $0.starts(with: prefix) } }.map { terms.term($0) }
    }
}
