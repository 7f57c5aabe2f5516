import GRDB
import MembusModel

extension Batch {
    private static let mostDroppedAtOnce = 500

    /// A floor whose commit is missing refuses this item, and costs the others in the batch nothing.
    mutating func raiseFloor(_ request: Compact, by retention: Retention) throws -> WriteResult {
        let window = Window(db: db, state: writer.state, now: now)
        let target = if let asked = try window.floor(for: request) { asked } else { try window.floor(by: retention) }
        guard target > writer.state.floor else { return .done }
        guard try setFloor(target) else {
            return .refused(
                Refusal(.storeFailed, "revision \(target) has no commit", hint: "run membus verify"))
        }
        decided(.floor(target))
        return .done
    }

    /// - Returns: false if the revision has no commit.
    func setFloor(_ revision: Revision) throws -> Bool {
        guard let hash = try Chain.hash(db, of: revision) else { return false }
        try Meta.set(db, .floor, revision)
        try Meta.set(db, .floorHash, hash)
        writer.state.floor = revision
        return true
    }

    /// In the order of their ids.
    mutating func dropSessions(unusedSince: Timestamp) throws -> WriteResult {
        // What this batch has used so far is in use.
        try writer.sessions.save(by: &writer.statements.sessionRow, now: now)
        let cursor = try db.rows(
            "SELECT id FROM sessions WHERE used < ? ORDER BY id LIMIT ?",
            [unusedSince.milliseconds, Self.mostDroppedAtOnce])
        var ids: [SessionID] = []
        while let row = try cursor.next() { ids.append(SessionID(UInt64(stored: try row[0]))) }
        for id in ids { _ = try writer.sessions.drop(db, id) }
        if !ids.isEmpty { decided(.dropped(ids)) }
        return .done
    }
}
