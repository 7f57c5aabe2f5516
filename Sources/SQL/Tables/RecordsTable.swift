import MembusModel
import MembusStore

/// `records`: what the state shows.
final class RecordsTable: QueryTable {
    fileprivate enum Column: Int32 {
        case key, kind, value, size, revision, branch, owner, author, context, time, expires, attributes
    }

    override var declaration: String {
        """
        CREATE TABLE records(
          key TEXT, kind TEXT, value, size INTEGER, revision INTEGER, branch TEXT, owner TEXT, author TEXT, context TEXT,
          time INTEGER, expires INTEGER, attributes TEXT)
        """
    }

    override func plan(_ question: inout PlanQuestion) {
        question.planRecords(key: Column.key.rawValue, revision: Column.revision.rawValue, isUnique: true)
        if question.uses(Column.value.rawValue) { question.plan.insert(.withValues) }
    }

    override func makeCursor() -> TableCursor { RecordsCursor(run) }
}

extension PlanQuestion {
    /// For what the state shows: by keys if some are named, or the first of them are asked for; else newest first, which
    /// for all of them is quicker, even if SQLite has to sort them.
    mutating func planRecords(key: Int32, revision: Int32, isUnique: Bool) {
        let keys = take(key, as: .key)
        let revisions = take(revision, as: .revision)
        if keys.contains(.equal) {
            (cost, rows, self.isUnique) = (10, 1, isUnique)
        } else if !keys.isEmpty || isLimited && isOrdered(by: [key], descending: false) {
            (cost, rows) = keys.isEmpty ? (300_000, 100_000) : keys.count == 1 ? (6000, 2000) : (3000, 1000)
            isOrdered = isOrdered(by: [key], descending: false)
            if isOrdered { plan.insert(.byKey) }
        } else {
            (cost, rows) = revisions.contains { $0 != .atMost && $0 != .below } ? (30_000, 10_000) : (100_000, 100_000)
            isOrdered = isOrdered(by: [revision], descending: true)
        }
    }
}

/// Goes through what the state shows, for `records` and `links`.
class ShownCursor: TableCursor {
    final private(set) var walk: (any VersionWalk)?
    // A join asks thousands of times: what is prepared is kept.
    private var byKey: KeyWalk?
    private var newest: NewestScan?

    override final func start(_ plan: Plan, _ constraints: Constraints) throws {
        let bounds = VersionBounds(constraints)
        walk = nil
        begin()
        if bounds.isEmpty { return }
        if let own = try walk(by: bounds) {
            walk = own
            return
        }
        let withValues = plan.contains(.withValues)
        if plan.contains(.byKey) || isByKey(bounds) {
            let byKey = try self.byKey ?? KeyWalk(run, withValues: withValues)
            byKey.start(bounds)
            (self.byKey, walk) = (byKey, byKey)
        } else {
            let newest = try self.newest ?? NewestScan(run, withValues: withValues)
            try newest.start(bounds)
            (self.newest, walk) = (newest, newest)
        }
    }

    /// Where only the last few commits are asked for there is less to look at than under most keys.
    private func isByKey(_ bounds: VersionBounds) -> Bool {
        if bounds.exact != nil { return true }
        return bounds.areKeysBound && bounds.after < run.state.at.revision - Self.few
    }
    private static let few: Revision = 50

    func begin() {}
    /// A way of the table's own; `nil`: there is none.
    func walk(by bounds: VersionBounds) throws -> (any VersionWalk)? { nil }
    override func next() throws -> Bool { try walk?.next() ?? false }
    override var rowNumber: Int64 { walk.map { VersionColumns(run: run, row: $0.row).position } ?? 0 }
}

private final class RecordsCursor: ShownCursor {
    private lazy var author = CommitLookUp(run)

    override func write(_ column: Int32, to result: ResultColumn) throws {
        guard let row = walk?.row, let column = RecordsTable.Column(rawValue: column) else { return }
        let version = VersionColumns(run: run, row: row)
        switch column {
        case .key: result.write(text: version.key)
        case .kind: version.write(kind: result)
        case .value: try version.write(value: result)
        case .size: try version.write(size: result)
        case .revision: result.write(version.revision)
        case .branch: result.write(version.branch)
        case .owner: version.write(owner: result)
        case .expires: version.write(expires: result)
        case .attributes: try version.write(attributes: result)
        case .author: if let commit = try author.commit(version.revision) { result.write(text: commit.bytes(0)) }
        case .context: if let commit = try author.commit(version.revision) { result.write(text: commit.bytes(1)) }
        case .time: if let commit = try author.commit(version.revision) { result.write(commit.integer(2)) }
        }
    }
}

/// The commits that wrote what is shown. Neighbours often share theirs.
private final class CommitLookUp {
    private let run: QueryRun
    private var rows: RawRows?
    private var known: (revision: Revision, isThere: Bool)?

    init(_ run: QueryRun) { self.run = run }

    /// `nil`: it is not kept.
    func commit(_ revision: Revision) throws -> RawRows? {
        let rows = try self.rows ?? run.state.rows(.commit)
        self.rows = rows
        if known?.revision != revision {
            rows.reset()
            try rows.bind(revision)
            known = (revision, try rows.next())
        }
        return known?.isThere == true ? rows : nil
    }
}
