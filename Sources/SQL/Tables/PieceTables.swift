import MembusModel
import MembusStore

/// Rows that come in pieces, each made as a whole.
final class PieceCursor: TableCursor {
    /// The next rows, which may be none; `nil`: there are no more.
    typealias Pieces = () throws -> [PieceRow]?
    private let make: (Constraints) throws -> Pieces
    private var pieces: Pieces?
    private var rows: ArraySlice<PieceRow> = []
    override var rowNumber: Int64 { rows.first?.number ?? 0 }

    init(_ run: QueryRun, _ make: @escaping (Constraints) throws -> Pieces) {
        self.make = make
        super.init(run)
    }

    override func start(_ plan: Plan, _ constraints: Constraints) throws {
        rows = []
        pieces = try make(constraints)
    }

    override func next() throws -> Bool {
        rows = rows.dropFirst()
        while rows.isEmpty {
            try run.goOn()
            guard let next = try pieces?() else { return false }
            rows = next[...]
        }
        return true
    }

    override func write(_ column: Int32, to result: ResultColumn) {
        if let cells = rows.first?.cells, cells.indices.contains(Int(column)) { result.write(cells[Int(column)]) }
    }
}

struct PieceRow {
    /// See ``TableCursor/rowNumber``.
    var number: Int64
    var cells: [SQLCell]

    init(_ number: Int64, _ cells: [SQLCell]) {
        self.number = number
        self.cells = cells
    }
}

extension SQLCell {
    init(_ text: String?) { self = text.map { .text($0) } ?? .null }
    init(_ integer: Int64?) { self = integer.map { .integer($0) } ?? .null }
    init(_ isSo: Bool) { self = .integer(isSo ? 1 : 0) }
}

/// `reads`: what is on record of who read what.
final class ReadsTable: QueryTable {
    override var declaration: String {
        """
        CREATE TABLE reads(
          agent TEXT, context TEXT, branch TEXT, key TEXT, topic TEXT, version INTEGER, cut INTEGER, time INTEGER,
          revision INTEGER, noted INTEGER, own INTEGER)
        """
    }

    override func plan(_ question: inout PlanQuestion) { _ = question.take(8, as: .revision) }

    override func makeCursor() -> TableCursor {
        PieceCursor(run) { [run] constraints in
            let bounds = VersionBounds(constraints)
            let commits = try Self.commits(run, bounds)
            let notes = try Self.notes(run, bounds)
            var areCommitsRead = false
            return {
                if !areCommitsRead, let piece = try commits() { return piece }
                areCommitsRead = true
                return try notes()
            }
        }
    }

    private static func commits(_ run: QueryRun, _ bounds: VersionBounds) throws -> PieceCursor.Pieces {
        let rows = try run.state.rows(.reads)
        var walk = HistoryWalk(run, bounds, .newestFirst, rows)
        var branch = ""
        return {
            let isThere = try walk.next { span, rows in
                branch = run.branchName(span.branch)
                try rows.bind(span.branch, span.after, span.upTo)
            }
            guard isThere else { return nil }
            let number = rows.integer(0) << 20
            return try run.state.reads(rows.data(4)).enumerated().map { index, read in
                let cells = Self.cells(
                    read, rows, on: read.branch?.text ?? branch, at: rows.integer(2), isNoted: false)
                return PieceRow(number + Int64(index), cells)
            }
        }
    }

    /// A note is of no branch: its reads are.
    private static func notes(_ run: QueryRun, _ bounds: VersionBounds) throws -> PieceCursor.Pieces {
        if bounds.isEmpty { return { nil } }
        let rows = try run.state.rows(.notes)
        try rows.bind(min(run.state.at.revision, bounds.upTo))
        return {
            guard try rows.next() else { return nil }
            let head = rows.integer(0)
            let time = Timestamp(milliseconds: rows.integer(2))
            let number = -(rows.integer(5) << 20)
            let notes = try run.state.notes(rows.data(4), context: rows.text(3), at: time)
            return notes.enumerated().compactMap { index, noted in
                let isShown = run.state.levels.contains {
                    $0.name.hasSameBytes(as: noted.branch.text) && head <= $0.upTo
                }
                guard isShown else { return nil }
                let cells = Self.cells(
                    noted.read, rows, on: noted.branch.text, at: noted.time.milliseconds, isNoted: true)
                return PieceRow(number - Int64(index), cells)
            }
        }
    }

    private static func cells(
        _ read: ReadVersion, _ rows: RawRows, on branch: String, at time: Int64, isNoted: Bool
    ) -> [SQLCell] {
        let subject = read.subject.text
        return [
            .text(rows.text(1)), .text(rows.text(3)), .text(branch), read.key == nil ? .null : .text(subject),
            read.key == nil ? .text(subject) : .null, .integer(read.version),
            read.cut == 0 ? .null : .integer(read.cut),
            .integer(time), .integer(rows.integer(0)), SQLCell(isNoted), SQLCell(read.isOwn),
        ]
    }
}

/// `branches`: those that were made by then.
final class BranchesTable: QueryTable {
    override var declaration: String {
        """
        CREATE TABLE branches(
          name TEXT, parent TEXT, fork_revision INTEGER, created INTEGER, closed INTEGER, protected INTEGER,
          deleted INTEGER)
        """
    }

    override func plan(_ question: inout PlanQuestion) { (question.cost, question.rows) = (100, 50) }

    override func makeCursor() -> TableCursor {
        PieceCursor(run) { [run] _ in
            var left: [BranchInfo]? = try run.state.branches()
            return {
                defer { left = nil }
                return left?.enumerated().map { index, branch in
                    PieceRow(
                        Int64(index),
                        [
                            .text(branch.name.text), SQLCell(branch.parent?.text), .integer(branch.forkRevision),
                            .integer(branch.created), SQLCell(branch.isClosed), SQLCell(branch.isProtected),
                            SQLCell(branch.deleted),
                        ])
                }
            }
        }
    }
}

/// `tags`: those that were made by then and are still there.
final class TagsTable: QueryTable {
    override var declaration: String {
        """
        CREATE TABLE tags(
          name TEXT, branch TEXT, revision INTEGER, agent TEXT, message TEXT, time INTEGER, created INTEGER)
        """
    }

    override func plan(_ question: inout PlanQuestion) { (question.cost, question.rows) = (100, 50) }

    override func makeCursor() -> TableCursor {
        PieceCursor(run) { [run] _ in
            var (after, isDone, count) = (String?.none, false, Int64(0))
            return {
                if isDone { return nil }
                let piece = try run.state.tags(after: after, most: 500)
                (after, isDone) = (piece.last, piece.last == nil)
                return piece.tags.map { tag in
                    count += 1
                    return PieceRow(
                        count,
                        [
                            .text(tag.name), .text(tag.branch), .integer(tag.revision), .text(tag.agent),
                            .text(tag.message), .integer(tag.time.milliseconds), .integer(tag.created),
                        ])
                }
            }
        }
    }
}
