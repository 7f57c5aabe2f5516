import MembusModel
import MembusStore

extension PlanQuestion {
    /// For what has happened: newest first, or oldest if that is asked for.
    mutating func planHistory(_ order: [Int32], key: Int32? = nil) {
        let revisions = take(order[0], as: .revision)
        let isOfKey = key.map { take($0, as: .key).contains(.equal) } ?? false
        let isNarrow = revisions.contains(.equal)
        (cost, rows) =
            isNarrow ? (20, 5) : isOfKey ? (30, 10) : revisions.isEmpty ? (200_000, 100_000) : (20_000, 10_000)
        if isOrdered(by: order, descending: false) { plan.insert(.oldestFirst) }
        isOrdered = isOrdered(by: order, descending: !plan.contains(.oldestFirst))
    }
}

/// The parts of a state's history, level by level, in the order in which they are gone through.
struct HistoryWalk {
    let rows: RawRows
    private var spans: ArraySlice<Span>
    private var hasBegun = false

    struct Span {
        var branch: Int64
        /// Exclusive.
        var after: Revision
        var upTo: Revision
    }

    /// Above the floor, within the bounds.
    init(_ run: QueryRun, _ bounds: VersionBounds, _ order: StateSelect.Order, _ rows: RawRows) {
        self.rows = rows
        let spans = run.state.levels.map {
            Span(
                branch: $0.branch, after: max($0.after, run.state.floor, bounds.after), upTo: min($0.upTo, bounds.upTo))
        }
        let some = spans.filter { !bounds.isEmpty && $0.after < $0.upTo }
        self.spans = order == .newestFirst ? some[...] : some.reversed()[...]
    }

    /// The next row; each span's is begun by what binds it.
    mutating func next(_ begin: (Span, RawRows) throws -> Void) throws -> Bool {
        while true {
            if hasBegun, try rows.next() { return true }
            guard let span = spans.popFirst() else { return false }
            rows.reset()
            hasBegun = true
            try begin(span, rows)
        }
    }
}

/// `commits`: those that the state is made of.
final class CommitsTable: QueryTable {
    fileprivate enum Column: Int32 {
        case revision, branch, agent, context, message, time, hash, session, number, deed
    }

    override var declaration: String {
        """
        CREATE TABLE commits(
          revision INTEGER, branch TEXT, agent TEXT, context TEXT, message TEXT, time INTEGER, hash TEXT, session TEXT,
          number INTEGER, deed TEXT)
        """
    }

    override func plan(_ question: inout PlanQuestion) { question.planHistory([Column.revision.rawValue]) }
    override func makeCursor() -> TableCursor { CommitsCursor(run) }
}

private final class CommitsCursor: TableCursor {
    private var walk: HistoryWalk?
    private var branch: Int64 = 0
    override var rowNumber: Int64 { walk?.rows.integer(0) ?? 0 }

    override func start(_ plan: Plan, _ constraints: Constraints) throws {
        let order: StateSelect.Order = plan.contains(.oldestFirst) ? .oldestFirst : .newestFirst
        let rows = try walk?.rows ?? run.state.rows(.commits(order))
        walk = HistoryWalk(run, VersionBounds(constraints), order, rows)
    }

    override func next() throws -> Bool {
        try walk?.next { span, rows in
            branch = span.branch
            try rows.bind(span.branch, span.after, span.upTo)
        } ?? false
    }

    override func write(_ column: Int32, to result: ResultColumn) throws {
        guard let row = walk?.rows, let column = CommitsTable.Column(rawValue: column) else { return }
        switch column {
        case .revision: result.write(row.integer(0))
        case .branch: result.write(run.branchName(branch))
        case .agent: result.write(text: row.bytes(1))
        case .context: result.write(text: row.bytes(5))
        case .message: result.write(text: row.bytes(6))
        case .time: result.write(row.integer(4))
        case .hash: result.write(row.bytes(7).prefix(8).hexadecimal)
        case .session: if !row.isNull(2) { result.write(UInt64(bitPattern: row.integer(2)).hexadecimal) }
        case .number: result.write(row.integer(3))
        case .deed: if !row.isNull(8), let deed = try run.state.deed(row.data(8)) { result.write(deed.word) }
        }
    }
}

extension Deed {
    /// As `commits.deed` tells it.
    fileprivate var word: String {
        switch self {
        case .merge: "merge"
        case .rollback: "rollback"
        case .revert: "revert"
        case .quarantine: "quarantine"
        case .pick: "pick"
        case .fork: "fork"
        case .branch: "branch"
        case .tag: "tag"
        }
    }
}

/// `changes`: what those commits wrote.
final class ChangesTable: QueryTable {
    fileprivate enum Column: Int32 {
        case revision, ordinal, branch, key, kind, value, size, deleted, owner, expires, attributes
    }

    override var declaration: String {
        """
        CREATE TABLE changes(
          revision INTEGER, ordinal INTEGER, branch TEXT, key TEXT, kind TEXT, value, size INTEGER, deleted INTEGER,
          owner TEXT, expires INTEGER, attributes TEXT)
        """
    }

    override func plan(_ question: inout PlanQuestion) {
        question.planHistory([Column.revision.rawValue, Column.ordinal.rawValue], key: Column.key.rawValue)
        if question.uses(Column.value.rawValue) { question.plan.insert(.withValues) }
    }

    override func makeCursor() -> TableCursor { ChangesCursor(run) }
}

private final class ChangesCursor: TableCursor {
    private var walk: HistoryWalk?
    private var (all, ofKey): (RawRows?, RawRows?)
    override var rowNumber: Int64 { walk?.rows.integer(StateSelect.Version.position) ?? 0 }

    override func start(_ plan: Plan, _ constraints: Constraints) throws {
        let bounds = VersionBounds(constraints)
        let order: StateSelect.Order = plan.contains(.oldestFirst) ? .oldestFirst : .newestFirst
        let withValues = plan.contains(.withValues)
        let rows: RawRows
        if let key = bounds.exact {
            rows = try ofKey ?? run.state.rows(.versionsOfKey(withValues: withValues, order))
            ofKey = rows
            rows.reset()
            try rows.bind(key, at: 4)
        } else {
            rows = try all ?? run.state.rows(.versions(withValues: withValues, order))
            all = rows
        }
        walk = HistoryWalk(run, bounds, order, rows)
    }

    override func next() throws -> Bool {
        try walk?.next { span, rows in
            try rows.bind(span.branch, StatePosition.end(of: span.after), StatePosition.end(of: span.upTo))
        } ?? false
    }

    override func write(_ column: Int32, to result: ResultColumn) throws {
        guard let row = walk?.rows, let column = ChangesTable.Column(rawValue: column) else { return }
        let version = VersionColumns(run: run, row: row)
        switch column {
        case .revision: result.write(version.revision)
        case .ordinal: result.write(version.ordinal)
        case .branch: result.write(version.branch)
        case .key: result.write(text: version.key)
        case .kind: version.write(kind: result)
        case .value: try version.write(value: result)
        case .size: try version.write(size: result)
        case .deleted: result.write(version.isDeleted)
        case .owner: version.write(owner: result)
        case .expires: version.write(expires: result)
        case .attributes: try version.write(attributes: result)
        }
    }
}
