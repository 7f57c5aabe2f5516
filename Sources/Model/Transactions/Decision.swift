import FoundationEssentials

// A decision is a pure function of (transaction, the facts of the state that it names). Time and agent arrive
// with the facts; the store loads what `needs` names from the state that includes every transaction decided
// before, in the same batch too. So the same sequence gives the same revisions and states on any machine.

/// What must be known of the state to decide a transaction.
package struct Needs: Hashable, Sendable {
    /// Keys whose newest version is needed; `true` where its value is (merges, and conflicts' answers).
    package var keys: [Key: Bool]
    /// Preconditions on topics, by their index in the transaction.
    package var topics: [(index: Int, topic: Topic, since: Revision)]
    /// Whether something that was read before is undone or quarantined by now.
    package var soundness = false
    package var isEmpty: Bool { keys.isEmpty && topics.isEmpty && !soundness }
    package static func == (a: Needs, b: Needs) -> Bool {
        a.keys == b.keys && a.topics.elementsEqual(b.topics, by: ==) && a.soundness == b.soundness
    }
    package func hash(into hasher: inout Hasher) { hasher.combine(keys) }
}

/// The state that a transaction is decided in, as far as it needs it.
package struct Facts: Sendable {
    package var now: Timestamp
    /// The author: the session's agent.
    package var agent: String
    /// The newest revision of the whole store; the commit would be the next.
    package var head: Position
    /// The newest version on the branch of every needed key, deletions included; a key that never had a
    /// record is missing.
    package var heads: [Key: Record]
    /// For every needed topic that changed since its revision: one changed key's newest version.
    package var changed: [Int: Record]
    /// If soundness is needed: what was read, and is undone or quarantined by this revision.
    package var unsound: (key: Key, revision: Revision)?
    /// Keys whose records do not expire, whatever they say: the branch starts in the past, and they came with it.
    package var frozen: Set<Key> = []
    package var limits: Limits

    package init(
        now: Timestamp, agent: String, head: Position, heads: [Key: Record], changed: [Int: Record],
        limits: Limits = Limits()
    ) {
        self.now = now
        self.agent = agent
        self.head = head
        self.heads = heads
        self.changed = changed
        self.limits = limits
    }
}

package enum Decision: Sendable {
    /// Commit these versions, in this order: revision `facts.head.revision + 1`, ordinals from 0.
    case write([Record])
    /// No changes were asked for, and the preconditions hold.
    case held
    case conflict([FailedPrecondition])
    case refused(Refusal)
}
