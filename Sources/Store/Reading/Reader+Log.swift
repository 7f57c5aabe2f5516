import GRDB
import MembusModel

extension Reader {
    /// A page of commits, each with those of its records that the filter matches. The log of a branch holds
    /// its own commits and those that it inherited, up to the fork. It starts above the floor; it also goes on from below it
    /// where nothing is swept yet, and the log of some topics as long as nothing was dropped of them since. A page that finds little stops after about
    /// 20,000 commits and changes; `next` then says where to go on.
    package func log(_ request: GetLog, visible: Revision) throws(Refusal) -> LogPage {
        try read("reading the log", visible: visible) { snapshot in
            if let basis = request.basis, basis.hash != 0 { try snapshot.hold(basis) }
            var walk = try LogWalk(snapshot, request)
            return try walk.fill()
        }
    }
}

/// One page of the log, under way.
private struct LogWalk {
    private let snapshot: StoreSnapshot
    private let request: GetLog
    /// Of each branch that counts, up to which revision; `nil`: all.
    private let upTo: [Int64: Revision]?
    private var meter = PageMeter()
    private var looked = 0
    private var page: LogPage

    init(_ snapshot: StoreSnapshot, _ request: GetLog) throws {
        self.snapshot = snapshot
        self.request = request
        if let name = request.branch {
            let levels = snapshot.branches.levels(of: try snapshot.branch(name), at: snapshot.visible)
            upTo = Dictionary(levels.map { ($0.branch, $0.upTo) }, uniquingKeysWith: max)
        } else {
            upTo = nil
        }
        let start = request.cursor ?? .end(of: request.ascending ? snapshot.floor : snapshot.visible + 1)
        if start.revision < 0 {
            throw Refusal(.invalidArgument, "the log has no revision \(start.revision)", subject: "\(start.revision)")
        }
        page = LogPage(commits: [], next: start, more: false)
        if request.ascending, start < .end(of: snapshot.floor), try !keepsAll(after: start) {
            throw Refusal(
                .belowFloor,
                "the log after revision \(start.revision) is no longer kept: the floor is \(snapshot.floor)",
                subject: "\(start.revision)")
        }
    }

    /// Commits without changes are part of the log only where no topics are named; of them nothing is noted.
    private func keepsAll(after place: LogCursor) throws -> Bool {
        if request.cursor != nil, try snapshot.isUnswept(after: place) { return true }
        guard let filter = request.filter else { return false }
        let levels =
            upTo.map { $0.map { Level(branch: $0.key, upTo: $0.value) } }
            ?? snapshot.branches.all.map { Level(branch: $0.id, upTo: .max) }
        return try snapshot.keepsAll(of: filter, on: levels, after: place)
    }

    mutating func fill() throws -> LogPage {
        let cursor = try commits()
        let limit = min(request.limit > 0 ? request.limit : 100, 10_000)
        while let row = try cursor.next() {
            if meter.isFull || page.commits.count >= limit || looked >= Reader.pageWork {
                page.more = true
                return page
            }
            looked += 1
            let info = try CommitRow.info(row, snapshot.branches)
            guard wanted(info, on: try row[1]) else {
                page.next = .end(of: info.revision)
                continue
            }
            if try !add(info) {
                page.more = true
                return page
            }
        }
        page.next = .end(of: request.ascending ? max(snapshot.visible, page.next.revision) : snapshot.floor)
        return page
    }

    /// From where the page before ended, which may be within a commit.
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
        if let agent = request.agent, agent != info.agent { return false }
        if let context = request.context, context != info.context { return false }
        if let since = request.since, info.time < since { return false }
        if let until = request.until, until < info.time { return false }
        return true
    }

    /// Adds a commit with its matching records.
    /// - Returns: false if the page ended within it.
    private mutating func add(_ info: CommitInfo) throws -> Bool {
        let isWithin = page.next.revision == info.revision && page.next.ordinal != .max
        let first = isWithin ? page.next.position + 1 : LogCursor(revision: info.revision, ordinal: 0).position
        var commit = Commit(info: info, records: [])
        let cursor = try snapshot.db.rows(
            "SELECT \(RecordRow.columns) FROM changes WHERE position >= ?2 AND position <= ?3 ORDER BY position",
            [request.values ? Int.max : -1, first, LogCursor.end(of: info.revision).position])
        while let row = try cursor.next() {
            if meter.isFull || looked >= 2 * Reader.pageWork {
                if !commit.records.isEmpty || request.filter == nil { page.commits.append(commit) }
                return false
            }
            looked += 1
            page.next = LogCursor(position: try row[0])
            if let filter = request.filter, !filter.matches(Key(unchecked: try row[1])) { continue }
            var record = try RecordRow.record(row)
            if !request.values { record = record.announced }
            meter.add(record)
            commit.records.append(record)
        }
        page.next = .end(of: info.revision)
        if !commit.records.isEmpty || request.filter == nil { page.commits.append(commit) }
        return true
    }
}
