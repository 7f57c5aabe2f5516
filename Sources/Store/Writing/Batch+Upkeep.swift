import MembusModel

extension Batch {
    /// Sessions.
    private static let mostLookedAtOnce = 2000

    /// A floor whose commit is missing refuses this item, and costs the others in the batch nothing.
    mutating func raiseFloor(_ request: Compact, by retention: Retention) throws -> WriteResult {
        if request == Compact() { try forgetNotes(beyond: retention.notesBytes) }
        let window = Window(db: db, state: writer.state, ages: writer.ages, now: now)
        let asked = try window.floor(for: request).map { (floor: $0, byAge: $0) }
        let (target, byAge) = try asked ?? window.floor(by: retention)
        guard target > writer.state.floor else { return .done }
        guard try setFloor(target) else {
            return .refused(
                Refusal(.storeFailed, "revision \(target) has no commit", hint: "run membus verify"))
        }
        if byAge < target { writer.state.forSpace = byAge + 1...target }
        decided(.floor(target))
        return .done
    }

    /// - Returns: false if the revision has no commit.
    func setFloor(_ revision: Revision) throws -> Bool {
        guard let hash = try Chain.hash(db, of: revision) else { return false }
        try Meta.set(db, .floor, revision)
        try Meta.set(db, .floorHash, hash)
        // The last commit may go, and its time with it.
        try Meta.set(db, .time, writer.state.time.milliseconds)
        writer.state.floor = revision
        return true
    }

    /// In the order of their ids.
    mutating func dropSessions(unusedFor life: Duration) throws -> WriteResult {
        guard let unusedSince = writer.ages.mark(before: life)?.time else { return .done }
        // What this batch has used so far is in use.
        try writer.sessions.save(by: &writer.statements.sessionRow, now: time)
        let cursor = try db.rows(
            "SELECT id, used FROM sessions WHERE id > ? ORDER BY id LIMIT ?",
            [writer.sessionsLookedAt, Self.mostLookedAtOnce])
        var ids: [SessionID] = []
        var looked = 0
        while let row = try cursor.next() {
            looked += 1
            writer.sessionsLookedAt = try row[0]
            if try row[1] < unusedSince.milliseconds { ids.append(SessionID(UInt64(stored: try row[0]))) }
        }
        for id in ids { _ = try writer.sessions.drop(db, id) }
        if !ids.isEmpty { decided(.dropped(ids)) }
        if looked == Self.mostLookedAtOnce { return .more }
        writer.sessionsLookedAt = .min
        return .done
    }
}
