import MembusModel
import MembusStore

/// Plans what is to be committed, before the thread that commits is asked for it.
struct PlanAhead: LookUpAtOnce {
    static let isLong = false
    static let isPlanning = true
    static let name = "the plan of what is to be committed"
    let work: Work
    /// What ends by then has ended.
    let now: Timestamp

    func answer(by desk: Desk) throws(Refusal) -> PreparedWork? {
        // A refusal is for the thread that commits to say, in the state that it would be written in.
        try? desk.reader.prepare(work, limits: desk.store.limits, visible: desk.visible, now: now)
    }

    static func result(_ prepared: PreparedWork?) -> LookUpResult { .prepared(prepared) }
}
