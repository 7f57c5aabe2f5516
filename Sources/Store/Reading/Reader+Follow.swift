import MembusModel

// What somebody is given who follows the commits in order: bounded pages, each read in one state of the file in which
// the follower's place was checked. Nothing is kept between pages, and nothing waits for a follower: the floor may pass
// it, and it is told so.

/// A commit as those see it who follow all of them.
package struct FollowedCommit: Sendable {
    package struct Change: Sendable {
        package var record: MembusModel.Record
        /// What the branch showed under the key before, inherited or its own; `nil`: no record.
        package var replaced: MembusModel.Record?

        package init(record: MembusModel.Record, replaced: MembusModel.Record?) {
            self.record = record
            self.replaced = replaced
        }
    }

    package var info: CommitInfo
    /// The branch that it made.
    package var made: BranchInfo?
    /// In the order of their ordinals; none if the branch is not wanted.
    package var changes: [Change]

    package init(info: CommitInfo, made: BranchInfo? = nil, changes: [Change]) {
        self.info = info
        self.made = made
        self.changes = changes
    }
}

/// A piece of what a branch shows.
package struct StatePage: Sendable {
    package var records: [MembusModel.Record]
    /// The last key that was looked at, after which the state goes on; `nil`: this was the end.
    package var next: Key?

    package init(records: [MembusModel.Record], next: Key?) {
        self.records = records
        self.next = next
    }
}

extension Reader {
    /// The commits after a state, up to what is visible, until about `budget` commits and changes were looked at; a
    /// commit is never split.
    /// - Parameters:
    ///   - after: refused with `belowFloor` or `historyDiffers` if this history does not go on from there.
    ///   - inline: the size up to which values come along; -1: none does.
    ///   - wanted: the branches whose changes are read.
    package func commits(
        after: Position, inline: Int, budget: Int, visible: Revision, of wanted: (BranchInfo) -> Bool
    ) throws(Refusal) -> [FollowedCommit] {
        try read("following the commits", visible: visible) { snapshot in
            let start = try snapshot.checked(after)
            var looked = 0
            var commits: [FollowedCommit] = []
            let rows = try snapshot.db.rows(
                """
                SELECT \(CommitRow.columns) FROM commits
                WHERE revision > ? AND revision <= ? ORDER BY revision LIMIT ?
                """, [start.revision, snapshot.visible, max(1, budget)])
            var changes = try ChangeWalk(snapshot, after: start.revision, inline: inline)
            while looked < max(1, budget), let row = try rows.next() {
                var commit = FollowedCommit(info: try CommitRow.info(row, snapshot.branches), changes: [])
                let branch = try snapshot.anyBranch(commit.info.branch)
                let info = try snapshot.info(of: branch)
                if branch.created == commit.info.revision { commit.made = info }
                looked += 1 + (try changes.take(into: &commit, on: branch, isWanted: wanted(info)))
                commits.append(commit)
            }
            return commits
        }
    }

    /// A page of what a branch shows as of a state, in the order of the keys. At most `budget` keys are looked at for
    /// it, with or without a record.
    package func state(
        of branch: BranchName, at: Position, after: Key?, inline: Int, budget: Int, visible: Revision
    ) throws(Refusal) -> StatePage {
        try read("reading a state", visible: visible) { snapshot in
            let at = try snapshot.checked(at)
            let levels = snapshot.branches.levels(of: try snapshot.anyBranch(branch), at: at.revision)
            var page = StatePage(records: [], next: nil)
            var scan = try RangeScan(
                snapshot, .everything, levels: levels, from: ScanPlace(after: after), inline: inline)
            while let record = try scan.next(upTo: max(1, budget)) { page.records.append(record) }
            page.next = scan.isPaused ? scan.place.after : nil
            return page
        }
    }
}

/// All changes after a revision, taken commit by commit: one statement for a page, as each costs more than the rows that
/// it gives.
private struct ChangeWalk {
    private let snapshot: StoreSnapshot
    private let inline: Int
    private let rows: StoredRows
    private var row: StoredRow?

    init(_ snapshot: StoreSnapshot, after revision: Revision, inline: Int) throws {
        self.snapshot = snapshot
        self.inline = inline
        rows = try snapshot.db.rows(
            "SELECT \(RecordRow.columns) FROM changes WHERE position > ?2 AND position <= ?3 ORDER BY position",
            [inline, LogCursor.end(of: revision).position, LogCursor.end(of: snapshot.visible).position])
        row = try rows.next()
    }

    /// Above the floor nothing is swept, and what a change replaced is what its branch showed at the revision before:
    /// that is not below the floor either.
    /// - Returns: how many changes the commit has, wanted or not.
    mutating func take(into commit: inout FollowedCommit, on branch: Branch, isWanted: Bool) throws -> Int {
        let end = LogCursor.end(of: commit.info.revision).position
        let before = snapshot.branches.levels(of: branch, at: commit.info.revision - 1)
        var count = 0
        while let current = row, (try current[0] as Int64) <= end {
            count += 1
            if isWanted {
                let record = try RecordRow.record(current)
                let replaced = try NewestVersion.record(snapshot.db, record.key, before, inline: inline)
                commit.changes.append(
                    FollowedCommit.Change(record: record, replaced: replaced.flatMap { $0.isDeleted ? nil : $0 }))
            }
            row = try rows.next()
        }
        return count
    }
}
