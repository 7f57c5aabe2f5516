import MembusModel

extension Reader {
    /// A page of what differs between two states.
    package func diff(_ request: GetDiff, visible: Revision) throws(Refusal) -> DiffPage {
        try all(DiffRead(request), visible: visible)
    }
}

/// A page of a diff on its way.
///
///   1. count   how many commits only one of the two states contains; of a page without a cursor
///   2. rules   policies and rights, which no merge carries: a state that contains their commits may not show them, so that
///              the walk would miss them. They are few; of a page without a cursor
///   3. walk    the changes of those commits, branch after branch, in the order of history: a key is told of at one of its
///              changes, if what it has in the two states is not the same
///
/// So a diff costs as much as was written, whatever the states hold. Keys come in no order of theirs: a page knows nothing
/// of those before it, and what it goes by outlives compaction. For the change that tells of a key is a record that one of
/// the states shows, or what is nearest to one of those that hide it: as long as both states are kept it is, too.
package struct DiffRead: StepwiseRead {
    package static let doing = "reading a diff"
    private let request: GetDiff
    private var page: DiffPage?
    private var meter: PageMeter
    /// Commits are being counted: where. `nil`: that is done.
    private var counted: DiffCursor?
    private var hasCounted: Bool
    private var hasToldRules: Bool
    /// How far the walk is.
    private var cursor: DiffCursor?
    private var work = 0
    private let pageWork: Int

    /// - Parameter pageWork: a page that finds little looks at about so many changes.
    package init(_ request: GetDiff, pageWork: Int = Reader.pageWork) {
        self.request = request
        self.pageWork = pageWork
        cursor = request.cursor
        hasCounted = request.cursor != nil
        hasToldRules = request.cursor != nil
        meter = PageMeter(records: min(request.limit > 0 ? request.limit : 1000, 10_000))
    }

    package mutating func step(_ snapshot: StoreSnapshot, looking most: Int) throws -> DiffPage? {
        var page: DiffPage
        if let begun = self.page.take() {
            page = begun
        } else {
            page = try begin(in: snapshot)
        }
        let (from, to) = try (
            Side(page.fromBranch ?? request.from.branch, page.from.revision, in: snapshot),
            Side(page.toBranch ?? request.to.branch, page.to.revision, in: snapshot)
        )
        for side in [from, to] { _ = try snapshot.unswept(side.revision, on: side.branch) }
        let spans = from.contained.apart(from: to.contained)
        var left = most
        if !hasCounted {
            hasCounted = try count(spans, between: from, to, into: &page, left: &left, in: snapshot)
            if !hasCounted {
                self.page = page
                return nil
            }
        }
        if request.isSummary { return page }
        var walk = DiffWalk(snapshot, request, spans, from, to, page, meter, at: cursor, most: max(2, left))
        if !hasToldRules { try walk.tellRules() }
        hasToldRules = true
        let ended = try walk.run()
        (meter, cursor, page) = (walk.meter, walk.cursor, walk.page)
        work += walk.looked
        switch ended {
        case .whole: return page
        case .pageIsFull:
            page.next = cursor
            return page
        case .pieceIsDone:
            if work >= pageWork, cursor != request.cursor {
                page.next = cursor
                return page
            }
            self.page = page
            return nil
        }
    }

    private func begin(in snapshot: StoreSnapshot) throws -> DiffPage {
        func position(_ state: BranchState) throws -> (BranchName, Position) {
            let (branch, revision) = try snapshot.revision(of: state)
            // Later pages go on with their states, as long as nothing that those show was swept.
            return try (
                branch.name,
                request.cursor == nil
                    ? snapshot.position(revision, on: branch) : snapshot.unswept(revision, on: branch)
            )
        }
        let (from, to) = try (position(request.from), position(request.to))
        return DiffPage(from: from.1, to: to.1, fromBranch: from.0, toBranch: to.0)
    }

    // MARK: Counting

    private mutating func count(
        _ spans: [BranchSpan], between from: Side, _ to: Side, into page: inout DiffPage, left: inout Int,
        in snapshot: StoreSnapshot
    ) throws -> Bool {
        var standing: Standing
        if let begun = page.standing {
            standing = begun
        } else {
            let reader = VersionReader(db: snapshot.db, branches: snapshot.branches, now: .never)
            let common = Contained(common: from.contained, to.contained)
            let heads = try reader.heads(of: common, first: from.levels)
            left -= 1 + common.upTo.pieceCount
            standing = Standing(
                common: heads.map { BranchState($0.branch.name, at: $0.revision) }, onlyFrom: 0, onlyTo: 0)
        }
        defer { page.standing = standing }
        for span in spans {
            let name = try snapshot.branches.name(span.branch)
            var after = span.after
            if let counted {
                guard let branch = snapshot.branches.byName[counted.branch], branch.id <= span.branch else { continue }
                if branch.id == span.branch { after = counted.place.revision }
            }
            let cursor = try snapshot.db.rows(
                "SELECT revision FROM commits WHERE branch = ? AND revision > ? AND revision <= ? ORDER BY revision",
                [span.branch, after, span.upTo])
            while let row = try cursor.next() {
                if left <= 0 { return false }
                // A row of the index is a tenth of the work that a change is.
                work += 1
                if work % 10 == 0 { left -= 1 }
                if span.isFirst { standing.onlyFrom += 1 } else { standing.onlyTo += 1 }
                counted = DiffCursor(branch: name, place: .end(of: try row[0]))
            }
        }
        work = 0
        return true
    }
}

/// One of the two states.
private struct Side {
    let branch: Branch
    let revision: Revision
    let levels: [Level]
    let contained: Contained

    init(_ name: BranchName, _ revision: Revision, in snapshot: StoreSnapshot) throws {
        let branch = try snapshot.branch(name, at: revision)
        (self.branch, self.revision) = (branch, revision)
        levels = snapshot.branches.levels(of: branch, at: revision)
        contained = Contained(branch, at: revision, among: snapshot.branches)
    }
}

/// A piece of a page.
private struct DiffWalk {
    private let snapshot: StoreSnapshot
    private let request: GetDiff
    private let spans: [BranchSpan]
    private let from: Side
    private let to: Side
    private(set) var page: DiffPage
    private(set) var meter: PageMeter
    private(set) var cursor: DiffCursor?
    /// Commits and changes.
    private(set) var looked = 0
    private let most: Int

    enum Ended { case whole, pageIsFull, pieceIsDone }

    init(
        _ snapshot: StoreSnapshot, _ request: GetDiff, _ spans: [BranchSpan], _ from: Side, _ to: Side,
        _ page: DiffPage, _ meter: PageMeter, at cursor: DiffCursor?, most: Int
    ) {
        self.snapshot = snapshot
        self.request = request
        self.spans = spans
        self.from = from
        self.to = to
        self.page = page
        self.meter = meter
        self.cursor = cursor
        self.most = most
    }

    mutating func tellRules() throws {
        var keys: Set<Key> = []
        for topic in Key.ruleTopics {
            let range = KeyRange(topic)
            for level in from.levels + to.levels {
                let rows = try snapshot.db.rows(
                    "SELECT DISTINCT key FROM changes WHERE branch = ? AND key >= ? AND key < ? LIMIT ?",
                    [level.branch, range.from, range.below, Self.mostRules])
                while let row = try rows.next() { keys.insert(Key(unchecked: try row[0])) }
            }
        }
        for key in keys.sorted() where request.filter.matches(key) {
            looked += 1
            let old = try NewestVersion.found(snapshot.db, key.text, from.levels)
            let new = try NewestVersion.found(snapshot.db, key.text, to.levels)
            if old?.place != new?.place, try toldAt(key, old, new) == nil { try tell(key) }
        }
    }
    private static let mostRules = 1000

    mutating func run() throws -> Ended {
        for span in spans {
            var start = LogCursor.end(of: span.after)
            if let cursor {
                guard let branch = snapshot.branches.byName[cursor.branch] else {
                    throw Refusal.unknownBranch(cursor.branch)
                }
                if branch.id > span.branch { continue }
                if branch.id == span.branch { start = max(start, cursor.place) }
            }
            let ended = try walk(span, from: start)
            guard ended == .whole else { return ended }
        }
        return .whole
    }

    private mutating func walk(_ span: BranchSpan, from start: LogCursor) throws -> Ended {
        guard start < .end(of: span.upTo) else { return .whole }
        let name = try snapshot.branches.name(span.branch)
        // From within a commit, or behind it.
        let first = start.ordinal == .max ? start.revision + 1 : start.revision
        let commits = try snapshot.db.rows(
            "SELECT revision FROM commits WHERE branch = ? AND revision >= ? AND revision <= ? ORDER BY revision",
            [span.branch, first, span.upTo])
        while let row = try commits.next() {
            if meter.isFull { return .pageIsFull }
            if looked >= most { return .pieceIsDone }
            looked += 1
            let revision: Revision = try row[0]
            let after = max(start, .end(of: revision - 1))
            let changes = try snapshot.db.rows(
                "SELECT position, key FROM changes WHERE position > ? AND position <= ? ORDER BY position",
                [after.position, LogCursor.end(of: revision).position])
            while let change = try changes.next() {
                if meter.isFull { return .pageIsFull }
                if looked >= most { return .pieceIsDone }
                looked += 1
                let place = LogCursor(position: try change[0])
                try look(at: Key(unchecked: try change[1]), place)
                cursor = DiffCursor(branch: name, place: place)
            }
            cursor = DiffCursor(branch: name, place: .end(of: revision))
        }
        return .whole
    }

    private mutating func look(at key: Key, _ place: LogCursor) throws {
        guard request.filter.matches(key) else { return }
        looked += (from.levels.count + to.levels.count) / 4
        let old = try NewestVersion.found(snapshot.db, key.text, from.levels)
        let new = try NewestVersion.found(snapshot.db, key.text, to.levels)
        guard old?.place != new?.place, try toldAt(key, old, new) == place else { return }
        try tell(key)
    }

    private mutating func tell(_ key: Key) throws {
        let before = try record(key, from)
        let after = try record(key, to)
        let bytes = (before?.footprint ?? 0) + (after?.footprint ?? 0)
        looked += bytes / 4096
        switch (before, after) {
        case (nil, nil): return
        case (let before?, let after?) where before.saysTheSame(as: after): return
        case (_, _): break
        }
        meter.add(bytes: bytes)
        page.differences.append(
            Difference(
                key: key, from: request.keysOnly ? before?.announced : before,
                to: request.keysOnly ? after?.announced : after))
    }

    /// The one change that tells of a key: the record that the first state shows, if the second does not contain it; else the
    /// one that the second shows, if the first does not; else what hides the record that both contain.
    private func toldAt(_ key: Key, _ old: VersionPlace?, _ new: VersionPlace?) throws -> LogCursor? {
        let (before, after) = (old.flatMap { $0.isDeletion ? nil : $0 }, new.flatMap { $0.isDeletion ? nil : $0 })
        if let before, !to.contained.contains(before) { return before.place }
        if let after, !from.contained.contains(after) { return after.place }
        let hiding: VersionPlace?
        if let before {
            hiding = try hides(before, of: key, in: to)
        } else {
            hiding = try after.flatMap { try hides($0, of: key, in: from) }
        }
        for version in [hiding, new, old].compactMap(\.self) where isApart(version) { return version.place }
        // Merges bring what is on no branch of either line: the newest that they brought.
        for span in spans {
            let newest = try NewestVersion.found(
                snapshot.db, key.text, CollectionOfOne(Level(branch: span.branch, upTo: span.upTo)))
            if let newest, isApart(newest) { return newest.place }
        }
        return nil
    }

    /// Only one of the two states contains it.
    private func isApart(_ version: VersionPlace) -> Bool {
        from.contained.contains(version) != to.contained.contains(version)
    }

    /// What is nearest to a record of those that hide it in a state which contains it and does not show it: a newer version on
    /// its branch, else the newest on the next branch that has one. Nearer to the state there may be more, and what only
    /// repeats that there is nothing is swept.
    private func hides(_ record: VersionPlace, of key: Key, in side: Side) throws -> VersionPlace? {
        guard let own = side.levels.firstIndex(where: { $0.branch == record.branch }) else { return nil }
        for level in side.levels[...own].reversed() {
            let found = try NewestVersion.found(snapshot.db, key.text, CollectionOfOne(level))
            if let found, found.place != record.place { return found }
        }
        return nil
    }

    private func record(_ key: Key, _ side: Side) throws -> Record? {
        let record = try NewestVersion.record(snapshot.db, key, side.levels)
        return record?.isDeleted == true ? nil : record
    }
}
