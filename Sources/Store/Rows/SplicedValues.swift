import FoundationEssentials
import Glibc
import MembusModel

// Versions whose values the broker made of the one before (appends, patches), stored as what they changed. Whole, n
// appends to one text would take n² bytes.
//
// A version that is stored whole has ordinal 0; each that follows has the next. It is told by what changed since its
// base, an older version of the same key on the same branch:
//
//   ordinal      1  2  3 … 15   16   17  18 … 31   32 … 240 … 255   256  257 …
//   its base     0  1  2 … 14    0   16  17 … 30   16 … 224 … 254     0  256 …
//
// An ordinal that is a multiple of 16 reaches back over the 16 before it, one of 256 over 256, and so on. So a value is
// put together from at most 15 rows for each of four levels, and each byte of an append is stored once a level.
//
// Invariants:
//   - A row's base is there for as long as the row is: the sweep drops no version that a later one is told by.
//   - A splice takes less than half of the value that it stands for, else the version is stored whole: where much
//     changes nothing is gained, and a text that has doubled since it was whole is written whole again.
//   - Which rows are spliced, and how, depends on the versions alone: another store that is given the same
//     decisions holds the same rows.

struct SplicedValues {
    let db: Database

    /// Values below this are stored whole: there is nothing to gain.
    static let least = 64
    private static let stride = 16
    /// Four levels.
    private static let most = 65_536

    /// How a version is stored, if not whole.
    struct Stored {
        /// The base's place.
        var base: LogCursor
        var splice: Splice
    }

    /// - Parameters:
    ///   - record: about to be inserted, with its value.
    ///   - previous: what its branch shows by now, with its value.
    /// - Returns: `nil`: it is stored whole.
    func stored(_ record: Record, on branch: Int64, previous: Record) throws -> Stored? {
        guard let value = record.value, value.count >= Self.least, let old = previous.value else { return nil }
        let place = LogCursor(revision: previous.revision, ordinal: previous.ordinal)
        // What a branch inherited is another branch's to drop.
        guard let row = try row(at: place), row.branch == branch else { return nil }
        let ordinal = row.splice.map { $0.splice.ordinal + 1 } ?? 1
        guard ordinal < Self.most else { return nil }
        let splice: Stored
        if ordinal % Self.stride == 0 {
            let base = try base(for: ordinal, from: place)
            splice = Stored(base: base, splice: Splice(from: try self.value(at: base), to: value, ordinal: ordinal))
        } else {
            splice = Stored(base: place, splice: Splice(from: old, to: value, ordinal: ordinal))
        }
        return 2 * splice.splice.bytes < value.count ? splice : nil
    }

    /// Back from the version before, over bases, to the one that is a power of the stride away.
    private func base(for ordinal: Int, from place: LogCursor) throws -> LogCursor {
        var span = Self.stride
        while ordinal % (span * Self.stride) == 0 { span *= Self.stride }
        var place = place
        while let splice = try row(at: place)?.splice, splice.splice.ordinal > ordinal - span { place = splice.base }
        return place
    }

    // MARK: Reading

    /// The value that a splice gives.
    func value(of splice: Splice, on base: LogCursor) throws -> Data {
        var splices = [splice]
        var place = base
        while true {
            guard let row = try row(at: place) else {
                throw StoreError.damaged("the version at \(place.revision) that a later one is made of is missing")
            }
            guard let next = row.splice else {
                var value = row.value
                do { for splice in splices.reversed() { try splice.apply(to: &value) } } catch {
                    throw StoreError.damaged("a version does not fit the one at \(place.revision) that it is made of")
                }
                return value
            }
            // Ordinals fall from base to base, so that no file can keep this going.
            guard next.splice.ordinal < (splices.last?.ordinal ?? 0) else {
                throw StoreError.damaged("the version at \(place.revision) is made of a later one")
            }
            splices.append(next.splice)
            place = next.base
        }
    }

    private func value(at place: LogCursor) throws -> Data {
        guard let row = try row(at: place) else {
            throw StoreError.damaged("the version at \(place.revision) that a later one is made of is missing")
        }
        return try row.splice.map { try value(of: $0.splice, on: $0.base) } ?? row.value
    }

    private struct Row {
        var branch: Int64
        /// `nil`: it is whole.
        var splice: Stored?
        /// Empty for one that is spliced.
        var value: Data
    }

    private func row(at place: LogCursor) throws -> Row? {
        try db.first("SELECT branch, base, value FROM changes WHERE position = ?", [place.position]) { row in
            let value = try row[2] as Data? ?? Data()
            guard let base: Int64 = try row[1] else { return Row(branch: try row[0], splice: nil, value: value) }
            guard let splice = try? Splice(decoding: value) else {
                throw StoreError.damaged("the version at \(place.revision) can't be read")
            }
            return Row(
                branch: try row[0], splice: Stored(base: LogCursor(position: base), splice: splice), value: Data())
        }
    }

    // MARK: What must stay

    /// Whether a later version is told by this one.
    func isBase(_ place: LogCursor) throws -> Bool {
        try db.integer("SELECT 1 FROM spliced WHERE base = ? LIMIT 1", [place.position]) != nil
    }
}

extension StoreError {
    fileprivate static func damaged(_ what: String) -> StoreError {
        StoreError(.fatal, what, hint: "the file is damaged: restore a backup")
    }
}
