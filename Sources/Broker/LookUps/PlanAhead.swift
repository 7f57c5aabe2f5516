import MembusModel
import MembusStore

/// Plans what is to be committed, before the thread that commits is asked for it.
struct PlanAhead: LookUpAtOnce {
    static let isLong = false
    static let thread = LookUpThread.planning
    static let name = "the plan of what is to be committed"
    let transact: Transact
    /// What ends by then has ended.
    let now: Timestamp

    func answer(by desk: Desk) throws(Refusal) -> PreparedWork? {
        guard case .success(let work) = transact.work else { return nil }
        // A refusal is for the thread that commits to say, in the state that it would be written in.
        return try? desk.reader.prepare(work, of: transact, limits: desk.store.limits, now: now)
    }

    static func result(_ prepared: PreparedWork?) -> LookUpResult { .prepared(prepared) }
}
