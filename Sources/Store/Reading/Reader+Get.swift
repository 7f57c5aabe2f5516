import GRDB
import MembusModel

extension Reader {
    /// The records of some keys as of one revision, in the order of the keys; a key without a record answers
    /// as a deletion (of revision 0 if none is kept). If the values are large only a prefix of the keys is
    /// answered.
    package func get(
        _ keys: [Key], on branch: BranchName, at: Position? = nil, visible: Revision
    ) throws(Refusal) -> Get.Answer {
        try read("reading records", visible: visible) { snapshot in
            let position = try snapshot.position(at)
            let levels = snapshot.branches.levels(of: try snapshot.branch(branch), at: position.revision)
            var meter = PageMeter(records: keys.count)
            var records: [Record] = []
            records.reserveCapacity(keys.count)
            for key in keys {
                if meter.isFull && !records.isEmpty { break }
                let record = try NewestVersion.record(snapshot.db, key, levels) ?? .deletion(of: key, revision: 0)
                meter.add(record)
                records.append(record)
            }
            return Get.Answer(at: position, records: records)
        }
    }

    /// The versions of a key, newest first, deletions and those of parent branches included, down to the one
    /// that the floor shows.
    package func history(_ request: GetHistory, visible: Revision) throws(Refusal) -> HistoryPage {
        try read("reading a history", visible: visible) { snapshot in
            let newest = min(visible, request.before.map { $0 &- 1 } ?? .max)
            var page = HistoryPage(versions: [], more: false)
            guard newest > 0, request.before != .min else { return page }
            var meter = PageMeter(records: min(request.limit > 0 ? request.limit : 100, Reader.pageRecords))
            for level in snapshot.branches.levels(of: try snapshot.branch(request.branch), at: newest) {
                let cursor = try snapshot.db.rows(
                    """
                    SELECT \(RecordRow.columns) FROM changes
                    WHERE branch = ?2 AND key = ?3 AND position <= ?4 ORDER BY position DESC
                    """, [Int.max, level.branch, request.key.text, LogCursor.end(of: level.upTo).position])
                while let row = try cursor.next() {
                    if meter.isFull {
                        page.more = true
                        return page
                    }
                    let record = try RecordRow.record(row)
                    meter.add(record)
                    page.versions.append(
                        .init(record: record, commit: try snapshot.commit(of: record, on: level.branch)))
                    if record.revision <= snapshot.floor { return page }
                }
            }
            return page
        }
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
