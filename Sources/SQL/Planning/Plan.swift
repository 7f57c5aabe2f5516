import CSQL
import CSQLite

/// The way through a table's rows that was chosen, as SQLite carries it from the plan to the cursor.
struct Plan: OptionSet {
    let rawValue: Int32
    /// In the order of keys; else in any.
    static let byKey = Plan(rawValue: 1)
    static let oldestFirst = Plan(rawValue: 2)
    static let withValues = Plan(rawValue: 4)
}

/// A plan for which not all that it needs is known yet: SQLite tries another order of tables.
struct Unusable: Error {}

/// What a constraint compares a column by.
enum Comparison: UInt8 {
    case equal = 61  // =
    case above = 62  // >
    case below = 60  // <
    case atLeast = 103  // g
    case atMost = 108  // l
    case like = 76  // L
    case glob = 71  // G

    init?(_ number: UInt8) {
        switch Int32(number) {
        case SQLITE_INDEX_CONSTRAINT_EQ: self = .equal
        case SQLITE_INDEX_CONSTRAINT_GT: self = .above
        case SQLITE_INDEX_CONSTRAINT_LT: self = .below
        case SQLITE_INDEX_CONSTRAINT_GE: self = .atLeast
        case SQLITE_INDEX_CONSTRAINT_LE: self = .atMost
        case SQLITE_INDEX_CONSTRAINT_LIKE: self = .like
        case SQLITE_INDEX_CONSTRAINT_GLOB: self = .glob
        default: return nil
        }
    }
}

extension Comparison {
    var isPattern: Bool { self == .like || self == .glob }

    /// What all that matches a pattern starts with.
    func start(of pattern: [UInt8]) -> [UInt8] {
        let wild = Array((self == .like ? "%_" : "*?[").utf8)
        return Array(pattern.prefix { !wild.contains($0) })
    }
}

/// What SQLite asks of a table before it runs a statement: which constraints help, and what that costs. What is taken comes
/// to the cursor in the same order, as two letters each: the column's, and the comparison.
struct PlanQuestion {
    private let info: UnsafeMutablePointer<sqlite3_index_info>
    private var words: [UInt8] = []
    var plan: Plan = []
    var cost = 1_000_000.0
    var rows: Int64 = 100_000
    var isUnique = false
    var isOrdered = false

    init(_ info: UnsafeMutablePointer<sqlite3_index_info>) { self.info = info }

    func uses(_ column: Int32) -> Bool { info.pointee.colUsed & 1 << UInt64(min(column, 63)) != 0 }

    /// Takes the constraints on a column that can be told as bytes or numbers are.
    /// - Parameters:
    ///   - isHidden: the column is an argument: SQLite need not look at it again.
    ///   - only: by this comparison alone; `nil`: by any.
    /// - Returns: how each compares.
    mutating func take(
        _ column: Int32, as name: Column, isHidden: Bool = false, only: Comparison? = nil
    ) -> [Comparison] {
        var taken: [Comparison] = []
        for index in 0..<Int(info.pointee.nConstraint) {
            let constraint = info.pointee.aConstraint[index]
            guard constraint.iColumn == column, let comparison = Comparison(constraint.op) else { continue }
            if let only, comparison != only { continue }
            // Another order than that of the bytes is SQLite's own affair.
            guard sqlite3_stricmp(sqlite3_vtab_collation(info, Int32(index)), "BINARY") == 0 else { continue }
            guard constraint.usable != 0, words.count < 2 * Self.most else {
                if isHidden { unusable = true }
                continue
            }
            if comparison.isPattern, isOpen(Int32(index), comparison) { continue }
            words += [name.rawValue, comparison.rawValue]
            info.pointee.aConstraintUsage[index].argvIndex = Int32(words.count / 2)
            info.pointee.aConstraintUsage[index].omit = isHidden ? 1 : 0
            taken.append(comparison)
        }
        return taken
    }
    private static let most = 32
    /// Whether a pattern is known to start with anything.
    private func isOpen(_ index: Int32, _ comparison: Comparison) -> Bool {
        var value: OpaquePointer?
        guard sqlite3_vtab_rhs_value(info, index, &value) == SQLITE_OK, let value,
            case .text(let pattern) = ConstraintValue(value)
        else { return false }
        return comparison.start(of: pattern).isEmpty
    }

    /// An argument is there, but not yet known.
    private(set) var unusable = false

    /// Whether the rows are wanted in the order of these columns.
    func isOrdered(by columns: [Int32], descending: Bool) -> Bool {
        let count = Int(info.pointee.nOrderBy)
        guard count > 0, count <= columns.count else { return false }
        return (0..<count).allSatisfy {
            let term = info.pointee.aOrderBy[$0]
            return term.iColumn == columns[$0] && (term.desc != 0) == descending
        }
    }

    /// Whether only the first few rows may be wanted. SQLite says so where nothing but this table decides which.
    var isLimited: Bool {
        (0..<Int(info.pointee.nConstraint)).contains {
            Int32(info.pointee.aConstraint[$0].op) == SQLITE_INDEX_CONSTRAINT_LIMIT
        }
    }

    func finish() -> Int32 {
        info.pointee.idxNum = plan.rawValue
        info.pointee.estimatedCost = cost
        info.pointee.estimatedRows = rows
        info.pointee.idxFlags = isUnique ? SQLITE_INDEX_SCAN_UNIQUE : 0
        info.pointee.orderByConsumed = isOrdered ? 1 : 0
        guard let copy = membus_sql_copy(String(decoding: words, as: UTF8.self)) else { return SQLITE_NOMEM }
        info.pointee.idxStr = copy
        info.pointee.needToFreeIdxStr = 1
        return SQLITE_OK
    }
}

/// What a table takes constraints on.
enum Column: UInt8 {
    case key = 107  // k
    case revision = 114  // r
    case question = 113  // q
    case limit = 110  // n
    case target = 116  // t
}

/// The constraints that were taken, with what the columns are compared with.
struct Constraints: Sequence, IteratorProtocol {
    private let words: UnsafePointer<CChar>?
    private let values: UnsafeBufferPointer<OpaquePointer?>
    private var index = 0

    init(_ words: UnsafePointer<CChar>?, _ values: UnsafeBufferPointer<OpaquePointer?>) {
        self.words = words
        self.values = values
    }

    mutating func next() -> (column: Column, comparison: Comparison, value: ConstraintValue)? {
        guard index < values.count, let words, let value = values[index],
            let column = Column(rawValue: UInt8(bitPattern: words[2 * index])),
            let comparison = Comparison(rawValue: UInt8(bitPattern: words[2 * index + 1]))
        else { return nil }
        index += 1
        return (column, comparison, ConstraintValue(value))
    }
}

/// What a column is compared with.
enum ConstraintValue {
    /// Nothing compares with it.
    case null
    case integer(Int64)
    case text([UInt8])
    /// SQLite compares by rules of its own.
    case other

    init(_ value: OpaquePointer) {
        switch sqlite3_value_type(value) {
        case SQLITE_NULL: self = .null
        case SQLITE_INTEGER: self = .integer(sqlite3_value_int64(value))
        case SQLITE_TEXT:
            let start = sqlite3_value_text(value)
            self = .text([UInt8](UnsafeBufferPointer(start: start, count: Int(sqlite3_value_bytes(value)))))
        default: self = .other
        }
    }
}
