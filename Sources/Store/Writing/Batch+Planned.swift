import FoundationEssentials
import MembusModel

// Work that is planned (WorkPlanner) is committed as it was planned ahead (PreparedWork), or planned anew here.

extension Batch {
    func planner(_ walk: ImpactWalk = ImpactWalk()) -> WorkPlanner {
        let state = writer.state
        return WorkPlanner(
            db: db, branches: state.branches, floor: state.floor, head: state.head, limits: writer.limits, now: now,
            cascades: writer.cascades, walk: walk)
    }

    /// - Parameter prepared: what was planned ahead.
    mutating func execute(planned work: Work, _ prepared: PreparedWork?, by author: Author) throws -> WriteResult {
        if case .refused(let refusal)? = prepared?.found { return .refused(refusal) }
        if let prepared, let planned = try stillPlanned(prepared, work, by: author) {
            return try commit(planned, of: work, by: author)
        }
        switch try planner(prepared?.walk ?? ImpactWalk()).plan(work) {
        case .refused(let refusal): return .refused(refusal)
        case .contained: return .outcome(.held(writer.state.head))
        case .planned(let planned): return try commit(planned, of: work, by: author)
        }
    }

    private mutating func commit(_ planned: PlannedWork, of work: Work, by author: Author) throws -> WriteResult {
        if let plan = work.plan, plan != planned.id {
            return .refused(
                Refusal(
                    .planChanged, "nothing was written: it would no longer write what plan \(plan) says",
                    subject: "\(plan)"))
        }
        return try commit(planned, by: author)
    }

    private mutating func commit(_ planned: PlannedWork, by author: Author) throws -> WriteResult {
        let (plan, head) = (planned.plan, writer.state.head)
        let isParking = planned.parks && plan.conflictCount > 0
        if plan.conflictCount > 0, !isParking {
            return .outcome(
                .unsettled(plan.conflicts, unlisted: plan.conflictCount - plan.conflicts.count, at: head))
        }
        if planned.isEmpty { return .outcome(.held(head)) }
        // Planned it may be on any; a merge has looked already.
        if case .merge = planned.deed {} else { _ = try writer.state.branches.writable(planned.branch.name) }
        var writings = plan.writings
        if isParking {
            switch try parked(planned, beside: writings.count) {
            case .success(let parked): writings += parked
            case .failure(let refusal): return .refused(refusal)
            }
        }
        let position = try write(
            writings, planned.deed, on: planned.branch, by: author, context: planned.context, message: planned.message)
        guard case .merge(let merge) = planned.deed else { return .outcome(.committed(position)) }
        return .outcome(
            .merged(
                position,
                MergeReport(
                    source: merge.revision, written: plan.writings.count { $0.making != nil },
                    agreed: plan.agreed.count, settled: plan.writings.count(where: \.isSettled),
                    parked: plan.conflictCount)))
    }

    /// The records of conflicts that are left for later.
    private func parked(_ planned: PlannedWork, beside count: Int) throws -> Result<[MergePlanner.Writing], Refusal> {
        guard case .merge(let merge) = planned.deed else { return .success([]) }
        let conflicts = planned.plan.conflicts
        let most = MergeConflict.mostListed
        if planned.plan.conflictCount > conflicts.count || count + conflicts.count > writer.limits.mergedKeys {
            return .failure(
                Refusal(
                    .limitExceeded,
                    "\(planned.plan.conflictCount) conflicts are to be parked, and a merge parks at most \(most)",
                    hint: "set a policy for their topics, or merge in steps", subject: "park"))
        }
        let revision = writer.state.head.revision + 1
        return .success(
            try conflicts.enumerated().map { index, conflict in
                let parked = ParkedConflict(
                    merge: revision, number: index + 1, conflict: conflict.key, kind: conflict.kind,
                    source: merge.source, base: try side(conflict.base), ours: try side(conflict.ours),
                    theirs: try side(conflict.theirs))
                return MergePlanner.Writing(
                    key: parked.key, present: 0, content: MergedContent(Put(parked.document, kind: .json), at: now),
                    making: nil, madeOf: [], isSettled: false)
            })
    }

    /// Where a version was written: what nobody wrote, a base that was made of several, has no such place.
    private func side(_ version: MergeVersion?) throws -> ParkedConflict.Side? {
        guard let record = version?.record, record.revision > 0,
            let branch = try db.integer("SELECT branch FROM commits WHERE revision = ?", [record.revision])
        else { return nil }
        return ParkedConflict.Side(try writer.state.branches.name(branch), at: record.revision)
    }

    /// Commits versions that were made of others.
    mutating func write(
        _ writings: [MergePlanner.Writing], _ deed: Deed, on branch: Branch, by author: Author, context: String,
        message: String
    ) throws -> Position {
        let revision = writer.state.head.revision + 1
        var records: [Record] = []
        var provenance = Provenance(deed: deed)
        records.reserveCapacity(writings.count)
        for (ordinal, writing) in writings.enumerated() {
            let ordinal = UInt32(ordinal)
            records.append(
                writing.content?.record(of: writing.key, revision: revision, ordinal: ordinal, owner: author.agent)
                    ?? .deletion(of: writing.key, revision: revision, ordinal: ordinal))
            if let making = writing.making {
                provenance.origins.append(
                    Origin(ordinal: ordinal, making, of: writing.madeOf, isSettled: writing.isSettled))
            }
        }
        return try append(
            info(author, on: branch.name, context: context, message: message), on: branch, fork: nil,
            preconditions: [], reads: [], records: records, provenance: provenance)
    }

    /// What later merges go by, beside the commit.
    /// - Parameter marked: what the commit wrote, of a quarantine.
    mutating func remember(_ deed: Deed, of info: CommitInfo, marked: [VersionName], on branch: Branch) throws {
        let revision = info.revision
        switch deed {
        case .merge(let merge):
            guard let source = writer.state.branches.byName[merge.source] else {
                throw StoreError(
                    .damaged, "revision \(revision) merges a branch \"\(merge.source)\" that is not there",
                    hint: "run membus verify")
            }
            let merged = MergedState(
                revision: revision, branch: branch.id, source: source.id, upTo: merge.revision)
            try db.run(
                "INSERT INTO merges(revision, branch, source, source_revision) VALUES(?, ?, ?, ?)",
                [revision, branch.id, source.id, merge.revision])
            if let held = writer.state.branches.add(merged) { try SecondSweep.begin(db, from: held) }
        // The branch holds it.
        case .rollback, .pick, .fork: break
        case .branch(let action): try remember(action, by: revision, on: branch)
        case .tag(let name, let at): try remember(name, at: at, by: info, on: branch)
        case .revert(let versions, let cascades):
            writer.unsound.forget()
            try Undone.remember(versions, cascades: cascades, of: revision, on: branch.id, in: db)
        case .quarantine(let versions):
            writer.unsound.forget()
            for version in versions + marked {
                try db.run(
                    "INSERT OR IGNORE INTO quarantined(key, revision, version, branch) VALUES(?, ?, ?, ?)",
                    [version.key.text, revision, version.revision, branch.id])
            }
        }
    }
}

extension Work {
    /// What it is to write, exactly.
    fileprivate var plan: PlanID? {
        switch self {
        case .merge(let merge): merge.plan
        case .rollback(let rollback): rollback.plan
        case .revert(let revert): revert.plan
        case .pick(let pick): pick.plan
        case .quarantine(let quarantine): quarantine.plan
        case .transaction, .fork, .branch, .tag: nil
        }
    }
}
