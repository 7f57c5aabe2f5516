import MembusModel

// What has expired goes by commits of the broker's own, so that no read depends on a clock:
//
//   what a transaction names   before it is decided, in the same batch; so nobody who writes meets what is over
//   everything else            by sweeping, in pieces, by the time it expires
//
// On closed and deleted branches nothing expires. A branch that starts in the past keeps what came with it, whatever that says:
// of its levels those that are frozen do not count. Such a branch costs nothing until it has an expiring record of its own.
//
// A transaction names keys (of its preconditions and changes) and topics (that must be unchanged). Of a topic it is
// enough that something of it goes: then the topic has changed.

extension Batch {
    static let mostExpiredPerCommit = 1000
    /// What one call looks at for each of its commits, on all branches together: entries of the index, and each level of
    /// the branches that it goes down.
    private static let mostLookedAt = 5000
    /// Commits that one call makes on a branch.
    private static let mostPieces = 10
    /// The same for a transaction that names a topic.
    private static let mostLookedAtForTopics = 50_000

    // MARK: What a transaction names

    /// - Returns: why it has to come again.
    mutating func expireWhatIsNamed(by transaction: Transaction, on branch: Branch) throws -> Refusal? {
        guard let next = writer.state.expiry.next, next <= now else { return nil }
        let levels = writer.state.branches.levels(of: branch, at: writer.state.head.revision)
        var expired: [Key] = []
        var seen: Set<Key> = []
        for key in transaction.keysNamed where seen.insert(key).inserted {
            if try isOver(key, levels) { expired.append(key) }
        }
        for case .unchanged(let topic, _) in transaction.preconditions {
            if let key = topic.key {
                if seen.insert(key).inserted, try isOver(key, levels) { expired.append(key) }
            } else {
                guard let found = try overdue(of: topic, on: branch, levels) else {
                    try delete(expired, on: branch)
                    return .expiring(topic)
                }
                expired += found.filter { seen.insert($0).inserted }
            }
        }
        try delete(expired, on: branch)
        return nil
    }

    private func isOver(_ key: Key, _ levels: [Level]) throws -> Bool {
        for level in levels {
            guard let record = try NewestVersion.record(db, key, [level], inline: -1) else { continue }
            return !level.isFrozen && !record.isDeleted && record.isOver(by: now)
        }
        return false
    }

    /// At most as many as fit one commit. What a topic was looked through for is not looked at again.
    /// - Returns: `nil`: there is more to look at than one transaction may wait for.
    private mutating func overdue(of topic: Topic, on branch: Branch, _ levels: [Level]) throws -> [Key]? {
        var mark = writer.state.expiry.mark(of: branch.id, for: topic)
        var keys: [Key] = []
        var looked = 0
        let upTo = Self.expiring(levels)
        let entries = try overdue(after: mark)
        while let entry = try entries.next() {
            let (next, key) = (try ExpirySchedule.Mark(entry), Key(unchecked: try entry[3]))
            if looked >= Self.mostLookedAtForTopics || keys.count == Self.mostExpiredPerCommit {
                writer.state.expiry.lookedThrough(branch.id, for: topic, to: mark)
                return keys.isEmpty ? nil : keys
            }
            looked += 1
            mark = next
            guard topic.matches(key), try isShown(entry, key, upTo, levels, looked: &looked) else { continue }
            keys.append(key)
        }
        writer.state.expiry.lookedThrough(branch.id, for: topic, to: max(mark, .end(of: now)))
        return keys
    }

    // MARK: Everything else

    /// Commits that delete what is visible at each branch's head and has expired by now: a bounded piece of it, and
    /// more than what was written since the last piece. A branch that inherited a record needs its own deletion: the
    /// parent's came after the fork. Branches take turns, so that none waits for ever while time goes on.
    mutating func expire() throws {
        guard let next = writer.state.expiry.next, next <= now else { return }
        let written = writer.state.expiry.takeWritten()
        let pieces = min(1 + 2 * written / Self.mostExpiredPerCommit, Self.mostPieces)
        let budget = Self.mostLookedAt * pieces
        var looked = 0
        let newest = try newestOverdue()
        let branches = writer.state.branches.all.filter(\.expires)
        for branch in writer.state.expiry.inTurn(branches) {
            guard let newest, looked < budget else { break }
            if writer.state.expiry.mark(of: branch.id) >= newest { continue }
            writer.state.expiry.lookedAt(branch.id)
            for _ in 0..<pieces where looked < budget {
                let expired = try expired(on: branch, looked: &looked, of: budget)
                if expired.isEmpty { break }
                try delete(expired, on: branch)
            }
        }
        try writer.state.expiry.reschedule(db, branches: branches)
    }

    /// The last entry of the index that has expired by now.
    private func newestOverdue() throws -> ExpirySchedule.Mark? {
        let newest = try db.rows(
            """
            SELECT expires, position FROM changes
            WHERE expires IS NOT NULL AND expires <= ? ORDER BY expires DESC, position DESC LIMIT 1
            """, [now.milliseconds])
        return try newest.next().map { try ExpirySchedule.Mark($0) }
    }

    /// Moves the branch's mark on, over what it returns.
    private mutating func expired(on branch: Branch, looked: inout Int, of budget: Int) throws -> [Key] {
        let levels = writer.state.branches.levels(of: branch, at: writer.state.head.revision)
        let upTo = Self.expiring(levels)
        looked += levels.count
        var mark = writer.state.expiry.mark(of: branch.id)
        var keys: [Key] = []
        var isFirst = true
        let entries = try overdue(after: mark)
        while let entry = try entries.next() {
            if (looked >= budget && !isFirst) || keys.count == Self.mostExpiredPerCommit {
                writer.state.expiry.swept(branch.id, to: mark)
                return keys
            }
            isFirst = false
            looked += 1
            mark = try ExpirySchedule.Mark(entry)
            let key = Key(unchecked: try entry[3])
            if try isShown(entry, key, upTo, levels, looked: &looked) { keys.append(key) }
        }
        writer.state.expiry.swept(branch.id, to: max(mark, .end(of: now)))
        return keys
    }

    // MARK: Both

    /// Of each branch, up to which revision what is shown of it expires.
    private static func expiring(_ levels: [Level]) -> [Int64: Revision] {
        Dictionary(levels.filter { !$0.isFrozen }.map { ($0.branch, $0.upTo) }, uniquingKeysWith: max)
    }

    /// Entries of the index that have expired by now: expires, position, branch, key.
    private func overdue(after mark: ExpirySchedule.Mark) throws -> StoredRows {
        try db.rows(
            """
            SELECT expires, position, branch, key FROM changes
            WHERE expires IS NOT NULL AND (expires, position) > (?, ?) AND expires <= ? ORDER BY expires, position
            """, [mark.expires, mark.position, now.milliseconds])
    }

    /// Whether the entry is the newest version of its key on the branch.
    /// - Parameter looked: counts what it takes to find out.
    private func isShown(
        _ entry: StoredRow, _ key: Key, _ upTo: [Int64: Revision], _ levels: [Level], looked: inout Int
    ) throws -> Bool {
        let place = LogCursor(position: try entry[1])
        guard let limit = upTo[try entry[2]], place.revision <= limit else { return false }
        looked += levels.count
        return try NewestVersion.place(db, key.text, levels) == place
    }

    private mutating func delete(_ keys: [Key], on branch: Branch) throws {
        var rest = keys[...]
        while !rest.isEmpty {
            let revision = writer.state.head.revision + 1
            let deletions = rest.prefix(Self.mostExpiredPerCommit).enumerated().map { ordinal, key in
                Record.deletion(of: key, revision: revision, ordinal: UInt32(ordinal))
            }
            rest = rest.dropFirst(Self.mostExpiredPerCommit)
            let info = info(.broker, on: branch.name, context: "", message: "expired")
            _ = try append(info, on: branch, fork: nil, preconditions: [], reads: [], records: deletions)
        }
    }
}

extension Transaction {
    /// By preconditions and changes; what it has only read decides nothing.
    fileprivate var keysNamed: [Key] {
        var keys: [Key] = []
        for precondition in preconditions {
            switch precondition {
            case .at(let key, _), .absent(let key): keys.append(key)
            case .unchanged, .sound: break
            }
        }
        return keys + changes.map(\.key)
    }
}

extension Topic {
    /// `nil` for one of many keys.
    fileprivate var key: Key? { prefix == nil ? Key(unchecked: text) : nil }
}

extension Refusal {
    fileprivate static func expiring(_ topic: Topic) -> Refusal {
        Refusal(
            .busy, "what has expired of topic \"\(topic)\" is still being looked for",
            hint: "try again after a moment", subject: topic.text)
    }
}
