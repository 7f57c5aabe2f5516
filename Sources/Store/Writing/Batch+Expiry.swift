import GRDB
import MembusModel

extension Batch {
    static let mostExpiredPerCommit = 1000
    /// Entries of the index that one call looks at, on all branches together.
    private static let mostLookedAt = 5000

    /// One commit per branch that deletes what is visible at its head and has expired by now. A branch that
    /// inherited a record needs its own deletion: the parent's came after the fork.
    mutating func expire() throws {
        guard let next = writer.state.expiry.next, next <= now else { return }
        var budget = Self.mostLookedAt
        for branch in writer.state.branches.all where budget > 0 {
            let expired = try expired(on: branch, budget: &budget)
            guard !expired.isEmpty else { continue }
            let revision = writer.state.head.revision + 1
            let deletions = expired.enumerated().map { ordinal, key in
                Record.deletion(of: key, revision: revision, ordinal: UInt32(ordinal))
            }
            let info = info(.broker, on: branch.name, context: "", message: "expired")
            _ = try append(info, on: branch, fork: nil, preconditions: [], reads: [], records: deletions)
        }
        try writer.state.expiry.reschedule(db, branches: writer.state.branches.all)
    }

    /// Moves the branch's mark on, over what it returns.
    private mutating func expired(on branch: Branch, budget: inout Int) throws -> [Key] {
        let levels = writer.state.branches.levels(of: branch, at: writer.state.head.revision)
        let upTo = Dictionary(levels.map { ($0.branch, $0.upTo) }, uniquingKeysWith: max)
        var mark = writer.state.expiry.mark(of: branch.id)
        var keys: [Key] = []
        let cursor = try db.rows(
            """
            SELECT expires, position, branch, key FROM changes
            WHERE expires IS NOT NULL AND (expires, position) > (?, ?) AND expires <= ? ORDER BY expires, position
            """, [mark.expires, mark.position, now.milliseconds])
        while let row = try cursor.next() {
            if budget == 0 || keys.count == Self.mostExpiredPerCommit {
                writer.state.expiry.swept(branch.id, to: mark)
                return keys
            }
            budget -= 1
            let place = LogCursor(position: try row[1])
            mark = .init(expires: try row[0], position: place.position)
            guard let limit = upTo[try row[2]], place.revision <= limit else { continue }
            let key: String = try row[3]
            if try NewestVersion.place(db, key, levels) == place { keys.append(Key(unchecked: key)) }
        }
        writer.state.expiry.swept(branch.id, to: max(mark, .init(expires: now.milliseconds, position: .max)))
        return keys
    }
}
