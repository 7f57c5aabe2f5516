import MembusModel

// What a state contains: of every branch, its commits up to a revision. A fork has what its parent had at the fork, a merge
// adds what its source had; what is contained of a branch is always a beginning of it, so that a vector says it exactly.
//
//   r1  main   put a        main at 4  contains  main up to 4
//   r2  trial  forked at 1  trial at 6 contains  main up to 1, trial up to 6
//   r3  trial  put b        both contain         main up to 1: their common past, whose newest state is main at 1
//   r4  main   put a
//
// Two states can differ only under keys that were changed by commits which one of them contains and the other does not.

struct Contained: Hashable, Sendable {
    /// A branch without a revision: nothing of it.
    private(set) var upTo: BranchVector

    init(_ branch: Branch, at revision: Revision, among branches: BranchTable) {
        upTo = branches.contained(in: branch, at: revision)
    }

    /// Of the line alone: what a state shows, whatever was merged into it.
    init(line levels: [Level]) { upTo = BranchVector(levels.lazy.map { ($0.branch, $0.upTo) }) }

    /// What both contain.
    init(common a: Contained, _ b: Contained) {
        upTo = a.upTo
        upTo.formMin(b.upTo)
    }

    /// What one of them contains.
    init(either a: Contained, _ b: Contained) {
        upTo = a.upTo
        upTo.formMax(b.upTo)
    }

    subscript(branch: Int64) -> Revision { upTo[branch] }

    func contains(_ version: VersionPlace) -> Bool { version.place.revision <= self[version.branch] }

    /// Of each branch, in the order in which they were made, the revisions that only one of the two contains.
    func apart(from other: Contained) -> [BranchSpan] {
        upTo.differences(from: other.upTo).map { branch, mine, theirs in
            BranchSpan(branch: branch, after: min(mine, theirs), upTo: max(mine, theirs), isFirst: mine > theirs)
        }
    }

    /// The newest state that is contained here and in a state with these levels: all else that both contain is part of it.
    func newest(of levels: [Level], among branches: BranchTable) -> BranchState? {
        for level in levels {
            guard let branch = branches.byID[level.branch] else { continue }
            let revision = min(level.upTo, self[level.branch])
            // A fork of a state from before the branch was made has nothing of it.
            if revision > 0, revision >= branch.created { return BranchState(branch.name, at: revision) }
        }
        return nil
    }
}

/// Commits of a branch that one of two states contains and the other does not.
struct BranchSpan: Hashable, Sendable {
    var branch: Int64
    /// Exclusive.
    var after: Revision
    var upTo: Revision
    /// Whether it is the first of the two that contains them.
    var isFirst: Bool
}
