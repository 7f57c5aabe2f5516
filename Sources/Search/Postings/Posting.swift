// How postings stand in a block, one after the other, by rising unit:
//
//   block     gap to the unit before (of the first: 0); frequency × 8 + 4 if it has places + 2 if `written` differs + 1 if it is a name;
//             [how often it was written so]
//   places    of each posting that has any the gaps between them (the first from -1, each 1 or more), then 0

/// That a unit holds a term.
struct Posting: Hashable {
    var unit: UInt32
    /// In the body, or the field.
    var frequency: UInt32
    /// How often of these as the term is spelt: a stem may stand for other words.
    var written: UInt32
    var isName: Bool
    fileprivate(set) var hasPlaces = false
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
            posting.hasPlaces = true
        }
    }

    private func close(_ posting: Posting) {
        let differs = posting.written != posting.frequency
        Varint.append(posting.unit - last, to: block)
        Varint.append(
            posting.frequency << 3 | (posting.hasPlaces ? 4 : 0) | (differs ? 2 : 0) | (posting.isName ? 1 : 0),
            to: block)
        if differs { Varint.append(posting.written, to: block) }
        if posting.hasPlaces { places.append(0) }
        last = posting.unit
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
        guard let gap = Varint.read(bytes, &at), let head = Varint.read(bytes, &at),
            !unit.addingReportingOverflow(gap).overflow
        else { throw SearchFault("a block of postings is damaged") }
        unit += gap
        var posting = Posting(
            unit: unit, frequency: head >> 3, written: head >> 3, isName: head & 1 != 0, hasPlaces: head & 4 != 0)
        if head & 2 != 0 {
            guard let written = Varint.read(bytes, &at) else { throw SearchFault("a block of postings is damaged") }
            posting.written = written
        }
        return posting
    }

    /// The places of the posting that came last: they are asked for of each, or of none.
    mutating func nextPlaces(of posting: Posting, into found: inout [Int32]) throws(SearchFault) {
        found.removeAll(keepingCapacity: true)
        var place: Int32 = -1
        while posting.hasPlaces {
            guard let gap = Varint.read(places, &placesAt), let step = Int32(exactly: gap),
                !place.addingReportingOverflow(step).overflow
            else { throw SearchFault("a block of places is damaged") }
            if step == 0 { return }
            place += step
            found.append(place)
        }
    }
}
