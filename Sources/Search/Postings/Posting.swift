// How postings stand in a block, one after the other, by rising unit:
//
//   block     gap to the unit before (of the first: 0) × 4 + shape; where no shape says it all: frequency × 16 + 8 if it is told how
//             many places it has + 4 if it has places + 2 if `written` differs + 1 if it is a name; [how often it was written so];
//             [how many places]
//   places    of each posting that has any the gaps between them (the first from -1, each 1 or more): as many as its frequency, or as told

/// What most postings are: a unit takes as many bytes as its gap.
private enum Shape {
    static let other: UInt64 = 0
    /// A word of the body.
    static let once: UInt64 = 1
    /// A word of a field.
    static let onceWithoutPlace: UInt64 = 2
    static let name: UInt64 = 3
}

/// That a unit holds a term.
struct Posting: Hashable {
    var unit: UInt32
    /// In the body, or the field.
    var frequency: UInt32
    /// How often of these as the term is spelt: a stem may stand for other words.
    var written: UInt32
    var isName: Bool
    fileprivate(set) var places: UInt32 = 0

    fileprivate var shape: UInt64 {
        switch (frequency, written, places, isName) {
        case (1, 1, 1, false): Shape.once
        case (1, 1, 0, false): Shape.onceWithoutPlace
        case (0, 0, 0, true): Shape.name
        default: Shape.other
        }
    }
}

/// Makes a block; used again and again.
final class PostingEncoder {
    let block = Room<UInt8>(1 << 12)
    let places = Room<UInt8>(1 << 12)
    private(set) var first: UInt32 = 0
    private(set) var last: UInt32 = 0

    /// Of what comes by rising unit.
    func encode(_ occurrences: UnsafeBufferPointer<PendingPostings.Occurrence>) {
        block.removeAll()
        places.removeAll()
        (first, last) = (occurrences.first?.unit ?? 0, occurrences.first?.unit ?? 0)
        var start = 0
        while start < occurrences.count {
            let unit = occurrences[start].unit
            var posting = Posting(unit: unit, frequency: 0, written: 0, isName: false)
            var (place, index): (Int32, Int) = (-1, start)
            while index < occurrences.count, occurrences[index].unit == unit {
                add(occurrences[index], to: &posting, &place)
                index += 1
            }
            close(posting)
            start = index
        }
    }

    @inline(__always)
    private func add(
        _ occurrence: PendingPostings.Occurrence, to posting: inout Posting, _ place: inout Int32
    ) {
        if occurrence.isName {
            posting.isName = true
            return
        }
        posting.frequency += 1
        if occurrence.isWritten { posting.written += 1 }
        if occurrence.place > place {
            Varint.append(UInt32(occurrence.place - place), to: places)
            place = occurrence.place
            posting.places += 1
        }
    }

    private func close(_ posting: Posting) {
        let shape = posting.shape
        Varint.append(UInt64(posting.unit - last) << 2 | shape, to: block)
        last = posting.unit
        guard shape == Shape.other else { return }
        let (differs, isTold) = (posting.written != posting.frequency, posting.places != posting.frequency)
        let flags: UInt64 =
            (posting.places > 0 ? isTold ? 12 : 4 : 0) | (differs ? 2 : 0) | (posting.isName ? 1 : 0)
        Varint.append(UInt64(posting.frequency) << 4 | flags, to: block)
        if differs { Varint.append(posting.written, to: block) }
        if flags & 8 != 0 { Varint.append(posting.places, to: block) }
    }

    /// The same bytes behind those of a block that ends with a unit: only the first gap is another.
    /// - Throws: if these are no block.
    static func append(
        _ block: [UInt8], from first: UInt32, behind last: UInt32, to bytes: Room<UInt8>
    ) throws(SearchFault) {
        // A gap of 0 takes one byte, with its shape.
        guard let shape = block.first, shape < 4 else { throw SearchFault("a block of postings is damaged") }
        Varint.append(UInt64(first - last) << 2 | UInt64(shape), to: bytes)
        block.dropFirst().withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
    }
}

/// Goes through the postings of a block.
struct PostingReader {
    private let bytes: UnsafeRawBufferPointer
    private let places: UnsafeRawBufferPointer
    private var at = 0
    private var placesAt = 0
    private var unit: UInt32

    init(first: UInt32, bytes: UnsafeRawBufferPointer, places: UnsafeRawBufferPointer) {
        (self.bytes, self.places, unit) = (bytes, places, first)
    }

    /// - Throws: if the block is damaged.
    @inline(__always)
    mutating func next() throws(SearchFault) -> Posting? {
        if at >= bytes.count { return nil }
        guard let step = Varint.read(bytes, &at), UInt64(unit) + step >> 2 <= UInt64(UInt32.max) else {
            throw Self.damaged
        }
        unit += UInt32(truncatingIfNeeded: step >> 2)
        switch step & 3 {
        case Shape.once: return Posting(unit: unit, frequency: 1, written: 1, isName: false, places: 1)
        case Shape.onceWithoutPlace: return Posting(unit: unit, frequency: 1, written: 1, isName: false)
        case Shape.name: return Posting(unit: unit, frequency: 0, written: 0, isName: true)
        default: return try other()
        }
    }

    private mutating func other() throws(SearchFault) -> Posting {
        guard let head = Varint.read(bytes, &at), let frequency = UInt32(exactly: head >> 4) else { throw Self.damaged }
        var posting = Posting(unit: unit, frequency: frequency, written: frequency, isName: head & 1 != 0)
        if head & 2 != 0 { posting.written = try number() }
        if head & 4 != 0 { posting.places = head & 8 != 0 ? try number() : frequency }
        return posting
    }

    private mutating func number() throws(SearchFault) -> UInt32 {
        guard let number = Varint.read(bytes, &at).flatMap({ UInt32(exactly: $0) }) else { throw Self.damaged }
        return number
    }

    private static var damaged: SearchFault { SearchFault("a block of postings is damaged") }

    /// The places of the posting that came last: they are asked for of each, or of none.
    mutating func nextPlaces(of posting: Posting, into found: inout [Int32]) throws(SearchFault) {
        found.removeAll(keepingCapacity: true)
        var place: Int32 = -1
        for _ in 0..<posting.places {
            guard let gap = Varint.read(places, &placesAt), let step = Int32(exactly: gap), step > 0,
                !place.addingReportingOverflow(step).overflow
            else { throw SearchFault("a block of places is damaged") }
            place += step
            found.append(place)
        }
    }
}
