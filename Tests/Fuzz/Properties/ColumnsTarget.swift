import MembusModel
import MembusStore

@testable import MembusSearch

// A row of the index's columns, behind its checksum: it is taken whole, and is what it says, or it is refused as damaged.
// Whatever is taken can be looked at as any state.

extension FuzzTarget {
    static let columns = FuzzTarget(name: "columns", check: checkColumns, seeds: columnSeeds)
}

private func checkColumns(_ bytes: [UInt8]) throws {
    // As a file's only row, and as one behind another.
    for known in [[], sampleRow()] {
        var columns = Columns()
        if !known.isEmpty { try decode(known, into: &columns) }
        let (versions, keys) = (columns.versionCount, columns.keyCount)
        do throws(SearchFault) { try decode(bytes, into: &columns) } catch {
            try requireClear(error.description, "a damaged row")
            continue
        }
        let written = ColumnRow.encode(versions..<columns.versionCount, of: columns, keysBefore: keys)
        var again = Columns()
        if !known.isEmpty { try decode(known, into: &again) }
        try decode(written, into: &again)
        try require(isSame(columns, again), "written again it is another row")
        try look(at: columns)
    }
}

private func decode(_ row: [UInt8], into columns: inout Columns) throws(SearchFault) {
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: row.count, alignment: 1)
    defer { bytes.deallocate() }
    bytes.copyBytes(from: row)
    try ColumnRow.decode(UnsafeRawBufferPointer(bytes), into: &columns)
}

private func isSame(_ a: Columns, _ b: Columns) -> Bool {
    a.places == b.places && a.keyOf == b.keyOf && a.branchOf == b.branchOf && a.next == b.next
        && a.isDeleted == b.isDeleted && a.firstUnit == b.firstUnit && a.versionOf == b.versionOf
        && a.length == b.length
        && a.content == b.content && a.keyCount == b.keyCount
        && (0..<UInt32(a.keyCount)).allSatisfy { a.key($0) == b.key($0) }
}

private func look(at columns: Columns) throws {
    let newest = columns.places.last.map { LogCursor(position: $0).revision } ?? 0
    for levels in [
        [Level(branch: 1, upTo: newest)], [Level(branch: 1, upTo: newest / 2)],
        [Level(branch: 2, upTo: newest), Level(branch: 1, upTo: newest / 3)],
    ] {
        let state = VisibleState(levels, columns)
        var shown = 0
        state.eachUnit { if $0 < columns.unitCount, state.shows($0) { shown += 1 } }
        try require(shown == state.unitCount, "\(shown) passages show of \(state.unitCount)")
        for key in 0..<UInt32(columns.keyCount) {
            guard let version = state.version(of: key) else { continue }
            try require(columns.keyOf[Int(version)] == key, "a version of another key is shown")
            state.shown.withUnsafeBufferPointer { shown in
                columns.numbered.neighbours(of: key, shown: shown) { _ = columns.words(of: $0) + Int($1) }
            }
        }
        state.advance(to: newest, columns)
    }
}

private func sampleRow() -> [UInt8] {
    let columns = sampleColumns()
    return ColumnRow.encode(0..<columns.versionCount, of: columns, keysBefore: 0)
}

private func sampleColumns() -> Columns {
    var columns = Columns()
    let passage = Columns.Unit(words: 3, content: ContentName(high: 1, low: 2))
    for (index, key) in ["talk/D1:1", "talk/D1:2", "talk/D1:01", "plans/paris", "talk/D1:1"].enumerated() {
        columns.add(
            Key(unchecked: key), on: index == 3 ? 2 : 1, at: LogCursor(revision: Revision(index + 1), ordinal: 0),
            passages: Array(repeating: passage, count: (index + 1) % 3))
    }
    return columns
}

private func columnSeeds() throws -> [[UInt8]] {
    var columns = sampleColumns()
    let known = columns.keyCount
    let first = columns.versionCount
    for (ordinal, key) in ["talk/D1:2", "talk/D1:3", "new/Ünï", "talk/D1:999999999999999999"].enumerated() {
        columns.add(
            Key(unchecked: key), on: 1 + Int64(ordinal % 2), at: LogCursor(revision: 9, ordinal: UInt32(ordinal)),
            passages: [Columns.Unit(words: 150, content: ContentName(high: .max, low: 7))])
    }
    return [
        sampleRow(), ColumnRow.encode(first..<columns.versionCount, of: columns, keysBefore: known),
        ColumnRow.encode(0..<columns.versionCount, of: columns, keysBefore: 0), [0],
        [1, 1, 1, 0, 1, 0x61, 0], [1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 1, 0, 1, 0x61, 0],
    ]
}
