import CSQLite
import FoundationEssentials
import MembusStore

/// The postings that are written. A term's rows follow each other by their units; of sixteen small ones in a row one is made, so that
/// a term is read in few rows; one of 16 KiB is large enough, and stays.
final class PostingTable {
    private let db: Database
    private let reading: Statement
    private let ranging: Statement
    private var inserting: Prepared
    /// By a hash of the term: small rows since it was looked at. It begins anew with each start, which only delays.
    private var small = [UInt8](repeating: 0, count: 1 << 18)
    /// As of the flush that is under way.
    var rowCount: Int64
    private(set) var writes = 0

    static let joined = 16
    static let largeBytes = 16 << 10

    init(_ db: Database, rowCount: Int64) throws {
        (self.db, self.rowCount) = (db, rowCount)
        reading = try db.makeStatement(
            "SELECT first, block, places, sum, span FROM postings WHERE term = ? ORDER BY first")
        ranging = try db.makeStatement("SELECT DISTINCT term FROM postings WHERE term >= ? AND term < ? ORDER BY term")
        inserting = try Prepared(db, "INSERT INTO postings VALUES(?, ?, ?, ?, ?, ?)")
    }

    // MARK: Reading

    /// Calls `body` with each block of a term, in the order of units.
    func read(_ term: UnsafeBufferPointer<UInt8>, _ body: (PostingReader) throws -> Void) throws {
        let statement = reading.sqliteStatement
        sqlite3_reset(statement)
        sqlite3_bind_blob64(statement, 1, term.baseAddress, UInt64(term.count), nil)
        defer {
            sqlite3_reset(statement)
            sqlite3_clear_bindings(statement)
        }
        while true {
            let code = sqlite3_step(statement)
            if code == SQLITE_DONE { return }
            guard code == SQLITE_ROW else { throw reading.failure(code) }
            guard let first = UInt32(exactly: sqlite3_column_int64(statement, 0)) else {
                throw SearchFault("a row of postings names no unit")
            }
            let (block, places) = (Self.blob(statement, 1), Self.blob(statement, 2))
            let span = UInt32(truncatingIfNeeded: sqlite3_column_int64(statement, 4))
            let sum = Checksum.of(UnsafeRawBufferPointer(term), block, places, numbers: (first, span))
            guard sum == sqlite3_column_int64(statement, 3) else { throw SearchFault("a row of postings is damaged") }
            try body(PostingReader(first: first, bytes: block, places: places))
        }
    }

    private static func blob(_ statement: OpaquePointer, _ column: Int32) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(
            start: sqlite3_column_blob(statement, column), count: Int(sqlite3_column_bytes(statement, column)))
    }

    /// The terms that begin so, from one on.
    func terms(with prefix: [UInt8], from first: [UInt8], most: Int) throws -> [[UInt8]] {
        guard let above = prefix.successor else { return [] }
        var terms: [[UInt8]] = []
        let statement = ranging.sqliteStatement
        try first.withUnsafeBytes { low in
            try above.withUnsafeBytes { high in
                sqlite3_reset(statement)
                sqlite3_bind_blob64(statement, 1, low.baseAddress, UInt64(low.count), nil)
                sqlite3_bind_blob64(statement, 2, high.baseAddress, UInt64(high.count), nil)
                defer {
                    sqlite3_reset(statement)
                    sqlite3_clear_bindings(statement)
                }
                var code = sqlite3_step(statement)
                while code == SQLITE_ROW, terms.count < most {
                    terms.append(Array(Self.blob(statement, 0)))
                    code = sqlite3_step(statement)
                }
                guard code == SQLITE_DONE || code == SQLITE_ROW else { throw ranging.failure(code) }
            }
        }
        return terms
    }

    // MARK: Writing

    func write(_ encoded: PostingEncoder, of term: UnsafeBufferPointer<UInt8>) throws {
        try insert(term, encoded.first, encoded.last, encoded.block.bytes, encoded.places.bytes)
        if encoded.block.count >= Self.largeBytes { return }
        let slot = Self.slot(of: term)
        small[slot] += 1
        guard small[slot] >= Self.joined else { return }
        small[slot] = 0
        try join(Array(term))
    }

    private func insert(
        _ term: UnsafeBufferPointer<UInt8>, _ first: UInt32, _ last: UInt32, _ block: UnsafeRawBufferPointer,
        _ places: UnsafeRawBufferPointer
    ) throws {
        inserting.bind(borrowedBlob: UnsafeRawBufferPointer(term))
        inserting.bind(Int64(first))
        inserting.bind(Int64(last - first))
        inserting.bind(borrowedBlob: block)
        if places.isEmpty { inserting.bindNull() } else { inserting.bind(borrowedBlob: places) }
        inserting.bind(Checksum.of(UnsafeRawBufferPointer(term), block, places, numbers: (first, last - first)))
        try inserting.run()
        rowCount += 1
        writes += 1
    }

    private static func slot(of term: UnsafeBufferPointer<UInt8>) -> Int {
        Int(
            truncatingIfNeeded: term.reduce(UInt64(0xcbf2_9ce4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
                >> 20)
            & (1 << 18 - 1)
    }

    /// Makes one row of the small ones at a term's end.
    private func join(_ term: [UInt8]) throws {
        var rows: [(first: UInt32, last: UInt32, block: [UInt8], places: [UInt8])] = []
        let found = try db.rows(
            "SELECT first, span, block, places, sum FROM postings WHERE term = ? ORDER BY first DESC", [Data(term)])
        while let row = try found.next() {
            let (block, places): (Data, Data?) = (try row[2], try row[3])
            if block.count >= Self.largeBytes { break }
            let (first, span, sum): (Int64, Int64, Int64) = (try row[0], try row[1], try row[4])
            try check(term, first, span, block, places ?? Data(), sum)
            guard let start = UInt32(exactly: first), let length = UInt32(exactly: span),
                !start.addingReportingOverflow(length).overflow
            else { throw SearchFault("a row of postings names no unit") }
            rows.append(
                (
                    UInt32(truncatingIfNeeded: first), UInt32(truncatingIfNeeded: first + span), Array(block),
                    Array(places ?? Data())
                ))
        }
        guard rows.count > 1, let oldest = rows.last, let newest = rows.first else { return }
        let (block, places) = (Room<UInt8>(1 << 10), Room<UInt8>(1 << 10))
        var last = oldest.first
        for row in rows.reversed() {
            guard row.first > last || row.first == oldest.first else { throw SearchFault("rows of postings overlap") }
            try PostingEncoder.append(row.block, from: row.first, behind: last, to: block)
            row.places.withUnsafeBufferPointer { places.append(contentsOf: $0) }
            last = row.last
        }
        try db.run("DELETE FROM postings WHERE term = ? AND first >= ?", [Data(term), Int64(oldest.first)])
        rowCount -= Int64(rows.count)
        try term.withUnsafeBufferPointer {
            try insert($0, oldest.first, newest.last, block.bytes, places.bytes)
        }
    }
}

extension PostingTable {
    /// Looks at the rows that follow one.
    /// - Returns: how many there were, and the last.
    func check(
        after place: (term: Data, first: Int64), most: Int
    ) throws -> (count: Int64, last: (term: Data, first: Int64)?) {
        var (count, last): (Int64, (term: Data, first: Int64)?) = (0, nil)
        let found = try db.rows(
            """
            SELECT term, first, span, block, places, sum FROM postings
            WHERE (term, first) > (?, ?) ORDER BY term, first LIMIT ?
            """, [place.term, place.first, most])
        while let row = try found.next() {
            let (term, block, places): (Data, Data, Data?) = (try row[0], try row[3], try row[4])
            let (first, span, sum): (Int64, Int64, Int64) = (try row[1], try row[2], try row[5])
            try check(Array(term), first, span, block, places ?? Data(), sum)
            (count, last) = (count + 1, (term, first))
        }
        return (count, last)
    }

    /// - Throws: if a row is not what was written.
    fileprivate func check(
        _ term: [UInt8], _ first: Int64, _ span: Int64, _ block: Data, _ places: Data, _ sum: Int64
    ) throws {
        let numbers = (UInt32(truncatingIfNeeded: first), UInt32(truncatingIfNeeded: span))
        let found = term.withUnsafeBytes { term in
            block.withUnsafeBytes { block in
                places.withUnsafeBytes { Checksum.of(term, block, $0, numbers: numbers) }
            }
        }
        guard found == sum else { throw SearchFault("a row of postings is damaged") }
    }
}

extension [UInt8] {
    /// The first that does not begin so, behind all that do; `nil`: there is none.
    fileprivate var successor: [UInt8]? {
        var bytes = self
        while let last = bytes.popLast() {
            if last < 0xFF { return bytes + [last + 1] }
        }
        return nil
    }
}
