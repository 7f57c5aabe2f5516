import MembusModel

// A rollback writes what the branch showed at an earlier revision, where it shows something else now: one commit, and the
// head goes on. What has expired does not return.

extension Batch {
    mutating func execute(_ rollback: Rollback, by author: Author) throws -> WriteResult {
        if let refusal = FreeText.refusal(rollback.context, "context")
            ?? FreeText.refusal(rollback.message, "message")
        {
            return .refused(refusal)
        }
        let state = writer.state
        guard let branch = state.branches.byName[rollback.branch] else {
            return .refused(.unknownBranch(rollback.branch))
        }
        if let refusal = Refusal.outside(rollback.to, floor: state.floor, head: state.head.revision) {
            return .refused(refusal)
        }
        let reader = VersionReader(db: db, branches: state.branches, now: now)
        let present = state.branches.levels(of: branch, at: state.head.revision)
        let past = state.branches.levels(of: branch, at: rollback.to)
        let spans = Contained(line: present).apart(from: Contained(line: past))
        guard let keys = try reader.changedKeys(in: spans, matching: rollback.filter, most: Self.mostMerged) else {
            return .refused(
                Refusal(
                    .limitExceeded, "more than \(Self.mostMerged) changes were made since revision \(rollback.to)",
                    hint: "roll back in steps, to a later revision first", subject: "\(rollback.to)"))
        }
        let carriesRules = rollback.filter.namesRules
        var plan = MergePlan(limits: writer.limits, inSteps: "roll back topic by topic")
        for key in keys where carriesRules || !key.isRule {
            let now = try reader.version(key, in: present)
            let then = try reader.version(key, in: past)
            if now?.revision == then?.revision || same(now?.present, then?.present) { continue }
            let writing = MergePlanner.Writing(
                key: key, content: then?.present.map { MergedContent($0) }, making: .restored,
                madeOf: then.map { [$0.revision] } ?? [], isSettled: false)
            if let refusal = plan.add(writing) { return .refused(refusal) }
        }
        if plan.writings.isEmpty { return .outcome(.held(state.head)) }
        return .outcome(
            .committed(
                try write(
                    plan.writings, .rollback(to: rollback.to), on: branch, by: author, context: rollback.context,
                    message: rollback.message.isEmpty ? "rollback to \(rollback.to)" : rollback.message)))
    }
}
