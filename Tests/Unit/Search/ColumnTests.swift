import MembusDice
import MembusModel
import MembusStore
import Testing

@testable import MembusSearch

extension Columns.Unit {
    /// A passage of so many words, which say what no other says.
    init(_ words: Int, saying content: Int = 0) {
        self.init(words: UInt8(words), content: ContentName(high: UInt64(truncatingIfNeeded: content), low: 7))
    }
}

extension Columns {
    /// Versions at random, commit by commit.
    static func random(_ dice: inout Dice, versions: Int) -> Columns {
        var columns = Columns()
        var place = LogCursor(revision: 1, ordinal: 0)
        for _ in 0..<versions {
            place =
                dice.chance(60)
                ? LogCursor(revision: place.revision + Int64(dice.within(1...300)), ordinal: 0)
                : LogCursor(revision: place.revision, ordinal: place.ordinal + 1)
            let passages = (0..<dice.pick([0, 1, 1, 1, 3])).map { _ in
                Unit(dice.below(151), saying: Int(truncatingIfNeeded: dice.next()))
            }
            columns.add(
                Key(unchecked: "k\(dice.below(versions / 2 + 1))"),
                dice.pick([.text, .json, Kind("k\(dice.below(9))")]),
                on: Int64(dice.below(4) * 100), at: place, passages: passages)
        }
        return columns
    }

    var listed: [String] {
        (0..<versionCount).map { version in
            let units = units(of: UInt32(version)).map { "\(length[Int($0)]) \(content[Int($0)].bytes)" }
            return
                "\(key(keyOf[version])) \(kinds[Int(kindOf[version])]) \(branchOf[version]) \(places[version]) \(next[version]) \(isDeleted[version]) \(units)"
        }
    }
}

@Suite("A row of versions")
struct ColumnRowTests {
    private func decode(_ bytes: [UInt8], into columns: inout Columns) throws {
        try bytes.withUnsafeBytes { try ColumnRow.decode($0, into: &columns) }
    }

    /// Some rows, as flushes would write them.
    private func rows(of columns: Columns, _ dice: inout Dice) -> [[UInt8]] {
        var (rows, start, keys): ([[UInt8]], Int, Int) = ([], 0, 0)
        while start < columns.versionCount {
            let end = min(columns.versionCount, start + dice.within(1...40))
            rows.append(ColumnRow.encode(start..<end, of: columns, keysBefore: keys))
            keys = (start..<end).reduce(keys) { max($0, Int(columns.keyOf[$1]) + 1) }
            start = end
        }
        return rows
    }

    @Test("rows are read as they were written", arguments: 0..<20 as Range<UInt64>)
    func roundTrip(seed: UInt64) throws {
        var dice = Dice(seed: seed)
        let columns = Columns.random(&dice, versions: dice.below(200))
        var read = Columns()
        for row in rows(of: columns, &dice) { try decode(row, into: &read) }
        #expect(read.listed == columns.listed)
        #expect(read.keyCount == columns.keyCount && read.unitCount == columns.unitCount)
    }

    @Test("damaged rows are a fault or some versions, never a crash", arguments: 0..<150 as Range<UInt64>)
    func damage(seed: UInt64) {
        var dice = Dice(seed: seed)
        var rows = rows(of: Columns.random(&dice, versions: 60), &dice)
        for _ in 0..<dice.within(1...6) {
            let row = dice.below(rows.count)
            switch dice.below(4) {
            case 0: rows[row].removeLast(dice.below(rows[row].count))
            case 1: rows[row] = (0..<dice.below(80)).map { _ in UInt8(dice.below(256)) }
            default:
                guard !rows[row].isEmpty else { continue }
                rows[row][dice.below(rows[row].count)] ^= UInt8(1 << dice.below(8))
            }
        }
        var read = Columns()
        do { for row in rows { try decode(row, into: &read) } } catch {
            #expect((error as? SearchFault)?.description == "a row of versions is damaged")
        }
    }

    @Test("a branch beyond all numbers is a fault")
    func largeBranch() {
        var columns = Columns()
        let row: [UInt8] =
            [1, 1] + [UInt8](repeating: 0xFF, count: 9) + [1, 0, 1, 0x61, 0, 1, 0x74, 1]
            + [UInt8](repeating: 5, count: 17)
        #expect(throws: SearchFault.self) { try decode(row, into: &columns) }
    }

    @Test(
        "places that go back, and keys and kinds that nobody named, are faults",
        arguments: [
            [1, 0, 1, 0, 1, 0x61, 0, 1, 0x74, 0], [2, 9, 1, 0, 1, 0x61, 0, 1, 0x74, 0, 0, 1, 1, 1, 0],
            [1, 1, 1, 2, 0, 1, 0x74, 0], [1, 1, 1, 0, 9, 0x61], [1, 1, 1, 0, 1, 0x61, 0, 1, 0x74, 1, 5],
            [1, 1, 1, 0, 1, 0x61, 1, 0], [1, 1, 1, 0, 1, 0x61, 0, 9, 0x74],
            [5], [0x80],
        ] as [[UInt8]])
    func contradictions(row: [UInt8]) {
        var columns = Columns()
        #expect(throws: SearchFault.self) { try decode(row, into: &columns) }
    }
}

@Suite("Numbered keys")
struct NumberedPlacesTests {
    /// Whose neighbours count, and how much, of what is shown.
    private func neighbours(of key: String, among keys: [String], hidden: Set<String> = []) -> [String] {
        var columns = Columns()
        for (number, key) in keys.enumerated() {
            columns.add(
                Key(unchecked: key), on: 0, at: LogCursor(revision: Int64(number + 1), ordinal: 0), passages: [.init(1)]
            )
        }
        let shown = (0..<keys.count).map { hidden.contains(keys[$0]) ? 0 : UInt32($0 + 1) }
        guard let number = columns.number(of: Key(unchecked: key)) else { return [] }
        var found: [String] = []
        shown.withUnsafeBufferPointer {
            columns.numbered.neighbours(of: number, shown: $0) { found.append("\(keys[Int($0)]) \($1)") }
        }
        return found
    }

    @Test("three before and two behind count, nearest first, whatever order they came in")
    func run() {
        let keys = [5, 1, 9, 3, 2, 4, 8, 7, 6].map { "t/D1:\($0)" }
        #expect(
            neighbours(of: "t/D1:5", among: keys)
                == ["t/D1:4 0.5", "t/D1:3 0.25", "t/D1:2 0.125", "t/D1:6 0.25", "t/D1:7 0.125"])
        #expect(neighbours(of: "t/D1:1", among: keys) == ["t/D1:2 0.25", "t/D1:3 0.125"])
    }

    @Test("a run ends where a number is missing or not shown")
    func gaps() {
        let keys = [1, 2, 4, 5, 6, 7].map { "t/\($0)" }
        #expect(neighbours(of: "t/5", among: keys) == ["t/4 0.5", "t/6 0.25", "t/7 0.125"])
        #expect(neighbours(of: "t/5", among: keys, hidden: ["t/6"]) == ["t/4 0.5"])
        #expect(neighbours(of: "t/5", among: keys, hidden: ["t/4"]) == ["t/6 0.25", "t/7 0.125"])
    }

    @Test("of numbers that are spelt in several ways the first key that shows counts")
    func spellings() {
        let keys = ["t/D1:1", "t/D1:2", "t/D1:01", "t/D1:001"]
        #expect(neighbours(of: "t/D1:2", among: keys) == ["t/D1:001 0.5"])
        #expect(neighbours(of: "t/D1:2", among: keys, hidden: ["t/D1:001"]) == ["t/D1:01 0.5"])
        #expect(neighbours(of: "t/D1:2", among: keys, hidden: ["t/D1:001", "t/D1:01"]) == ["t/D1:1 0.5"])
        #expect(neighbours(of: "t/D1:01", among: keys) == ["t/D1:2 0.25"])
    }

    @Test("a run is of one stem: neither other topics nor other prefixes belong to it")
    func stems() {
        #expect(neighbours(of: "t/a2", among: ["t/a2", "t/b1", "u/a1", "t/1", "t/a3x", "t/a"]) == [])
        #expect(neighbours(of: "2", among: ["1", "2", "t/3"]) == ["1 0.5"])
    }

    @Test("of more than 18 digits the last 18 are the number")
    func digits() {
        let (nines, zeros) = (String(repeating: "9", count: 18), String(repeating: "0", count: 17))
        #expect(NumberedPlaces.place(of: "k" + nines)?.number == 999_999_999_999_999_999)
        #expect(NumberedPlaces.place(of: "k42" + zeros + "7").map { text($0.stem) } == "k42")
        #expect(
            neighbours(of: "42" + zeros + "7", among: ["42" + zeros + "6", "42" + zeros + "7", "43" + zeros + "8"])
                == ["42" + zeros + "6 0.5"])
        #expect(neighbours(of: "k" + nines, among: ["k1" + zeros + "0", "k" + nines]) == [])
        #expect(NumberedPlaces.place(of: "k") == nil && NumberedPlaces.place(of: "k1x") == nil)
    }

    @Test("what came after a state is no neighbour in it")
    func later() {
        var columns = Columns()
        for (number, key) in ["t/1", "t/2", "t/02"].enumerated() {
            columns.add(
                Key(unchecked: key), on: 0, at: LogCursor(revision: Int64(number + 1), ordinal: 0), passages: [.init(1)]
            )
        }
        var found: [UInt32] = []
        [UInt32(1)].withUnsafeBufferPointer { shown in
            columns.numbered.neighbours(of: 0, shown: shown) { version, _ in found.append(version) }
        }
        #expect(found == [])
    }
}
