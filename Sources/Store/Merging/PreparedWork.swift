import MembusModel

// A merge, rollback, revert, pick or quarantine is planned by a reader before it is committed, so that others do not wait for
// it. The thread that commits looks at what has come since on the branch that it writes to:
//
//   nothing that the plan hangs on     it is written as it was planned
//   anything else                      it is planned anew, in the state that it is written in (WorkPlanner)
//
// The plan hangs on what its branch shows and contains, on its own source as of a revision that is fixed with the plan, on
// what derives from what it undoes, and on what has not ended yet. So of the commits that have come since, only these count: any
// on the branch that write a key which the plan looked at, or that are themselves more than plain changes; and whatever derives.
// Once anything that it looked at has ended, it is planned anew.

/// Planned by one thread, and handed to the one that commits.
// @unchecked: used by one thread at a time, each of which lets go of it when it hands it on.
package final class PreparedWork: @unchecked Sendable {
    enum Found {
        case planned(PlannedWork)
        /// It is too much, which it would be a moment later, too.
        case refused(Refusal)
    }
    let found: Found
    /// As of which revision.
    let head: Revision
    let floor: Revision
    let walk: ImpactWalk
    /// When the first of what it looked at ends.
    let end: Timestamp?

    /// More commits than this are not looked at one by one.
    fileprivate static let mostCommits = 1000
    fileprivate static let mostLookedAt = 50_000

    init(_ found: Found, head: Revision, floor: Revision, walk: ImpactWalk, end: Timestamp?) {
        self.found = found
        self.end = end
        self.head = head
        self.floor = floor
        self.walk = walk
    }
}

/// Which commits on its branch have a plan be another one.
enum PlanTouches {
    case any
    case keys(Set<Key>)
    case matching(TopicFilter)

    func has(_ key: Key) -> Bool {
        // Policies, conflicts that were left for later, and whatever else steers.
        if key.text.utf8.starts(with: ".membus/".utf8) { return true }
        return switch self {
        case .any: true
        case .keys(let keys): keys.contains(key)
        case .matching(let filter): filter.matches(key)
        }
    }
}

/// When the first of what was looked at ends.
final class Ends {
    private(set) var first: Timestamp?

    func note(_ end: Timestamp) { first = first.map { min($0, end) } ?? end }
}

/// How far the search for what derives from something has come: it goes on there.
final class ImpactWalk {
    private var read: ImpactRead?
    private var request: GetImpact?
    private var isUsed = false
    /// Of what was found when the work was planned.
    private(set) var plannedWritten: Int?

    /// - Returns: what derives, and itself; `nil`: there is more to look at.
    func written(_ request: GetImpact, in snapshot: StoreSnapshot, looking most: Int) throws -> Set<VersionName>? {
        var read = self.request == request ? self.read ?? ImpactRead(request) : ImpactRead(request)
        self.read = nil
        self.request = request
        isUsed = true
        let isDone = try read.reach(snapshot, looking: most)
        let written = read.written
        self.read = read
        return isDone ? written : nil
    }

    /// The plan is made.
    func remember() { plannedWritten = read?.written.count }

    /// Whether what has come since derives from nothing of it.
    func isStill(in snapshot: StoreSnapshot, looking most: Int) throws -> Bool {
        // One that failed is begun anew.
        guard var read else { return !isUsed }
        self.read = nil
        let isDone = try read.reach(snapshot, looking: most)
        let count = read.written.count
        self.read = read
        return isDone && count == plannedWritten
    }
}

extension Reader {
    /// Plans ahead what is to be committed, in the newest state that is on disk.
    /// - Parameters:
    ///   - transact: whose work it is.
    ///   - now: what ends by then has ended.
    /// - Returns: `nil`: there is nothing to write, or it is refused, which is for the thread that commits to say; or its
    ///   session is not there, or knows the answer already.
    package func prepare(
        _ work: Work, of transact: Transact, limits: Limits, now: Timestamp
    ) throws(Refusal) -> PreparedWork? {
        try read("planning", visible: .max) { snapshot in
            let last = try snapshot.db.integer(
                "SELECT last FROM sessions WHERE id = ?", [transact.session.id.stored])
            guard let last, UInt64(stored: last) < transact.number else { return nil }
            let head = try snapshot.position(snapshot.visible)
            let planner = WorkPlanner(
                db: snapshot.db, branches: snapshot.branches, floor: snapshot.floor, head: head, limits: limits,
                now: now, cascades: cascades, mostLookedAt: WorkPlanner.mostLookedAtAhead)
            let found: PreparedWork.Found
            switch try planner.refusing(work) {
            case .planned(let planned): found = .planned(planned)
            case .refused(let refusal) where refusal.code == .limitExceeded: found = .refused(refusal)
            case .refused, .contained: return nil
            }
            planner.walk.remember()
            return PreparedWork(
                found, head: head.revision, floor: snapshot.floor, walk: planner.walk, end: planner.ends.first)
        }
    }
}

extension WorkPlanner {
    fileprivate func refusing(_ work: Work) throws -> Planning {
        do { return try plan(work) } catch let refusal as Refusal { return .refused(refusal) }
    }
}

extension Batch {
    /// What was planned, if it would be planned so now.
    func stillPlanned(_ prepared: PreparedWork, _ work: Work, by author: Author) throws -> PlannedWork? {
        let state = writer.state
        guard case .planned(var planned) = prepared.found else { return nil }
        guard prepared.floor == state.floor, prepared.head <= state.head.revision,
            let branch = state.branches.byName[planned.branch.name], branch.id == planned.branch.id,
            prepared.end.map({ $0 > now }) ?? true
        else { return nil }
        if case .merge(let merge) = planned.deed {
            guard (try? state.branches.mergeable(branch.name)) != nil,
                (try? state.branches.present(merge.source)) != nil
            else { return nil }
        }
        if prepared.head < state.head.revision {
            guard try isUntouched(planned, work, on: branch, since: prepared.head, by: author) else { return nil }
            let snapshot = StoreSnapshot(
                db: db, branches: state.branches, floor: state.floor, visible: state.head.revision)
            guard try prepared.walk.isStill(in: snapshot, looking: PreparedWork.mostLookedAt) else { return nil }
        }
        planned.branch = branch
        return planned
    }

    private func isUntouched(
        _ planned: PlannedWork, _ work: Work, on branch: Branch, since head: Revision, by author: Author
    ) throws -> Bool {
        // What a session has written itself before is there for what it asks for next.
        if case .merge(let merge) = work, merge.at == nil, let source = writer.state.branches.byName[merge.source] {
            let own = try db.integer(
                "SELECT 1 FROM commits WHERE branch = ? AND revision > ? AND session IS ? LIMIT 1",
                [source.id, head, author.session?.id.stored])
            if own == 1 { return false }
        }
        let commits = try db.rows(
            "SELECT revision, provenance FROM commits WHERE branch = ? AND revision > ? ORDER BY revision",
            [branch.id, head])
        var looked = 0
        while let row = try commits.next() {
            looked += 1
            guard looked <= PreparedWork.mostCommits, try CommitRow.provenance(try row[1]).deed == nil else {
                return false
            }
            let revision: Revision = try row[0]
            let changes = try db.rows(
                "SELECT key FROM changes WHERE position >= ? AND position <= ?",
                [LogCursor(revision: revision, ordinal: 0).position, LogCursor.end(of: revision).position])
            while let change = try changes.next() {
                if planned.touches.has(Key(unchecked: try change[0])) { return false }
            }
        }
        return true
    }
}
