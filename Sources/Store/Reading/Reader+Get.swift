import MembusModel

extension Reader {
    /// The records of some keys as of one revision, in the order of the keys; a key without a record answers
    /// as a deletion (of revision 0 if none is kept). If the values are large only a prefix of the keys is
    /// answered.
    package func get(
        _ keys: [Key], on branch: BranchName, at: Position? = nil, visible: Revision
    ) throws(Refusal) -> Get.Answer {
        try all(RecordsRead(Get(branch: branch, keys: keys, at: at)), visible: visible)
    }

    /// The versions of a key, newest first, deletions and those of parent branches included, down to the one
    /// that the floor shows.
    package func history(_ request: GetHistory, visible: Revision) throws(Refusal) -> HistoryPage {
        try all(HistoryRead(request), visible: visible)
    }
}

/// Records by their keys, on their way.
package struct RecordsRead: StepwiseRead {
    package static let doing = "reading records"
    private let request: Get
    private var answer: Get.Answer?
    private var meter: PageMeter

    package init(_ request: Get) {
        self.request = request
        meter = PageMeter(records: request.keys.count)
    }

    package mutating func step(_ snapshot: StoreSnapshot, looking most: Int) throws -> Get.Answer? {
        let (branch, position) = try snapshot.state(request.branch, answer?.at ?? request.at)
        var answer = self.answer.take() ?? Get.Answer(at: position, records: [])
        answer.records.reserveCapacity(request.keys.count)
        let levels = snapshot.branches.levels(of: branch, at: position.revision)
        var left = most
        for key in request.keys[answer.records.count...] {
            if meter.isFull && !answer.records.isEmpty { break }
            if left <= 0 {
                self.answer = answer
                return nil
            }
            // Each branch of the line is a seek, a key is some more.
            left -= 1 + levels.count / 4
            let record = try NewestVersion.record(snapshot.db, key, levels) ?? .deletion(of: key, revision: 0)
            meter.add(record)
            answer.records.append(record)
        }
        return answer
    }
}

/// A page of a key's history on its way: branch after branch, from the nearest on.
package struct HistoryRead: StepwiseRead {
    package static let doing = "reading a history"
    private let request: GetHistory
    private var page = HistoryPage(versions: [], more: false)
    private var meter: PageMeter
    /// So many branches of the line are behind it.
    private var passed = 0
    /// On the next one: only what is older than this.
    private var before: LogCursor?

    package init(_ request: GetHistory) {
        self.request = request
        meter = PageMeter(records: min(request.limit > 0 ? request.limit : 100, Reader.pageRecords))
    }

    package mutating func step(_ snapshot: StoreSnapshot, looking most: Int) throws -> HistoryPage? {
        let newest = min(snapshot.visible, request.before.map { $0 &- 1 } ?? .max)
        guard newest > 0, request.before != .min else { return page }
        var left = most
        let branch = try snapshot.branch(request.branch, at: newest)
        for level in snapshot.branches.levels(of: branch, at: newest)[passed...] {
            if left <= 0 { return nil }
            left -= 1
            let cursor = try snapshot.db.rows(
                """
                SELECT \(RecordRow.columns) FROM changes
                WHERE branch = ?2 AND key = ?3 AND position <= ?4 ORDER BY position DESC
                """,
                [
                    Int.max, level.branch, request.key.text,
                    min(before.map { $0.position - 1 } ?? .max, LogCursor.end(of: level.upTo).position),
                ])
            while let row = try cursor.next() {
                if meter.isFull {
                    page.more = true
                    return page
                }
                if left < 0 { return nil }
                left -= 1
                let record = try RecordRow.record(row)
                meter.add(record)
                page.versions.append(.init(record: record, commit: try snapshot.commit(of: record, on: level.branch)))
                if record.revision <= snapshot.floor { return page }
                before = LogCursor(revision: record.revision, ordinal: record.ordinal)
            }
            (passed, before) = (passed + 1, nil)
        }
        return page
    }
}

extension StoreSnapshot {
    /// The commit that wrote a version; of one that compaction dropped, what the version itself tells.
    fileprivate func commit(of record: Record, on branch: Int64) throws -> CommitInfo {
        let kept = try db.first("SELECT \(CommitRow.columns) FROM commits WHERE revision = ?", [record.revision]) {
            try CommitRow.info($0, branches)
        }
        return try kept
            ?? CommitInfo(
                revision: record.revision, hash: 0, branch: try branches.name(branch), agent: record.owner,
                session: nil, number: 0, time: Timestamp(milliseconds: 0), context: "", message: "")
    }
}
