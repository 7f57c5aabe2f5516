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
        try all(PullRead(filter, from: from, atLeast: atLeast, page: page, of: lineage), visible: visible)
    }
}

/// A page of a pull on its way:
///
///     weigh the changes ─▶ weigh the state ─▶ read the page ─▶ [a first page that is not the last: count the keys]
///       └─ which kind it is, is known at once ─▶┘
package struct PullRead: StepwiseRead {
    package static let doing = "reading a pull"

    private enum Stage {
        case begun
        case changesWeighed(Weighing)
        /// Whether the state holds as many keys as the changes after `base` cost.
        case stateWeighed(base: Position, cost: Int, ScanPlace, keys: Int)
        case read(Reading)
        case counted(Counting, PullPage)
    }

    /// What the changes after a cut would cost, from a bounded look at them.
    private struct Weighing {
        let base: Position
        let target: Revision
        var reached: LogCursor
        var looked = 0
        var matching = 0
    }

    private struct Reading {
        let isFirst: Bool
        let token: PageToken
        var page: PullPage
        var meter = PageMeter()
        var looked = 0
        /// In a snapshot.
        var place = ScanPlace()
        /// In the changes.
        var last: LogCursor
    }

    /// Keys that a state has, those of deleted records included.
    private struct Counting {
        var passed = 0
        var after: String?
        var keys = 0
    }

    private let filter: PullFilter
    private let from: Token?
    private let atLeast: Revision
    private let asked: PageToken?
    private let lineage: Lineage
    private var stage = Stage.begun

    /// - Parameter lineage: the store's.
    package init(_ filter: PullFilter, from: Token?, atLeast: Revision, page: PageToken?, of lineage: Lineage) {
        self.filter = filter
        self.from = from
        self.atLeast = atLeast
        self.lineage = lineage
        asked = page
    }

    package mutating func step(_ snapshot: StoreSnapshot, looking most: Int) throws -> PullPage? {
        let pull = Pulled(snapshot: snapshot, filter: filter, branch: try snapshot.branch(filter.branch))
        // The stages that need no look at rows pass at once.
        while true {
            switch stage {
            case .begun: try begin(pull)
            case .changesWeighed(let weighing):
                try weigh(weighing, pull, most)
                return nil
            case .stateWeighed(let base, let cost, let place, let keys):
                try weighState(pull, against: cost, after: base, from: place, keys, most)
                if case .stateWeighed = stage { return nil }
            case .read(let reading): return try read(reading, pull, most)
            case .counted(let counting, let page): return try count(counting, for: page, pull, most)
            }
        }
    }

    // MARK: Which kind

    private mutating func begin(_ pull: Pulled) throws {
        if let from, from.lineage != lineage {
            throw Refusal(.historyDiffers, "lineage \(from.lineage) is not this store's, \(lineage)")
        }
        if atLeast > pull.snapshot.visible {
            throw Refusal(
                .notYetVisible, "revision \(atLeast) is not visible yet: \(pull.snapshot.visible) is")
        }
        if let asked { return try begin(asked, isFirst: false, pull) }
        let target = try pull.snapshot.position(pull.snapshot.visible)
        guard let base = try pull.base(of: from?.position) else { return try beginSnapshot(pull) }
        let length = target.revision - base.revision
        if length <= 500 || filter.mode == .invalidate && length <= Int64(Reader.pageWork) {
            return try beginChanges(after: base, pull)
        }
        // The state of an invalidate stream is nothing at all.
        if filter.mode == .invalidate { return try beginSnapshot(pull) }
        stage = .changesWeighed(
            Weighing(base: base, target: target.revision, reached: .end(of: base.revision)))
    }

    private mutating func weigh(_ weighing: Weighing, _ pull: Pulled, _ most: Int) throws {
        var weighing = weighing
        let some = min(max(1, most), Reader.pageWork - weighing.looked)
        let seen = try pull.weigh(some, after: weighing.reached, upTo: weighing.target)
        weighing.looked += seen.looked
        weighing.matching += seen.matching
        weighing.reached = seen.reached ?? weighing.reached
        if seen.looked == some, weighing.looked < Reader.pageWork {
            stage = .changesWeighed(weighing)
            return
        }
        var (looked, matching) = (weighing.looked, weighing.matching)
        if looked >= Reader.pageWork {
            let base = weighing.base.revision
            let factor = Int(max(1, (weighing.target - base) / max(1, weighing.reached.revision - base)))
            (looked, matching) = (looked * factor, matching * factor)
        }
        // A change that only has to be passed over costs a sixteenth of one that is sent.
        let cost = matching + looked / 16
        if cost > 200_000 {
            try beginSnapshot(pull)
        } else {
            stage = .stateWeighed(base: weighing.base, cost: min(cost, 50_000), ScanPlace(), keys: 0)
        }
    }

    private mutating func weighState(
        _ pull: Pulled, against cost: Int, after base: Position, from place: ScanPlace, _ known: Int, _ most: Int
    ) throws {
        var scan = try RangeScan(
            pull.snapshot, filter.topics, levels: pull.levels(pull.snapshot.visible), from: place, inline: -1)
        while known + scan.keys < cost, try scan.next(upTo: most) != nil {}
        let keys = known + scan.keys
        if keys >= cost {
            try beginChanges(after: base, pull)
        } else if scan.isPaused {
            stage = .stateWeighed(base: base, cost: cost, scan.place, keys: keys)
        } else {
            try beginSnapshot(pull)
        }
    }

    private mutating func beginSnapshot(_ pull: Pulled) throws {
        let target = try pull.snapshot.position(pull.snapshot.visible)
        try begin(PageToken(content: .snapshot(after: nil), target: target), isFirst: true, pull)
    }

    private mutating func beginChanges(after base: Position, _ pull: Pulled) throws {
        let target = try pull.snapshot.position(pull.snapshot.visible)
        let content = PageToken.Content.changes(base: base, after: .end(of: base.revision))
        try begin(PageToken(content: content, target: target), isFirst: true, pull)
    }

    // MARK: Pages

    private mutating func begin(_ token: PageToken, isFirst: Bool, _ pull: Pulled) throws {
        let target = try pull.snapshot.checked(token.target)
        switch token.content {
        case .snapshot(let after):
            let page = PullPage(isSnapshot: true, base: .origin, target: target, records: [], next: nil)
            stage = .read(
                Reading(
                    isFirst: isFirst, token: token, page: page, place: ScanPlace(after: after),
                    last: .end(of: target.revision)))
        case .changes(let base, let after):
            let base = try pull.snapshot.checked(base)
            guard base.revision >= pull.branch.created, .end(of: base.revision) <= after,
                after <= .end(of: target.revision)
            else {
                throw Refusal(.pullBroken, "the page's place does not belong to its pull")
            }
            let page = PullPage(isSnapshot: false, base: base, target: target, records: [], next: nil)
            stage = .read(Reading(isFirst: isFirst, token: token, page: page, last: after))
        }
    }

    private mutating func read(_ reading: Reading, _ pull: Pulled, _ most: Int) throws -> PullPage? {
        // What was found is in one place only, so that it is not copied.
        stage = .begun
        var reading = reading
        _ = try pull.snapshot.checked(reading.token.target)
        let isDone: Bool
        if reading.page.isSnapshot {
            isDone = try readState(&reading, pull, most)
        } else {
            // The floor may have passed it since the piece before.
            _ = try pull.snapshot.checked(reading.page.base)
            isDone = try readChanges(&reading, pull, most)
        }
        guard isDone else {
            stage = .read(reading)
            return nil
        }
        var page = reading.page
        guard page.isSnapshot, reading.isFirst, filter.mode != .invalidate else { return page }
        if page.next == nil {
            page.expected = page.records.count
            return page
        }
        stage = .counted(Counting(), page)
        return nil
    }

    /// - Returns: whether the page is whole.
    private func readState(_ reading: inout Reading, _ pull: Pulled, _ most: Int) throws -> Bool {
        if filter.mode == .invalidate { return true }
        let target = reading.page.target
        var scan = try RangeScan(
            pull.snapshot, filter.topics, levels: pull.levels(target.revision), from: reading.place,
            inline: filter.inline)
        while let record = try scan.next(upTo: most) {
            reading.meter.add(record)
            reading.page.records.append(record)
            if reading.meter.isFull {
                reading.page.next = PageToken(content: .snapshot(after: record.key), target: target)
                return true
            }
        }
        guard scan.isPaused else { return true }
        reading.looked += scan.work
        reading.place = scan.place
        guard reading.looked >= Reader.pageWork, let last = scan.place.after else { return false }
        reading.page.next = PageToken(content: .snapshot(after: last), target: target)
        return true
    }

    /// Every change of the branch itself, in order: what it inherited ended at the fork, before `base`.
    private func readChanges(_ reading: inout Reading, _ pull: Pulled, _ most: Int) throws -> Bool {
        let (base, target) = (reading.page.base, reading.page.target)
        let cursor = try pull.snapshot.db.rows(
            """
            SELECT \(RecordRow.columns), branch FROM changes
            WHERE position > ?2 AND position <= ?3 ORDER BY position
            """, [filter.inline, reading.last.position, LogCursor.end(of: target.revision).position])
        var left = max(1, most)
        while let row = try cursor.next() {
            if reading.meter.isFull || reading.looked >= Reader.pageWork {
                reading.page.next = PageToken(content: .changes(base: base, after: reading.last), target: target)
                return true
            }
            if left == 0 { return false }
            left -= 1
            reading.looked += 1
            reading.last = LogCursor(position: try row[0])
            guard try row[RecordRow.columnCount] as Int64 == pull.branch.id,
                filter.topics.matches(Key(unchecked: try row[1]))
            else {
                continue
            }
            var record = try RecordRow.record(row)
            if filter.mode == .invalidate { record = record.announced }
            reading.meter.add(record)
            reading.page.records.append(record)
        }
        return true
    }

    // MARK: Progress

    /// For progress bars: how many keys there are, those of deleted records included; 0 if it takes too long
    /// to count them.
    private mutating func count(
        _ counting: Counting, for page: PullPage, _ pull: Pulled, _ most: Int
    ) throws -> PullPage? {
        var (counting, page) = (counting, page)
        stage = .begun
        let levels = pull.levels(page.target.revision)
        var left = max(1, most)
        while counting.passed < levels.count * filter.topics.topics.count {
            if left <= 0 || counting.keys > Self.mostCounted { break }
            let level = levels[counting.passed / filter.topics.topics.count]
            let topic = filter.topics.topics[counting.passed % filter.topics.topics.count]
            let (keys, last) = try pull.count(left, on: level, topic, after: counting.after)
            counting.keys += keys
            let isPaused = keys == left
            left -= keys + 1
            if isPaused {
                counting.after = last
            } else {
                (counting.passed, counting.after) = (counting.passed + 1, nil)
            }
        }
        if counting.keys <= Self.mostCounted, counting.passed < levels.count * filter.topics.topics.count {
            stage = .counted(counting, page)
            return nil
        }
        page.expected = counting.keys > Self.mostCounted ? 0 : counting.keys
        return page
    }

    private static let mostCounted = 300_000
}

/// A state of the file as a pull sees it.
private struct Pulled {
    let snapshot: StoreSnapshot
    let filter: PullFilter
    let branch: Branch

    func levels(_ revision: Revision) -> [Level] { snapshot.branches.levels(of: branch, at: revision) }

    /// The cut that changes may start from; `nil`: only a snapshot will do.
    func base(of cut: Position?) throws -> Position? {
        guard let cut else { return nil }
        if cut.revision > snapshot.visible {
            throw Refusal(.historyDiffers, "\(cut) lies beyond the head, \(snapshot.visible): it is of another history")
        }
        // Changes after it may be gone; that it is of this history its hash still tells, which outlives them.
        if cut.revision < snapshot.floor {
            if try snapshot.isOfThisHistory(cut) == false {
                throw Refusal(.historyDiffers, "\(cut) is not a place in this history")
            }
            return nil
        }
        let base = try snapshot.checked(cut)
        return base.revision >= branch.created ? base : nil
    }

    /// How many of some changes are the stream's.
    func weigh(
        _ most: Int, after: LogCursor, upTo target: Revision
    ) throws -> (looked: Int, matching: Int, reached: LogCursor?) {
        var (looked, matching) = (0, 0)
        var reached: LogCursor?
        let cursor = try snapshot.db.rows(
            "SELECT position, branch, key FROM changes WHERE position > ? AND position <= ? ORDER BY position LIMIT ?",
            [after.position, LogCursor.end(of: target).position, most])
        while let row = try cursor.next() {
            looked += 1
            reached = LogCursor(position: try row[0])
            if try row[1] as Int64 == branch.id, filter.topics.matches(Key(unchecked: try row[2])) { matching += 1 }
        }
        return (looked, matching, reached)
    }

    /// - Returns: how many keys there are, at most so many, and the last of them.
    func count(_ most: Int, on level: Level, _ topic: Topic, after: String?) throws -> (keys: Int, last: String?) {
        let range = KeyRange(topic)
        return try snapshot.db.first(
            """
            WITH RECURSIVE k(key) AS (
              SELECT min(key) FROM changes WHERE branch = ?1 AND key \(after == nil ? ">=" : ">") ?2 AND key < ?3
              UNION ALL
              SELECT (SELECT min(key) FROM changes WHERE branch = ?1 AND key > k.key AND key < ?3)
              FROM k WHERE k.key IS NOT NULL LIMIT ?4)
            SELECT count(key), max(key) FROM k
            """, [level.branch, after ?? range.from, range.below, most]
        ) { (try $0[0], try $0[1]) } ?? (0, nil)
    }
}
