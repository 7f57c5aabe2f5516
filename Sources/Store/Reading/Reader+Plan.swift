import MembusModel

extension Reader {
    /// What a merge, rollback, revert, pick or quarantine would write. What ends is judged by the time of the last commit.
    package func plan(_ work: Work, limits: Limits, visible: Revision) throws(Refusal) -> Plan {
        try read("planning", visible: visible) { snapshot in
            let head = try snapshot.position(snapshot.visible)
            let time = try snapshot.db.integer("SELECT time FROM commits WHERE revision = ?", [head.revision])
            let planner = WorkPlanner(
                db: snapshot.db, branches: snapshot.branches, floor: snapshot.floor, head: head, limits: limits,
                now: time.map { Timestamp(milliseconds: $0) } ?? .never, cascades: Cascades(),
                mostLookedAt: WorkPlanner.mostLookedAtAhead)
            switch try planner.plan(work) {
            case .refused(let refusal): throw refusal
            case .contained:
                return Plan(at: head, id: PlanID(of: CanonicalEncoder()), isContained: true)
            case .planned(let planned): return try planned.told(at: head, by: planner)
            }
        }
    }
}

extension PlannedWork {
    fileprivate func told(at head: Position, by planner: WorkPlanner) throws -> Plan {
        let levels = planner.branches.levels(of: branch, at: head.revision)
        let reader = planner.reader
        var room = ConflictRoom()
        func fitted(_ record: Record?) -> Record? { record.map { room.takes($0) ? $0 : $0.announced } }
        let shown = try plan.writings.prefix(Plan.mostChanges).map { writing in
            PlannedChange(
                key: writing.key, from: fitted(try reader.version(writing.key, in: levels)?.present),
                to: fitted(writing.content?.record(of: writing.key)), madeOf: writing.madeOf,
                isSettled: writing.isSettled)
        }
        return Plan(
            at: head, id: id, changes: shown, unlisted: plan.writings.count - shown.count, conflicts: plan.conflicts,
            unlistedConflicts: plan.conflictCount - plan.conflicts.count, agreed: plan.agreed.count)
    }
}
