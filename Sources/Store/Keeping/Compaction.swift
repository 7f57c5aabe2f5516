import MembusModel

// Dropping history, in small steps between commits:
//
//   1. The floor rises, with the hash of its commit, as an item of a batch. From then on reads below it are refused.
//   2. The sweep walks the changes from the last sweep's end to the floor, in the order of history. Each
//      change supersedes the versions of its key before it on its branch: those that nothing looks at go.
//      What looks at a version: reads at the floor or above, forks and tags, each at its revision; and a later version
//      that is told by what it changed of it (SplicedValues).
//   3. A deletion that hides nothing goes too: no older version is left on its branch, and the parent
//      showed nothing at the fork. But once branches are merged, only if all of them contain it: one that has what was
//      deleted, by a merge, learns of it by the next.
//   4. Of each key the place of the newest change that was dropped is noted (DroppedPlaces): it tells those who read the log
//      below the floor whether they would miss something.
//   5. The hashes of the span are put into the archive, and a commit goes when none of its changes is left. (One that
//      has some stays, as the author of what is still there.)
//
// What holds history may go, too: a tag, or a branch.
//
//   6. Once the floor has passed the commit that deleted a branch, all of it goes that no fork, tag or merge looks at, its
//      newest versions among it. (Up to then the log tells of it.)
//   7. What such a branch, or a tag that was taken away, had held of others goes: the span that was swept before is walked
//      again, from where it held something (SecondSweep).
//
// A crash between steps loses nothing: the sweep goes on where `meta` says. Reads at the floor and above
// are exact at every moment; only a deletion's revision may turn to 0, "never had a record".
//
// Example, floor rising to 7, with a fork at 3:
//   r2 put a   kept: the fork looks at it
//   r5 put a   dropped: superseded by r7, and nobody looks at 5 or 6
//   r7 put a   kept: what the floor shows

extension Writer {
    /// Drops a bounded piece of what the floor has passed, then of the notes that are to go; then gives back space.
    /// - Parameter revision: somebody reads as of this state: what it shows stays. `nil`: nobody does.
    /// - Returns: whether more is to be done.
    package func sweep(budget: Int = 500, upTo revision: Revision? = nil) throws(StoreError) -> Bool {
        let swept: Bool = try transaction("compacting") { db in
            var sweep = Sweep(db: db, state: state, most: revision ?? .max, known: pinsKnown)
            var step = try sweep.step(budget: max(1, budget))
            if !step.more { step = try sweep.again(budget: max(1, budget), hasDropped: step.hasDropped) }
            return (more: step.more, evicted: sweep.evicted)
        } then: { step, _ in
            for version in step.evicted { evicted.add(version.key, bytes: version.bytes) }
            return step.more
        }
        if swept { return true }
        if try dropNotes(budget: max(1, budget)) { return true }
        if try connection.perform("migrating the store", { try Migrator().step($0) }) { return true }
        return try giveBackSpace()
    }

    private func dropNotes(budget: Int) throws(StoreError) -> Bool {
        guard notesToDrop else { return false }
        return try transaction("dropping notes") { db in
            try NoteRow.drop(before: state.notesForgotten, most: budget, in: db)
        } then: { more, _ in
            notesToDrop = more
            return more
        }
    }
}

/// What is looked at, as found out last: with thousands of branches it takes longer than a step of sweeping.
final class KnownPins {
    struct Key: Equatable {
        let branches: Int
        let floor: Revision
        let tags, lastTag: Int64
    }
    private var pins: (key: Key, pins: [Int64: [Revision]])?
    private var inAll: (branches: Int, contained: BranchVector)?

    func forget() { (pins, inAll) = (nil, nil) }

    func pins(_ key: Key, _ find: () throws -> [Int64: [Revision]]) rethrows -> [Int64: [Revision]] {
        if let pins, pins.key == key { return pins.pins }
        let found = try find()
        pins = (key, found)
        return found
    }

    /// What every branch contains.
    func inAll(of branches: BranchTable) -> BranchVector {
        if let inAll, inAll.branches == branches.changes { return inAll.contained }
        let found = branches.containedInAll
        inAll = (branches.changes, found)
        return found
    }
}

private struct Sweep {
    let db: Database
    let state: WriterState
    /// Not beyond this revision.
    let most: Revision
    /// What has gone for want of space.
    private(set) var evicted: [(key: Key, bytes: Int64)] = []
    private let known: KnownPins

    init(db: Database, state: WriterState, most: Revision, known: KnownPins) {
        self.db = db
        self.state = state
        self.most = most
        self.known = known
    }

    private struct Swept {
        var place: LogCursor
        var branch: Int64
        var key: String
        var isDeletion: Bool
    }

    mutating func step(budget: Int) throws -> (more: Bool, hasDropped: Bool) {
        let start = LogCursor(position: try Meta.integer(db, .swept) ?? 0)
        let end = LogCursor.end(of: min(state.floor, most))
        guard start < end else { return (false, false) }
        let changes = try changes(from: start, to: end, budget)
        let isLast = changes.count < budget
        let reached = isLast ? end : changes.last?.place ?? end
        try HashArchive.keep(db, from: start.revision, to: reached.revision)
        let hasDropped = try drop(changes)
        try dropEmptyCommits(from: start.revision, to: reached.revision)
        try Meta.set(db, .swept, reached.position)
        for branch in state.branches.all {
            guard let deleted = branch.deleted, start.revision < deleted, deleted <= reached.revision else { continue }
            try SecondSweep.begin(db, from: state.branches.oldestHeld(by: branch))
        }
        return (!isLast, hasDropped)
    }

    /// A piece of the second walk, up to where the first one is.
    mutating func again(budget: Int, hasDropped: Bool) throws -> (more: Bool, hasDropped: Bool) {
        guard let reached = try Meta.integer(db, .sweptAgain) else { return (false, hasDropped) }
        let (start, end) = (LogCursor(position: reached), LogCursor(position: try Meta.integer(db, .swept) ?? 0))
        // It waits for those who read an older state.
        guard end <= .end(of: most) else { return (false, hasDropped) }
        let changes = start < end ? try changes(from: start, to: end, budget) : []
        let dropped = try drop(changes)
        let more = changes.count == budget
        if more, let last = changes.last {
            try Meta.set(db, .sweptAgain, last.place.position)
        } else {
            try Meta.remove(db, .sweptAgain)
        }
        return (more, hasDropped || dropped)
    }

    private mutating func drop(_ changes: [Swept]) throws -> Bool {
        if changes.isEmpty { return false }
        let pins = try pins()
        var dropped: [(branch: Int64, key: String, place: LogCursor)] = []
        for change in changes {
            let pins = pins[change.branch] ?? []
            // Before those that it is told by.
            let isGone = try dropOfDeletedBranch(change, pins: pins)
            var gone = try dropVersions(before: change, pins: pins)
            if try isGone || change.isDeletion && dropDeletionThatHidesNothing(change) { gone.append(change.place) }
            dropped += gone.map { (change.branch, change.key, $0) }
        }
        try DroppedRow.note(db, dropped)
        return !dropped.isEmpty
    }

    /// The newest version of its key on a branch that is gone, and that nobody looks at.
    private mutating func dropOfDeletedBranch(_ change: Swept, pins: [Revision]) throws -> Bool {
        guard let deleted = state.branches.byID[change.branch]?.deleted, deleted <= min(state.floor, most),
            pins.last ?? 0 < change.place.revision
        else { return false }
        let newer = try db.integer(
            "SELECT 1 FROM changes WHERE branch = ? AND key = ? AND position > ? LIMIT 1",
            [change.branch, change.key, change.place.position])
        guard newer == nil, try !SplicedValues(db: db).isBase(change.place) else { return false }
        try drop(change.place)
        return true
    }

    private func changes(from start: LogCursor, to end: LogCursor, _ budget: Int) throws -> [Swept] {
        let cursor = try db.rows(
            """
            SELECT position, branch, key, kind IS NULL FROM changes
            WHERE position > ? AND position <= ? ORDER BY position LIMIT ?
            """, [start.position, end.position, budget])
        var changes: [Swept] = []
        while let row = try cursor.next() {
            changes.append(
                Swept(
                    place: LogCursor(position: try row[0]), branch: try row[1], key: try row[2], isDeletion: try row[3])
            )
        }
        return changes
    }

    private func pins() throws -> [Int64: [Revision]] {
        // Tags are never changed.
        let tags = try db.first("SELECT count(*), ifnull(max(created), 0) FROM tags") { row -> [Int64] in
            [try row[0], try row[1]]
        }
        let key = KnownPins.Key(
            branches: state.branches.changes, floor: state.floor, tags: tags?[0] ?? 0, lastTag: tags?[1] ?? 0)
        return try known.pins(key) { state.branches.pins(tags: try self.tags(), floor: state.floor) }
    }

    private func tags() throws -> [(branch: Int64, revision: Revision)] {
        let cursor = try db.rows("SELECT branch, revision FROM tags")
        var tags: [(branch: Int64, revision: Revision)] = []
        while let row = try cursor.next() { tags.append((try row[0], try row[1])) }
        return tags
    }

    /// - Returns: what is gone.
    private mutating func dropVersions(before change: Swept, pins: [Revision]) throws -> [LogCursor] {
        var newer = change.place.revision
        var dropped: [LogCursor] = []
        let cursor = try db.rows(
            "SELECT position FROM changes WHERE branch = ? AND key = ? AND position < ? ORDER BY position DESC",
            [change.branch, change.key, change.place.position])
        while let row = try cursor.next() {
            let place = LogCursor(position: try row[0])
            // Seen by whoever looks at a revision from its own up to the one before the next version's.
            if !pins.hasOne(from: place.revision, below: newer) { dropped.append(place) }
            newer = place.revision
        }
        // The newest first: what goes is no base any more.
        let spliced = SplicedValues(db: db)
        var gone: [LogCursor] = []
        let isForSpace = state.forSpace?.contains(change.place.revision) ?? false
        for place in dropped where try !spliced.isBase(place) {
            if isForSpace { evicted.append((Key(unchecked: change.key), try storedBytes(place))) }
            try drop(place)
            gone.append(place)
        }
        return gone
    }

    /// - Returns: whether it is gone.
    private mutating func dropDeletionThatHidesNothing(_ change: Swept) throws -> Bool {
        let older = try db.integer(
            "SELECT position FROM changes WHERE branch = ? AND key = ? AND position < ? LIMIT 1",
            [change.branch, change.key, change.place.position])
        guard older == nil, let branch = state.branches.byID[change.branch], isContainedInAll(change) else {
            return false
        }
        let inherited = state.branches.levels(of: branch, at: state.head.revision).dropFirst()
        if let place = try NewestVersion.place(db, change.key, inherited),
            try db.integer("SELECT kind IS NULL FROM changes WHERE position = ?", [place.position]) == 0
        {
            return false
        }
        try drop(change.place)
        return true
    }

    private func isContainedInAll(_ change: Swept) -> Bool {
        if state.branches.mergeCount == 0 { return true }
        return known.inAll(of: state.branches)[change.branch] >= change.place.revision
    }

    /// Of the value, which may be told by what it changed of another one.
    private func storedBytes(_ place: LogCursor) throws -> Int64 {
        try db.integer("SELECT ifnull(length(value), 0) FROM changes WHERE position = ?", [place.position]) ?? 0
    }

    private func drop(_ place: LogCursor) throws {
        try db.run("DELETE FROM spliced WHERE position = ?", [place.position])
        try db.run("DELETE FROM changes WHERE position = ?", [place.position])
        try dropEmptyCommits(from: place.revision, to: place.revision)
    }

    private func dropEmptyCommits(from first: Revision, to last: Revision) throws {
        let span: Arguments = [first, last]
        try db.run(
            """
            DELETE FROM commits WHERE revision >= ? AND revision <= ?
            AND NOT EXISTS (SELECT 1 FROM changes WHERE position >= revision << 20 AND position < (revision + 1) << 20)
            """, span)
        try BareCommits.dropGone(db, from: first, to: last)
    }
}
