import MembusModel
import MembusStore

/// What follows the commits in order, off their path: counts, and whatever else can be made of the store's state.
///
/// It is a function of the state of which it speaks, however it came there: commit by commit, or anew from a state.
/// Else one that had to begin anew would say something else than one that did not. Nothing waits for it, and it keeps
/// nothing from being dropped: it can be thrown away at any moment. Which call comes when is ``ProjectionFeed``'s.
package protocol Projection: Sendable {
    /// The state that it speaks of; `nil`: it has none yet.
    var position: Position? { get }
    /// Values up to this size come along, in bytes; -1: none does.
    var inlineBytes: Int { get }
    /// It let go of something that it now needs, and is to be given the whole state anew.
    var isShort: Bool { get }

    /// Whether it is given this branch: the state at a beginning or, above that, as the branch was made; then the
    /// changes. The commits of other branches come without changes.
    func follows(_ branch: BranchInfo) -> Bool

    /// Forget everything. A state follows.
    mutating func begin()
    /// A record of a state that a branch shows, inherited or its own; each once.
    mutating func add(_ record: Record, on branch: BranchName)
    /// The next commit. The state of a branch that it made is added after it.
    mutating func apply(_ commit: FollowedCommit)
    /// All that this state holds has been given: it may speak of it.
    mutating func reached(_ position: Position)
}

/// Where a feed reads: a store's reader. It shows nothing beyond what is said to be visible.
package protocol ProjectionSource {
    func floor() throws(Refusal) -> Position
    func branches(visible: Revision) throws(Refusal) -> [BranchInfo]
    func commits(
        after: Position, inline: Int, budget: Int, visible: Revision, of wanted: (BranchInfo) -> Bool
    ) throws(Refusal) -> [FollowedCommit]
    func state(
        of branch: BranchName, at: Position, after: Key?, inline: Int, budget: Int, visible: Revision
    ) throws(Refusal) -> StatePage
}

extension Reader: ProjectionSource {}
