import FoundationEssentials
import MembusModel

// What a merge, rollback, revert, pick or quarantine writes, in one state of the file:
//
//   a reader                ── plan ──▶ PlannedWork ──▶ PreparedWork, for the thread that commits
//   the thread that commits ── check, else plan ──▶ PlannedWork ── write ──▶ a commit
//   a reader                ── plan ──▶ PlannedWork ── tell  ──▶ a Plan, with an id
//
// A reader plans ahead, so that others go on writing meanwhile. What it planned is written if it would be planned so in the
// state that it is written in (PreparedWork); else the thread that commits plans it anew, where nothing can come in between.
// What that may cost others is bounded by how much is looked at. What is larger comes in steps. Who wants exactly a plan that
// he was told names its id, which depends on nothing but what would be written, and on the versions that it would replace.

struct WorkPlanner {
    let db: Database
    let branches: BranchTable
    let floor: Revision
    let head: Position
    let limits: Limits
    /// What ends by then has ended.
    let now: Timestamp
    let cascades: Cascades
    let past = PastPolicies()
    let ends = Ends()
    /// So many commits, notes and versions are looked at to find what derives.
    var mostLookedAt = 1_000_000
    var walk = ImpactWalk()

    /// Where nobody else waits for it.
    static let mostLookedAtAhead = 20_000_000

    /// So many changes are looked at.
    static let mostChanges = 200_000

    enum Planning {
        case refused(Refusal)
        /// The target of a merge contains the source.
        case contained
        case planned(PlannedWork)
    }

    /// - Throws: ``Refusal``: it looks at too much.
    func plan(_ work: Work) throws -> Planning {
        if let refusal = work.textRefusal { return .refused(refusal) }
        return switch work {
        case .merge(let merge): try plan(merge)
        case .rollback(let rollback): try plan(rollback)
        case .revert(let revert): try plan(revert)
        case .pick(let pick): try plan(pick)
        case .quarantine(let quarantine): try plan(quarantine)
        case .transaction, .fork, .branch, .tag: .refused(Refusal(.unknownRequest, "this is no work that is planned"))
        }
    }

    var reader: VersionReader { VersionReader(db: db, branches: branches, now: now, ends: ends) }

    /// That what a branch shows as of a revision is kept.
    func check(_ revision: Revision, on branch: Branch) throws {
        guard let refusal = Refusal.outside(revision, floor: floor, head: head.revision) else { return }
        if revision < floor, try TagRow.isTagged(db, branch, at: revision) { return }
        throw refusal
    }

    /// The same of what a branch showed, which may be what another showed that it starts from.
    func checkKept(_ revision: Revision, onLineOf branch: Branch) throws {
        for level in branches.levels(of: branch, at: revision) where level.upTo == revision {
            guard let own = branches.byID[level.branch] else { continue }
            // Of a branch that was not made yet only its parent's part counts.
            if revision < own.created { continue }
            return try check(revision, on: own)
        }
        try check(revision, on: branch)
    }

    func state(of branch: Branch) -> ShownState { ShownState(branch, at: head.revision, among: branches) }

    // MARK: Merges

    private func plan(_ merge: Merge) throws -> Planning {
        let (target, source) = (try branches.mergeable(merge.target), try branches.present(merge.source))
        let at = merge.at ?? head.revision
        if let refusal = Refusal.outside(at, floor: floor, head: head.revision) { return .refused(refusal) }
        if at < source.created {
            return .refused(
                Refusal(
                    .invalidArgument, "branch \"\(source.name)\" was made by revision \(source.created), after \(at)",
                    hint: "name a later revision of it, or its parent", subject: source.name.text))
        }
        let reader = reader
        let ours = state(of: target)
        let theirs = ShownState(source, at: try reader.newestCommit(of: source.id, upTo: at), among: branches)
        if let parked = try ParkedConflicts(reader, in: theirs.levels).first(notIn: ours.contained) {
            return .refused(
                Refusal(
                    .openConflicts,
                    "branch \"\(source.name)\" has an open conflict, \(parked.name), about key \"\(parked.conflict)\"",
                    hint: "settle it first: membus --branch \(source.name) resolve \(parked.name) …",
                    subject: source.name.text))
        }
        let planner = try MergePlanner(
            reader, target: ours, source: theirs, policies: try policies(in: ours.levels),
            resolutions: merge.resolutions, parked: try ParkedConflicts(reader, in: ours.levels),
            undone: UndoneOnPurpose(cascades: cascades, by: self, in: ours), floor: floor, limits: limits)
        let spans = planner.spans
        if try !spans.contains(where: { try reader.hasCommits(in: $0) }) { return .contained }
        guard let keys = try reader.changedKeys(in: spans, most: Self.mostChanges) else {
            return .refused(.tooMuchToMerge(merge.source))
        }
        var plan = MergePlan(limits: limits, inSteps: "merge it in steps: the source as of an earlier revision first")
        for key in keys where !key.isParkedConflict && (merge.carriesRules || !key.isRule) {
            let effect = try planner.effect(on: key)
            if let refusal = plan.add(effect, of: key, over: planner.parked[key, merge.source]) {
                return .refused(refusal)
            }
        }
        let deed = MergeDeed(
            source: merge.source, revision: planner.source.revision, heads: planner.heads.map(\.head),
            agreed: plan.agreed)
        return .planned(
            PlannedWork(
                plan: plan, deed: .merge(deed), branch: target, context: merge.context,
                message: merge.message.isEmpty ? "merge \(merge.source)@\(planner.source.revision)" : merge.message,
                parks: merge.parks, touches: .keys(Set(keys))))
    }

    func policies(in levels: [Level]) throws -> MergePolicies {
        try MergePolicies(records: try reader.records(of: MergePolicies.topic, in: levels, most: 1000))
    }
}

/// What is to be committed, or told.
struct PlannedWork {
    var plan: MergePlan
    var deed: Deed
    var branch: Branch
    var context: String
    var message: String
    /// Whether conflicts that nobody has decided about are left for later.
    var parks = false
    /// What may not have been written on the branch since.
    var touches = PlanTouches.any

    /// Whether there is nothing to commit.
    var isEmpty: Bool {
        if case .merge = deed { return false }
        return plan.writings.isEmpty
    }

    /// Of exactly this: what would be written, over which versions.
    var id: PlanID {
        var encoder = CanonicalEncoder(capacity: 4096)
        encoder.string(branch.name.text)
        encoder.byte(parks ? 1 : 0)
        encoder.raw(Provenance(deed: deed).encoded)
        encoder.list(plan.writings) { encoder, writing in
            encoder.string(writing.key.text)
            encoder.integer(writing.present)
            encoder.byte(writing.making?.rawValue ?? 0)
            encoder.list(writing.madeOf) { $0.integer($1) }
            encoder.byte(writing.content == nil ? 0 : 1)
            if let content = writing.content { encoder.record(content.record(of: writing.key)) }
        }
        encoder.list(plan.conflicts) { encoder, conflict in
            encoder.string(conflict.key.text)
            encoder.string(conflict.kind.rawValue)
            for side in [conflict.base, conflict.ours, conflict.theirs] {
                encoder.integer(side?.record.revision ?? -1)
            }
        }
        return PlanID(of: encoder)
    }
}

extension Work {
    /// Texts in it that can't be kept.
    fileprivate var textRefusal: Refusal? {
        func refusal(_ context: String, _ message: String) -> Refusal? {
            FreeText.refusal(context, "context") ?? FreeText.refusal(message, "message")
        }
        return switch self {
        case .merge(let merge): refusal(merge.context, merge.message) ?? merge.resolutions.refusal
        case .rollback(let rollback): refusal(rollback.context, rollback.message)
        case .revert(let revert): refusal(revert.context, revert.message) ?? revert.resolutions.refusal
        case .pick(let pick): refusal(pick.context, pick.message) ?? pick.resolutions.refusal
        case .quarantine(let quarantine):
            refusal(quarantine.context, quarantine.message) ?? FreeText.refusal(quarantine.reason, "reason")
        case .transaction, .fork, .branch, .tag: nil
        }
    }
}

extension [Resolution] {
    /// Why one of them can't be written.
    fileprivate var refusal: Refusal? {
        for resolution in self {
            guard case .put(let put) = resolution.choice else { continue }
            if let refusal = FreeText.refusal(put.kind.name, "kind of \"\(resolution.key)\"")
                ?? put.refusal(under: resolution.key)
            {
                return refusal
            }
        }
        return nil
    }
}

extension Refusal {
    fileprivate static func tooMuchToMerge(_ source: BranchName) -> Refusal {
        Refusal(
            .limitExceeded, "a merge of \"\(source)\" would look at more than \(WorkPlanner.mostChanges) changes",
            hint: "merge it in steps, as of an earlier revision first", subject: source.text)
    }
}
