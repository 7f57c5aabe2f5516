import MembusModel
import MembusStore

// Versions as a row of the index's file: how many; then of each how far its place is behind the one before, its branch, its key (by the
// number that it has in the columns, and 1; or 0, and its bytes), its kind (likewise), and its passages: their words, and what their
// vectors are of.

enum ColumnRow {
    static func encode(_ versions: Range<Int>, of columns: Columns, keysBefore: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        var (place, keys): (Int64, Int) = (0, keysBefore)
        var kinds = columns.kindCount(before: versions.lowerBound)
        append(UInt64(versions.count), to: &bytes)
        for version in versions {
            append(UInt64(columns.places[version] - place), to: &bytes)
            place = columns.places[version]
            append(UInt64(columns.branchOf[version]), to: &bytes)
            let key = Int(columns.keyOf[version])
            if key < keys {
                append(UInt64(key + 1), to: &bytes)
            } else {
                keys = key + 1
                append(0, to: &bytes)
                columns.withKey(UInt32(key)) { name in
                    append(UInt64(name.count), to: &bytes)
                    bytes.append(contentsOf: name)
                }
            }
            let kind = Int(columns.kindOf[version])
            if kind < kinds {
                append(UInt64(kind + 1), to: &bytes)
            } else {
                kinds = kind + 1
                append(0, to: &bytes)
                append(UInt64(columns.kinds[kind].name.utf8.count), to: &bytes)
                bytes += columns.kinds[kind].name.utf8
            }
            let units = columns.units(of: UInt32(version))
            append(UInt64(units.count), to: &bytes)
            for unit in units {
                bytes.append(columns.length[Int(unit)])
                bytes += columns.content[Int(unit)].bytes
            }
        }
        return bytes
    }

    /// - Throws: if the row is damaged.
    static func decode(_ bytes: UnsafeRawBufferPointer, into columns: inout Columns) throws(SearchFault) {
        var at = 0
        func next() throws(SearchFault) -> UInt64 {
            guard let number = read(bytes, &at) else { throw SearchFault("a row of versions is damaged") }
            return number
        }
        func next(_ count: UInt64) throws(SearchFault) -> UnsafeRawBufferPointer {
            guard count <= UInt64(bytes.count - at) else { throw SearchFault("a row of versions is damaged") }
            defer { at += Int(count) }
            return UnsafeRawBufferPointer(rebasing: bytes[at..<(at + Int(count))])
        }
        let count = try next()
        var place: Int64 = 0
        for _ in 0..<count {
            let (step, branch, number) = (try next(), try next(), try next())
            guard step > 0, let branch = Int64(exactly: branch), let gap = Int64(exactly: step),
                !place.addingReportingOverflow(gap).overflow,
                number <= UInt64(columns.keyCount), place + gap > columns.places.last ?? -1
            else { throw SearchFault("a row of versions is damaged") }
            place += gap
            let key: Key
            if number == 0 {
                key = Key(unchecked: String(decoding: try next(try next()), as: UTF8.self))
            } else {
                key = columns.key(UInt32(number - 1))
            }
            let kindNumber = try next()
            guard kindNumber <= UInt64(columns.kinds.count) else { throw SearchFault("a row of versions is damaged") }
            let kind =
                kindNumber == 0
                ? Kind(String(decoding: try next(try next()), as: UTF8.self)) : columns.kinds[Int(kindNumber) - 1]
            let count = try next()
            guard count <= UInt64(bytes.count) else { throw SearchFault("a row of versions is damaged") }
            let told = try next(count * 17)
            let passages = (0..<Int(count)).map { index in
                Columns.Unit(
                    words: told[index * 17],
                    content: ContentName(
                        named: UnsafeRawBufferPointer(rebasing: told[(index * 17 + 1)..<(index * 17 + 17)])))
            }
            columns.add(key, kind, on: branch, at: LogCursor(position: place), passages: passages)
        }
    }

    private static func append(_ number: UInt64, to bytes: inout [UInt8]) {
        var rest = number
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    private static func read(_ bytes: UnsafeRawBufferPointer, _ at: inout Int) -> UInt64? {
        var (number, shift): (UInt64, UInt64) = (0, 0)
        while at < bytes.count, shift < 64 {
            let byte = bytes[at]
            at += 1
            number |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return number }
            shift += 7
        }
        return nil
    }
}
