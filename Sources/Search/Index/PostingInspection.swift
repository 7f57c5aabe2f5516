import FoundationEssentials
import MembusStore

/// Looks, some rows at a time, whether all postings of a file are as they were written. A row whose term is damaged is not where it is
/// looked for, and one that is lost is not there: who asks would notice neither.
struct PostingInspection {
    private var last: (term: Data, first: Int64) = (Data(), -1)
    private var rows: Int64 = 0
    private let expected: Int64
    private let writes: Int

    init(of table: PostingTable) { (expected, writes) = (table.rowCount, table.writes) }

    private static let most = 256

    /// - Returns: whether that was the last.
    /// - Throws: `SearchFault` if a row is not what was written, or if there are more or fewer.
    mutating func step(through table: PostingTable) throws -> Bool {
        let found = try table.check(after: last, most: Self.most)
        rows += found.count
        if let last = found.last { self.last = last }
        guard found.count < Self.most else { return false }
        // What was written meanwhile may stand before the place at hand.
        if table.writes == writes, rows != expected { throw SearchFault("rows of postings are lost") }
        return true
    }
}
