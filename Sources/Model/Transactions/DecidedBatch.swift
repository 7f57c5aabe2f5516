// What a batch of requests was decided to be: all that another store needs in order to hold the same rows, and
// nothing else. A value, which is carried out by whoever takes it.
//
//   requests ──decide──▶ DecidedBatch ──make durable──▶ COMMIT
//                            └──────── encoded, elsewhere ────────▶ Writer.apply ──▶ COMMIT
//
// Invariants:
//   - Decisions are replayed, never requests: the floor by size counts one file's pages, which sessions are dropped
//     and what is conflict or refusal depend on how far a store has swept.
//   - It follows one state, named by lineage, revision and full hash, and leads to one hash: whoever applies it
//     recomputes that hash, or refuses.
//   - Entries stand in the order in which they were decided; each builds on those before it.
//   - It holds no tickets, no records that are shown with conflicts, and nothing that each store does at its own
//     pace: how far it has looked for what expires, and how far it has swept.
//   - A request that was refused without using up its number, and a known retry, leave nothing in it.

package struct DecidedBatch: Equatable, Sendable {
    package var lineage: Lineage
    /// The revision that it follows, and all 32 bytes of its hash.
    package var follows: Revision
    package var followedHash: [UInt8]
    /// Of its commits, and of its sessions' last use.
    package var time: Timestamp
    /// How many outcomes a session keeps at most.
    package var mostKept: UInt64
    package var entries: [Entry]
    /// All 32 bytes of the last commit's hash; without a commit that which it follows.
    package var reachedHash: [UInt8]

    package init(
        lineage: Lineage, follows: Revision, followedHash: [UInt8], time: Timestamp, mostKept: UInt64,
        entries: [Entry], reachedHash: [UInt8]
    ) {
        self.lineage = lineage
        self.follows = follows
        self.followedHash = followedHash
        self.time = time
        self.mostKept = mostKept
        self.entries = entries
        self.reachedHash = reachedHash
    }

    package enum Entry: Equatable, Sendable {
        case commit(DecidedCommit)
        case number(DecidedNumber)
        case opened(SessionID, agent: String)
        case dropped([SessionID])
        /// Those of branches that are there.
        case noted(NoteReads)
        /// The oldest revision that is still kept.
        case floor(Revision)
        /// Those that came before then are forgotten.
        case notesForgotten(before: Timestamp)
    }

    package var commits: [Commit] {
        entries.compactMap { if case .commit(let decided) = $0 { decided.commit } else { nil } }
    }
}

/// All that its hash covers, and what was drawn for it.
package struct DecidedCommit: Equatable, Sendable {
    /// Records inline, with absolute expiry.
    package var commit: Commit
    package var fork: DecidedFork?
    package var preconditions: [Precondition]
    package var reads: [ReadVersion]
    /// The ordinals of the records that were made of what their keys had, rising. A store may hold them as what they
    /// changed.
    package var derived: [UInt32]
    package var provenance: Provenance

    package init(
        commit: Commit, fork: DecidedFork?, preconditions: [Precondition], reads: [ReadVersion], derived: [UInt32] = [],
        provenance: Provenance = .none
    ) {
        self.commit = commit
        self.fork = fork
        self.preconditions = preconditions
        self.reads = reads
        self.derived = derived
        self.provenance = provenance
    }
}

package struct DecidedFork: Equatable, Sendable {
    /// With its revision resolved.
    package var fork: Fork
    /// The branch's number in the store.
    package var id: Int64

    package init(_ fork: Fork, id: Int64) {
        self.fork = fork
        self.id = id
    }
}

package struct DecidedNumber: Equatable, Sendable {
    package var session: SessionID
    package var number: UInt64
    package var kept: KeptResult
    /// What the client had acknowledged by then; of a session's last number, by the end of the batch.
    package var acknowledged: UInt64

    package init(session: SessionID, number: UInt64, kept: KeptResult, acknowledged: UInt64) {
        self.session = session
        self.number = number
        self.kept = kept
        self.acknowledged = acknowledged
    }
}
