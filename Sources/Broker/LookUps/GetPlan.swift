import MembusModel
import MembusStore

// In one piece: how much it looks at is bounded as it is for the thread that commits.
extension GetPlan: LookUpAtOnce {
    package static var thread: LookUpThread { .dryRuns }

    package func answer(by desk: Desk) throws(Refusal) -> Plan {
        if let refusal = work.shapeRefusal(limits: desk.store.limits) { throw refusal }
        return try desk.reader.plan(work, limits: desk.store.limits, visible: desk.visible)
    }
}
