import MembusModel

extension Reader {
    /// A page of commits, each with those of its records that the filter matches. The log of a branch holds
    /// its own commits and those that it inherited, up to the fork. It starts above the floor; it also goes on from
    /// below it where nothing is swept yet, and the log of some topics as long as nothing was dropped of them since. A
    /// page that finds little stops after about 20,000 commits and changes; `next` then says where to go on.
    package func log(_ request: GetLog, visible: Revision) throws(Refusal) -> LogPage {
        try all(LogRead(request), visible: visible)
    }
}

/// One page of the log on its way.
package struct LogRead: StepwiseRead {
    package static let doing = "reading the log"
    private let request: GetLog
    private var meter = PageMeter()
    private var looked = 0
    /// `nil` before the first piece. Its `next` is how far it is.
    private var page: LogPage?

    package init(_ request: GetLog) { self.request = request }

    package mutating func step(_ snapshot: StoreSnapshot, looking most: Int) throws -> LogPage? {
        if let basis = request.basis, basis.hash != 0 { try snapshot.hold(basis) }
        let page = try self.page.take() ?? LogPage(commits: [], next: start(in: snapshot), more: false)
        // A commit and one of its changes, at least: else a piece would get no further.
        var walk = try LogWalk(snapshot, request, page, meter, looked: looked, most: looked + max(2, most))
        let isDone = try walk.fill()
        (meter, looked) = (walk.meter, walk.looked)
        guard isDone else {
            self.page = walk.page
            return nil
        }
        var whole = walk.page
        if request.ascending, whole.next.revision <= snapshot.visible {
            whole.reached = try Chain.position(snapshot.db, of: whole.next.revision)
        }
        return whole
    }

    private func start(in snapshot: StoreSnapshot) throws -> LogCursor {
        let start = request.cursor ?? .end(of: request.ascending ? snapshot.floor : snapshot.visible + 1)
        if start.revision < 0 {
            throw Refusal(.invalidArgument, "the log has no revision \(start.revision)", subject: "\(start.revision)")
        }
        return start
    }
}

/// A piece of a page.
private struct LogWalk {
    private let snapshot: StoreSnapshot
    private let request: GetLog
    /// Of each branch that counts, up to which revision; `nil`: all.
    private let upTo: [Int64: Revision]?
    private(set) var page: LogPage
    private(set) var meter: PageMeter
    /// Commits and changes, in the pieces before too.
    private(set) var looked: Int
    /// With so many the piece ends.
    private let most: Int

    private enum Added { case whole, pageIsFull, pieceIsDone }

    init(
        _ snapshot: StoreSnapshot, _ request: GetLog, _ page: LogPage, _ meter: PageMeter, looked: Int, most: Int
    ) throws {
        self.snapshot = snapshot
        self.request = request
        self.page = page
        self.meter = meter
        self.looked = looked
        self.most = most
        if let name = request.branch {
            let levels = snapshot.branches.levels(of: try snapshot.branch(name), at: snapshot.visible)
            upTo = Dictionary(levels.map { ($0.branch, $0.upTo) }, uniquingKeysWith: max)
        } else {
            upTo = nil
        }
        if request.ascending, page.next < .end(of: snapshot.floor), try !keepsAll(after: page.next) {
            throw Refusal(
                .belowFloor,
                "the log after revision \(page.next.revision) is no longer kept: the floor is \(snapshot.floor)",
                subject: "\(page.next.revision)")
        }
    }

    /// Commits without changes are part of the log only where no topics are named; of them nothing is noted.
    private func keepsAll(after place: LogCursor) throws -> Bool {
        if try snapshot.isUnswept(after: place) { return true }
        guard let filter = request.filter else { return false }
        let levels =
            upTo.map { $0.map { Level(branch: $0.key, upTo: $0.value) } }
            ?? snapshot.branches.all.map { Level(branch: $0.id, upTo: .max) }
        return try snapshot.keepsAll(of: filter, on: levels, after: place)
    }

    /// - Returns: false: the page goes on in another piece.
    mutating func fill() throws -> Bool {
        let cursor = try commits()
        let limit = min(request.limit > 0 ? request.limit : 100, 10_000)
        while let row = try cursor.next() {
            let revision: Revision = try row[0]
            // A commit that the piece before had begun is part of the page already.
            let isBegun = page.commits.last?.info.revision == revision
            if meter.isFull || page.commits.count >= limit && !isBegun || looked >= Reader.pageWork {
                page.more = true
                return true
            }
            if looked >= most { return false }
            looked += 1
            let info = try CommitRow.info(row, snapshot.branches)
            guard wanted(info, on: try row[1]) else {
                page.next = .end(of: info.revision)
                continue
            }
            switch try add(info) {
            case .whole: continue
            case .pieceIsDone: return false
            case .pageIsFull:
                page.more = true
                return true
            }
        }
        page.next = .end(of: request.ascending ? max(snapshot.visible, page.next.revision) : snapshot.floor)
        return true
    }

    /// From where the piece before ended, which may be within a commit.
    private func commits() throws -> StoredRows {
        let isWithin = page.next.ordinal != .max
        let start = min(page.next.revision, snapshot.visible + 1)
        if request.ascending {
            return try snapshot.db.rows(
                "SELECT \(CommitRow.columns) FROM commits WHERE revision >= ? AND revision <= ? ORDER BY revision",
                [isWithin ? start : start + 1, snapshot.visible])
        }
        let newest = isWithin ? start : start - 1
        return try snapshot.db.rows(
            "SELECT \(CommitRow.columns) FROM commits WHERE revision <= ? AND revision > ? ORDER BY revision DESC",
            [min(newest, snapshot.visible), snapshot.floor])
    }

    private func wanted(_ info: CommitInfo, on branch: Int64) -> Bool {
        if let upTo {
            guard let limit = upTo[branch], info.revision <= limit else { return false }
        }
        if let agent = request.agent, !agent.hasSameBytes(as: info.agent) { return false }
        if let context = request.context, !context.hasSameBytes(as: info.context) { return false }
        if let since = request.since, info.time < since { return false }
        if let until = request.until, until < info.time { return false }
        return true
    }

    /// Adds a commit with its matching records, or as many of them as there is room or time for.
    private mutating func add(_ info: CommitInfo) throws -> Added {
        let isWithin = page.next.revision == info.revision && page.next.ordinal != .max
        let first = isWithin ? page.next.position + 1 : LogCursor(revision: info.revision, ordinal: 0).position
        var commit = Commit(info: info, records: [])
        if request.withParents { commit.parents = try snapshot.parents(of: info) }
        if page.commits.last?.info.revision == info.revision, let begun = page.commits.popLast() { commit = begun }
        defer { if !commit.records.isEmpty || request.filter == nil { page.commits.append(commit) } }
        let cursor = try snapshot.db.rows(
            "SELECT \(RecordRow.columns) FROM changes WHERE position >= ?2 AND position <= ?3 ORDER BY position",
            [request.values ? Int.max : -1, first, LogCursor.end(of: info.revision).position])
        while let row = try cursor.next() {
            if meter.isFull || looked >= 2 * Reader.pageWork { return .pageIsFull }
            if looked >= most { return .pieceIsDone }
            looked += 1
            page.next = LogCursor(position: try row[0])
            if let filter = request.filter, !filter.matches(Key(unchecked: try row[1])) { continue }
            var record = try RecordRow.record(row)
            if !request.values { record = record.announced }
            meter.add(record)
            commit.records.append(record)
        }
        page.next = .end(of: info.revision)
        return .whole
    }
}
