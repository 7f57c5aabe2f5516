import MembusModel

/// What the writer is asked to do. All items of a batch go to disk together. Indirect, as it passes through many hands.
package indirect enum WriteItem: Sendable {
    /// - Parameters:
    ///   - fingerprint: of its work: `request.work.fingerprint`, computed off the writing thread.
    ///   - prepared: what was planned ahead of its work, if that is planned.
    case transact(Transact, fingerprint: UInt64, prepared: PreparedWork? = nil)
    /// - Parameter id: random; drawn by the caller.
    case openSession(SessionID, agent: String)
    /// A number of it is from then on unknown. If it is not there, nothing is done.
    case closeSession(SessionID)
    case noteReads(NoteReads)
    /// Delete what has expired by now, a bounded piece of it: at most 1,000 records per branch. Ask again
    /// while ``Writer/nextExpiry`` is not after now.
    case expire
    /// Raise the floor: reads below it are refused from now on, and ``Writer/sweep(budget:)`` has something to do.
    /// Where to: as the request says; where it says nothing, as the retention does. It never goes back, nor beyond the
    /// head.
    case compact(Compact, by: Retention)
    /// Drop sessions that nobody has used for so long: a number of theirs is from then on unknown, never executed again.
    /// A bounded number is looked at; ask again while the result is ``WriteResult/more``.
    case dropSessions(unusedFor: Duration)
}

package enum WriteResult: Sendable {
    case outcome(Outcome)
    /// Nothing was written for it.
    case refused(Refusal)
    case done
    /// A piece is done, and there is more to do.
    case more
}

/// A batch that is on disk.
package struct WrittenBatch: Sendable {
    /// One for each item, in their order.
    package var results: [WriteResult]
    /// The new commits in the order of their revisions, for publishing.
    package var commits: [Commit]
    /// Branches that they deleted.
    package var deletedBranches: [BranchName] = []
    /// After the batch.
    package var head: Position
    /// How long COMMIT with its sync took.
    package var sync: Duration
}
