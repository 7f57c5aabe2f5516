import MembusModel

// What cascading reverts have undone, and what was made of it since. A merge must not bring it back unasked, so that it has to
// know, of each such revert that its target contains, all that derives from what was undone:
//
//   reverted (table) ── what each left out ──▶ a walk over the commits after the revert ──▶ what derived since
//
// What had derived before is among what was left out. What contexts knew until then counts as told, or they would be suspect
// for ever; what they read of it afterwards counts. A walk goes on where it was left, so that each commit and note is looked
// at once, at the first merge after it. It is memory only: a restart, or a batch that failed, begins it anew from the file.

/// Used by the thread that commits, and by a reader for one plan each.
final class Cascades {
    private struct Walk {
        let revision: Revision
        let branch: Int64
        let leftOut: Set<VersionName>
        var read: ImpactRead
    }
    private var walks: [Revision: Walk] = [:]
    /// Those up to a revision, all of them.
    private var known: [(revision: Revision, branch: Int64)] = []
    private var knownUpTo: Revision = 0
    /// Whether anything that cascades wrote may have been reverted.
    private var areTouched = false
    /// So much is looked at for one merge.
    private static let mostLookedAt = 1_000_000

    func forget() {
        walks = [:]
        (known, knownUpTo, areTouched) = ([], 0, false)
    }

    /// The reverts that a state contains and that nobody has reverted, each with all that derives from what it undid.
    /// - Throws: ``Refusal``: there is too much to look at.
    func inEffect(in state: ShownState, by planner: WorkPlanner) throws -> [(revert: Revision, bad: Set<VersionName>)] {
        let undone = Undone(db: planner.db)
        var found: [(revert: Revision, bad: Set<VersionName>)] = []
        try learn(planner)
        for (revision, branch) in known where revision <= state.contained[branch] {
            var walk = try walks[revision] ?? begin(revision, on: branch, planner)
            // What was brought back is no longer undone.
            if areTouched, try walk.leftOut.contains(where: { try undone.revert(of: $0, in: state.contained) == nil }) {
                continue
            }
            guard try walk.read.goOn(in: planner.snapshot, looking: Self.mostLookedAt) else {
                walks[revision] = walk
                throw Refusal(
                    .busy, "what derives from what revision \(revision) undid is being looked for",
                    hint: "try again: it goes on where it is", subject: "\(revision)")
            }
            walks[revision] = walk
            found.append((revision, walk.read.bad))
        }
        return found
    }

    /// Cascades that were made since, and whether reverts since then touch any.
    private func learn(_ planner: WorkPlanner) throws {
        guard knownUpTo < planner.head.revision else { return }
        let cascades = try planner.db.rows(
            "SELECT DISTINCT revision, branch FROM reverted WHERE cascades = 1 AND revision > ? ORDER BY revision",
            [knownUpTo])
        while let row = try cascades.next() { known.append((try row[0], try row[1])) }
        if !areTouched, !known.isEmpty {
            let touched = try planner.db.rows(
                "SELECT DISTINCT version FROM reverted WHERE revision > ? AND version >= ?",
                [knownUpTo, known[0].revision])
            let revisions = Set(known.map(\.revision))
            while let row = try touched.next() {
                let version: Revision = try row[0]
                if revisions.contains(version) { areTouched = true }
            }
        }
        knownUpTo = planner.head.revision
    }

    private func begin(_ revision: Revision, on branch: Int64, _ planner: WorkPlanner) throws -> Walk {
        let cursor = try planner.db.rows(
            "SELECT key, version FROM reverted WHERE revision = ? AND cascades = 1", [revision])
        var leftOut: Set<VersionName> = []
        while let row = try cursor.next() { leftOut.insert(VersionName(Key(unchecked: try row[0]), at: try row[1])) }
        return Walk(
            revision: revision, branch: branch, leftOut: leftOut,
            read: ImpactRead(after: revision, of: leftOut))
    }
}

extension WorkPlanner {
    var snapshot: StoreSnapshot { StoreSnapshot(db: db, branches: branches, floor: floor, visible: head.revision) }
}

/// What a merge must not bring back into a state unasked. Found out when it is needed: most merges are of branches without.
final class UndoneOnPurpose {
    private let cascades: Cascades
    private let planner: WorkPlanner
    private let state: ShownState
    private var found: [(revert: Revision, bad: Set<VersionName>)]?

    init(cascades: Cascades, by planner: WorkPlanner, in state: ShownState) {
        self.cascades = cascades
        self.planner = planner
        self.state = state
    }

    /// - Returns: the revert that undid it, or what it derives from.
    func revert(of versions: [VersionName]) throws -> Revision? {
        let found = try self.found ?? cascades.inEffect(in: state, by: planner)
        self.found = found
        return found.first { versions.contains(where: $0.bad.contains) }?.revert
    }
}
