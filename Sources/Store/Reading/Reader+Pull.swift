import GRDB
import MembusModel

// A pull brings a view from its cut to one revision R ≤ V. What it is made of is decided on its first page
// and stands in the token from then on: the changes after the cut, if they are all kept and are less than a
// snapshot, else a snapshot. The broker keeps nothing between pages: each is checked anew against floor and
// hashes, in the same state of the file that it is read from.

/// What a view follows.
package struct PullFilter: Sendable {
    package var branch: BranchName
    package var topics: TopicFilter
    package var mode: StreamMode
    /// Larger values are announced, not sent; in bytes.
    package var inlineLimit: Int

    package init(branch: BranchName, topics: TopicFilter, mode: StreamMode, inlineLimit: Int = 16 << 10) {
        self.branch = branch
        self.topics = topics
        self.mode = mode
        self.inlineLimit = inlineLimit
    }

    fileprivate var inline: Int { mode == .invalidate ? -1 : inlineLimit }
}

extension Reader {
    /// A page of a pull: about 1 MiB, or 4,000 records.
    /// - Parameters:
    ///   - from: the view's cut; `nil` for one without state.
    ///   - page: `nil` for the first page, then what the page before gave as `next`.
    package func pull(
        _ filter: PullFilter, from: Token?, atLeast: Revision = 0, page: PageToken? = nil, visible: Revision
    ) throws(Refusal) -> PullPage {
        try read("reading a pull", visible: visible) { snapshot in
            if let from, from.lineage != lineage {
                throw Refusal(.historyDiffers, "lineage \(from.lineage) is not this store's, \(lineage)")
            }
            if atLeast > snapshot.visible {
                throw Refusal(.notYetVisible, "revision \(atLeast) is not visible yet: \(snapshot.visible) is")
            }
            let pull = PullPlan(snapshot: snapshot, filter: filter, branch: try snapshot.branch(filter.branch))
            return try pull.page(at: try page ?? pull.plan(from: from?.position))
        }
    }
}

private struct PullPlan {
    let snapshot: StoreSnapshot
    let filter: PullFilter
    let branch: Branch

    // MARK: Which kind

    /// The token of the first page.
    func plan(from cut: Position?) throws -> PageToken {
        let target = try snapshot.position(snapshot.visible)
        let whole = PageToken(content: .snapshot(after: nil), target: target)
        guard let cut else { return whole }
        if cut.revision > snapshot.visible {
            throw Refusal(.historyDiffers, "\(cut) lies beyond the head, \(snapshot.visible): it is of another history")
        }
        // Changes after it may be gone; that it is of this history its hash still tells, which outlives them.
        if cut.revision < snapshot.floor {
            if try snapshot.isOfThisHistory(cut) == false {
                throw Refusal(.historyDiffers, "\(cut) is not a place in this history")
            }
            return whole
        }
        let base = try snapshot.checked(cut)
        guard base.revision >= branch.created, try changesAreLess(after: base.revision, upTo: target.revision) else {
            return whole
        }
        return PageToken(
            content: .changes(base: base, after: .end(of: base.revision)), target: target)
    }

    /// Whether sending the changes costs less than sending the state; judged from a bounded look at each.
    private func changesAreLess(after base: Revision, upTo target: Revision) throws -> Bool {
        if target - base <= 500 || filter.mode == .invalidate && target - base <= Int64(Reader.pageWork) { return true }
        // The state of an invalidate stream is nothing at all.
        if filter.mode == .invalidate { return false }
        var looked = 0
        var matching = 0
        var reached = base
        let cursor = try snapshot.db.rows(
            "SELECT position, branch, key FROM changes WHERE position > ? AND position <= ? ORDER BY position LIMIT ?",
            [LogCursor.end(of: base).position, LogCursor.end(of: target).position, Reader.pageWork])
        while let row = try cursor.next() {
            looked += 1
            reached = LogCursor(position: try row[0]).revision
            if try row[1] as Int64 == branch.id, filter.topics.matches(Key(unchecked: try row[2])) { matching += 1 }
        }
        if looked == Reader.pageWork {
            let factor = max(1, (target - base) / max(1, reached - base))
            looked *= Int(factor)
            matching *= Int(factor)
        }
        // A change that only has to be passed over costs a sixteenth of one that is sent.
        let cost = matching + looked / 16
        return try state(isAtLeast: min(cost, 50_000)) && cost <= 200_000
    }

    private func state(isAtLeast least: Int) throws -> Bool {
        var scan = RangeScan(snapshot, filter.topics, levels: levels(snapshot.visible), after: nil, inline: -1)
        while scan.looked < least {
            guard try scan.next(looking: least) != nil || scan.isPaused else { return false }
        }
        return true
    }

    private func levels(_ revision: Revision) -> [Level] { snapshot.branches.levels(of: branch, at: revision) }

    // MARK: Pages

    func page(at token: PageToken) throws -> PullPage {
        let target = try snapshot.checked(token.target)
        switch token.content {
        case .snapshot(let after): return try snapshot(at: target, after: after)
        case .changes(let base, let after):
            let base = try snapshot.checked(base)
            guard base.revision >= branch.created, .end(of: base.revision) <= after, after <= .end(of: target.revision)
            else {
                throw Refusal(.pullBroken, "the page's place does not belong to its pull")
            }
            return try changes(from: base, to: target, after: after)
        }
    }

    private func snapshot(at target: Position, after: Key?) throws -> PullPage {
        var page = PullPage(isSnapshot: true, base: .origin, target: target, records: [], next: nil)
        if filter.mode == .invalidate { return page }
        var scan = RangeScan(
            snapshot, filter.topics, levels: levels(target.revision), after: after, inline: filter.inline)
        var meter = PageMeter()
        var last = after
        while let record = try scan.next(looking: Reader.pageWork) {
            if meter.isFull {
                page.next = PageToken(content: .snapshot(after: last), target: target)
                break
            }
            meter.add(record)
            page.records.append(record)
            last = record.key
        }
        if scan.isPaused { page.next = PageToken(content: .snapshot(after: scan.last), target: target) }
        if after == nil { page.expected = page.next == nil ? page.records.count : try expected(target.revision) }
        return page
    }

    /// For progress bars: how many keys there are, those of deleted records included; 0 if it takes too long
    /// to count them.
    private func expected(_ revision: Revision) throws -> Int {
        let most = 300_000
        var keys = 0
        for level in levels(revision) {
            for topic in filter.topics.topics {
                let range = KeyRange(topic)
                keys += Int(
                    try snapshot.db.integer(
                        """
                        WITH RECURSIVE k(key) AS (
                          SELECT min(key) FROM changes WHERE branch = ?1 AND key >= ?2 AND key < ?3
                          UNION ALL
                          SELECT (SELECT min(key) FROM changes WHERE branch = ?1 AND key > k.key AND key < ?3)
                          FROM k WHERE k.key IS NOT NULL LIMIT \(most + 2))
                        SELECT count(key) FROM k
                        """, [level.branch, range.from, range.below]) ?? 0)
                if keys > most { return 0 }
            }
        }
        return keys
    }

    /// Every change of the branch itself, in order: what it inherited ended at the fork, before `base`.
    private func changes(from base: Position, to target: Position, after: LogCursor) throws -> PullPage {
        var page = PullPage(isSnapshot: false, base: base, target: target, records: [], next: nil)
        var meter = PageMeter()
        var looked = 0
        var last = after
        let cursor = try snapshot.db.rows(
            """
            SELECT \(RecordRow.columns), branch FROM changes
            WHERE position > ?2 AND position <= ?3 ORDER BY position
            """, [filter.inline, after.position, LogCursor.end(of: target.revision).position])
        while let row = try cursor.next() {
            if meter.isFull || looked >= Reader.pageWork {
                page.next = PageToken(content: .changes(base: base, after: last), target: target)
                return page
            }
            looked += 1
            last = LogCursor(position: try row[0])
            guard try row[RecordRow.columnCount] as Int64 == branch.id,
                filter.topics.matches(Key(unchecked: try row[1]))
            else { continue }
            var record = try RecordRow.record(row)
            if filter.mode == .invalidate { record = record.announced }
            meter.add(record)
            page.records.append(record)
        }
        return page
    }
}
