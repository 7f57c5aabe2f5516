/// What the checker holds a history to: the invariants of the page on evidence, by their numbers there.
package enum Invariant: Int, CaseIterable, Comparable, Sendable, CustomStringConvertible {
    /// Revisions are dense; what was acknowledged is there once, what was refused never.
    case takesEffectOnce = 1
    /// Who was told of a commit before he asked for another gets a later one.
    case realTimeOrder = 2
    /// Everything acknowledged, published or read is in the truth.
    case nothingSeenIsLost = 3
    /// What a view applies is the truth, filtered by its stream.
    case filteredTruth = 4
    /// A read of several keys is of one revision.
    case oneState = 5
    /// A view's cut, and what is read of it, never decrease within a history.
    case neverBack = 6
    /// A bookmark or heartbeat moves the cut only over what is applied.
    case completeUpTo = 7
    /// Loss is repaired, or the view is marked stale, in time.
    case staleIsMarked = 8
    /// No fill lowers a version, passes an invalidation, or brings back what is gone.
    case trueFills = 9
    /// Own writes are read.
    case ownWrites = 10
    case linearizable = 11
    /// A bounded read is no older than it claims.
    case boundedAge = 12
    /// Not checked yet: there are no strict topics.
    case strictTopics = 13
    /// A transaction's outcome equals replaying it.
    case replayedOutcomes = 14
    /// Nothing of another history moves a view, and only another history resets it.
    case ownHistory = 15
    /// A warm file loads as the state at its revision, or is rejected.
    case warmFiles = 16
    /// Memory stays under its caps.
    case caps = 17
    /// At rest every view equals the store.
    case equalAtRest = 18
    /// Not checked yet: there are no rights.
    case rights = 19
    /// When faults end, every view is live again in time.
    case liveAgain = 20
    /// A second store that applies what the first decided holds the same rows.
    case replicaEquals = 21
    /// What follows the commits says what is so in the state that it speaks of, and no less than all of it at rest.
    case projections = 22
    /// A search finds what is in the state that it names, and nothing else.
    case retrieval = 23

    /// Whether there is what it is about.
    package var isChecked: Bool { self != .strictTopics && self != .rights }

    package static func < (a: Invariant, b: Invariant) -> Bool { a.rawValue < b.rawValue }
    package var description: String { "invariant \(rawValue)" }
}
