import MembusModel

// What is looked at is kept by compaction, but only from when on it is looked at. A fork of an older state, or a merge of one,
// contains others as they were then; meanwhile nobody may have looked at them so, and what they showed may be gone:
//
//   r2  main   put a
//   r3  trial  merges main at 2
//   r4  main   delete a
//   r5  trial  merges main at 4    nobody looks at main at 2 any more; compaction drops r2
//   r6  late   forked from trial at 3: it contains main at 2 again, which is no longer there
//
// When the floor rose is not on record: what was forked so before compaction dropped anything counts as if it was forked since.
// Where that makes a difference, somebody is asked.

extension BranchTable {
    /// Up to which revision a branch shows another one, as an ancestor.
    func shown(of id: Int64, by branch: Branch) -> Revision? {
        var (current, upTo) = (branch, Revision.max)
        while let parent = current.parent.flatMap({ byID[$0] }) {
            upTo = min(upTo, current.fork)
            if parent.id == id { return upTo }
            current = parent
        }
        return nil
    }

    /// Whether others look at a branch at a revision, and somebody has done so ever since one of them took it from the
    /// branch itself, when all of it was there.
    func hasBeenLookedAt(_ id: Int64, at upTo: Revision) -> Bool {
        // Back from now, from one that looks at it to one that did so before.
        var time = Revision.max
        while true {
            var since: Revision?
            for branch in all where branch.id != id && isThere(branch, at: time) {
                if shown(of: id, by: branch) == upTo { return true }
                guard contained(in: branch, at: time)[id] == upTo, let taken = taking(of: id, at: upTo, by: branch)
                else { continue }
                if taken.source == id { return true }
                since = min(since ?? .max, taken.revision)
            }
            guard let since else { return false }
            time = since - 1
        }
    }

    private func isThere(_ branch: Branch, at revision: Revision) -> Bool {
        branch.created <= revision && branch.deleted.map { $0 > revision } ?? true
    }

    /// The commit as of which a branch contains another one up to a revision: it was forked, or merged something.
    private func taking(of id: Int64, at upTo: Revision, by branch: Branch) -> (source: Int64, revision: Revision)? {
        if let parent = branch.parent.flatMap({ byID[$0] }), contained(in: parent, at: branch.fork)[id] == upTo {
            return (parent.id, branch.created)
        }
        return firstMerge(into: branch.id, containing: id, at: upTo).map { ($0.source, $0.revision) }
    }
}
