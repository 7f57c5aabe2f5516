import MembusModel

// A rollback writes what the branch showed at an earlier revision, where it shows something else now: one commit, and the
// head goes on. What has expired does not return.

extension WorkPlanner {
    func plan(_ rollback: Rollback) throws -> Planning {
        let branch = try branches.writable(rollback.branch)
        try checkKept(rollback.to, onLineOf: branch)
        let reader = reader
        let present = branches.levels(of: branch, at: head.revision)
        let past = branches.levels(of: branch, at: rollback.to)
        let spans = Contained(line: present).apart(from: Contained(line: past))
        guard let keys = try reader.changedKeys(in: spans, matching: rollback.filter, most: Self.mostChanges) else {
            return .refused(
                Refusal(
                    .limitExceeded, "more than \(Self.mostChanges) changes were made since revision \(rollback.to)",
                    hint: "roll back in steps, to a later revision first", subject: "\(rollback.to)"))
        }
        let carriesRules = rollback.filter.namesRules
        var plan = MergePlan(limits: limits, inSteps: "roll back topic by topic")
        for key in keys where carriesRules || !key.isRule {
            let now = try reader.version(key, in: present)
            let then = try reader.version(key, in: past)
            if now?.revision == then?.revision || same(now?.present, then?.present) { continue }
            let writing = MergePlanner.Writing(
                key: key, present: now?.revision ?? 0, content: then?.present.map { MergedContent($0) },
                making: .restored, madeOf: then.map { [$0.revision] } ?? [], isSettled: false)
            if let refusal = plan.add(writing) { return .refused(refusal) }
        }
        return .planned(
            PlannedWork(
                plan: plan, deed: .rollback(to: rollback.to), branch: branch, context: rollback.context,
                message: rollback.message.isEmpty ? "rollback to \(rollback.to)" : rollback.message,
                touches: .matching(rollback.filter)))
    }
}
