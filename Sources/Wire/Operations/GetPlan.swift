import MembusModel

extension GetPlan: CodedOperation {
    init(_ message: PBPlan, _ limits: Limits) throws(Refusal) {
        switch message.work {
        case .merge(let merge): self.init(.merge(try Merge(merge)))
        case .rollback(let rollback): self.init(.rollback(try Rollback(rollback, limits)))
        case .revert(let revert): self.init(.revert(try Revert(revert)))
        case .pick(let pick): self.init(.pick(try Pick(pick)))
        case .quarantine(let quarantine): self.init(.quarantine(try Quarantine(quarantine)))
        case nil:
            throw Refusal(.unknownRequest, "plan: it holds no work that this broker can plan", subject: "plan")
        }
    }

    var message: PBPlan {
        .with {
            switch work {
            case .merge(let merge): $0.work = .merge(PBMerge(merge))
            case .rollback(let rollback): $0.work = .rollback(PBRollback(rollback))
            case .revert(let revert): $0.work = .revert(PBRevert(revert))
            case .pick(let pick): $0.work = .pick(PBPick(pick))
            case .quarantine(let quarantine): $0.work = .quarantine(PBQuarantine(quarantine))
            case .transaction, .fork, .branch, .tag: break
            }
        }
    }

    static func answer(_ message: PBPlanned) throws(Refusal) -> Plan {
        guard let id = PlanID(message.id) else { throw Refusal(.malformed, "planned: it has no id") }
        return Plan(
            at: try Position(message.at, "planned.at"), id: id,
            changes: try message.changes.map { (change) throws(Refusal) in try PlannedChange(change) },
            unlisted: Int(clamping: message.unlisted),
            conflicts: try message.conflicts.map { (conflict) throws(Refusal) in try MergeConflict(conflict) },
            unlistedConflicts: Int(clamping: message.unlistedConflicts), agreed: Int(clamping: message.agreed),
            isContained: message.contained)
    }

    static func message(of plan: Plan) -> PBPlanned {
        .with {
            $0.at = PBPosition(plan.at)
            $0.id = plan.id.id
            $0.changes = plan.changes.map(PBPlannedChange.init)
            $0.unlisted = Int64(plan.unlisted)
            $0.conflicts = plan.conflicts.map(PBMergeConflict.init)
            $0.unlistedConflicts = Int64(plan.unlistedConflicts)
            $0.agreed = Int64(plan.agreed)
            $0.contained = plan.isContained
        }
    }
}

extension PlannedChange {
    fileprivate init(_ message: PBPlannedChange) throws(Refusal) {
        let from = message.hasFrom ? try Parse.record(message.from) : nil
        let to = message.hasTo ? try Parse.record(message.to) : nil
        guard let key = (to ?? from)?.key else { throw Refusal(.malformed, "planned.changes: one is of no key") }
        self.init(key: key, from: from, to: to, madeOf: message.madeOf, isSettled: message.settled)
    }
}

extension PBPlannedChange {
    fileprivate init(_ change: PlannedChange) {
        self.init()
        if let from = change.from { self.from = PBRecord(from) }
        if let to = change.to { self.to = PBRecord(to) }
        if change.from == nil, change.to == nil {
            from = .with {
                $0.key = change.key.text
                $0.deleted = true
            }
        }
        madeOf = change.madeOf
        settled = change.isSettled
    }
}
