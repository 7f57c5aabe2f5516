import MembusDice
import Testing

@testable import MembusSearch

@Suite("Postings")
struct PostingTests {
    private struct Occurrence {
        var unit: UInt32
        var place: Int32
        var isWritten: Bool
        var isName: Bool
    }

    private func read(_ encoder: PostingEncoder) throws -> [(posting: Posting, places: [Int32])] {
        var reader = PostingReader(first: encoder.first, bytes: encoder.block.bytes, places: encoder.places.bytes)
        var (found, places): ([(Posting, [Int32])], [Int32]) = ([], [])
        while let posting = try reader.next() {
            try reader.nextPlaces(of: posting, into: &places)
            found.append((posting, places))
        }
        return found
    }

    private func random(_ dice: inout Dice) -> [Occurrence] {
        var (unit, all): (UInt32, [Occurrence]) = (UInt32(dice.below(1000)), [])
        for _ in 0..<dice.within(1...40) {
            var place: Int32 = -1
            for _ in 0..<dice.within(1...5) {
                let kind = dice.below(4)
                if kind > 1 { place += Int32(dice.within(1...300)) }
                all.append(
                    Occurrence(unit: unit, place: kind > 1 ? place : -1, isWritten: dice.chance(60), isName: kind == 0))
            }
            unit += UInt32(dice.pick([1, 2, 127, 128, 70_000]))
        }
        return all
    }

    @Test("what is put in is read again", arguments: 0..<60 as Range<UInt64>)
    func roundTrip(seed: UInt64) throws {
        var dice = Dice(seed: seed)
        let occurrences = random(&dice)
        let (pending, encoder) = (PendingPostings(), PostingEncoder())
        for each in occurrences {
            [UInt8]("term".utf8).withUnsafeBufferPointer { term in
                if each.isName {
                    pending.addName(term, each.unit)
                } else {
                    pending.add(term, each.unit, isWritten: each.isWritten, at: each.place)
                }
            }
            if dice.chance(50) { [UInt8]("other".utf8).withUnsafeBufferPointer { pending.add($0, each.unit) } }
        }
        pending.encode(0, by: encoder)
        let found = try read(encoder)
        let units = Dictionary(grouping: occurrences, by: \.unit)
        #expect(found.map(\.posting.unit) == units.keys.sorted())
        #expect(encoder.first == units.keys.min() && encoder.last == units.keys.max())
        for (posting, places) in found {
            let own = units[posting.unit] ?? []
            let body = own.filter { !$0.isName }
            #expect(posting.frequency == UInt32(body.count) && posting.isName == own.contains { $0.isName })
            #expect(posting.written == UInt32(body.count { $0.isWritten }))
            #expect(places == body.map(\.place).filter { $0 >= 0 })
        }
    }

    @Test("what most postings are takes a byte a gap, and no more")
    func size() {
        let (pending, encoder) = (PendingPostings(), PostingEncoder())
        for unit in 0..<10 as Range<UInt32> {
            Array("word".utf8).withUnsafeBufferPointer { pending.add($0, unit, at: 7) }
            Array("field".utf8).withUnsafeBufferPointer { pending.add($0, unit) }
            Array("name".utf8).withUnsafeBufferPointer { pending.addName($0, unit) }
        }
        for (number, places) in [(0, 10), (1, 0), (2, 0)] {
            pending.encode(number, by: encoder)
            #expect(encoder.block.count == 10 && encoder.places.count == places)
        }
    }

    @Test("bytes that are no block are a fault or some postings, never a crash", arguments: 0..<200 as Range<UInt64>)
    func garbage(seed: UInt64) {
        var dice = Dice(seed: seed)
        func bytes() -> [UInt8] {
            (0..<dice.below(60)).map { _ in dice.chance(30) ? 0xFF : UInt8(dice.below(256)) }
        }
        let (block, places) = (bytes(), bytes())
        block.withUnsafeBytes { block in
            places.withUnsafeBytes { places in
                var reader = PostingReader(first: .max - UInt32(dice.below(200)), bytes: block, places: places)
                var found: [Int32] = []
                do {
                    while let posting = try reader.next() { try reader.nextPlaces(of: posting, into: &found) }
                } catch {
                    #expect((error as? SearchFault)?.description.contains("damaged") == true)
                }
            }
        }
    }

    @Test("terms are sorted by their bytes, and found by how they begin")
    func order() {
        let pending = PendingPostings()
        for term in ["b", "ab", "a", "é", "abc", "ac"] {
            Array(term.utf8).withUnsafeBufferPointer { pending.add($0, 1) }
        }
        #expect(pending.sorted.map { text(pending.terms.term($0)) } == ["a", "ab", "abc", "ac", "b", "é"])
        #expect(Set(pending.terms(with: Array("ab".utf8)).map { text($0) }) == ["ab", "abc"])
    }
}

@Suite("Terms by number")
struct TermTableTests {
    @Test("a table does as a dictionary does", arguments: 0..<4 as Range<UInt64>)
    func dictionary(seed: UInt64) {
        var dice = Dice(seed: seed)
        let table = TermTable()
        var known: [[UInt8]: Int] = [:]
        var terms: [[UInt8]] = []
        for _ in 0..<6000 {
            // Few bytes, so that terms meet again; long ones share what eight bytes at a time are taken of.
            let term =
                (0..<dice.below(5)).map { _ in UInt8(dice.below(6)) }
                + [UInt8](repeating: 7, count: dice.pick([0, 0, 8, 13]))
            term.withUnsafeBufferPointer { bytes in
                #expect(table.find(bytes) == known[term])
                let number = table.number(of: bytes)
                #expect(number == known[term] ?? terms.count)
            }
            if known.updateValue(known[term] ?? terms.count, forKey: term) == nil { terms.append(term) }
        }
        #expect(table.count == terms.count)
        for (number, term) in terms.enumerated() { #expect(table.term(number) == term) }
        for _ in 0..<500 {
            let (a, b) = (dice.below(terms.count), dice.below(terms.count))
            #expect(table.precedes(a, b) == terms[a].lexicographicallyPrecedes(terms[b]))
        }
    }
}

@Suite("Checksums")
struct ChecksumTests {
    private func sum(_ block: [UInt8], _ places: [UInt8] = []) -> Int64 {
        block.withUnsafeBytes { block in places.withUnsafeBytes { Checksum.of(block, $0) } }
    }

    @Test("a bit that is flipped anywhere changes it", arguments: 0..<24)
    func flips(count: Int) {
        let bytes = (0..<count).map { UInt8($0 * 37 % 251) }
        for place in 0..<count {
            for bit in 0..<8 {
                var other = bytes
                other[place] ^= 1 << UInt8(bit)
                #expect(sum(other) != sum(bytes) && sum([1], other) != sum([1], bytes))
            }
        }
    }

    @Test("zeros that are added or lost change it, and where one part ends does")
    func lengths() {
        let sums = (0..<40).map { sum([UInt8](repeating: 0, count: $0)) }
        #expect(Set(sums).count == sums.count)
        #expect(sum([1, 2, 3], [4]) != sum([1, 2], [3, 4]))
    }
}
