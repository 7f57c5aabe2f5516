import MembusModel

/// What was swept with an eye on a tag or a branch that has gone since is walked again: `meta` says from where. One that is
/// under way starts anew if it has to begin before where it is.
enum SecondSweep {
    /// - Parameter revision: what came after it may have been kept for what is gone.
    static func begin(_ db: Database, from revision: Revision) throws {
        let start = LogCursor.end(of: max(0, revision)).position
        // Nothing of that was swept yet.
        guard try start < Meta.integer(db, .swept) ?? 0 else { return }
        let underWay = try Meta.integer(db, .sweptAgain) ?? .max
        try Meta.set(db, .sweptAgain, min(start, underWay))
    }
}

extension BranchTable {
    /// From where on something may have been kept for a tag of this state: what replaced what it shows came later. Of a branch
    /// that is gone the newest versions were kept, too, which nothing replaced.
    func oldestHeld(by branch: Branch, at revision: Revision) -> Revision {
        levels(of: branch, at: revision).map { level in
            guard let owner = byID[level.branch], owner.deleted != nil else { return level.upTo }
            return min(level.upTo, owner.created)
        }.min() ?? 0
    }

    /// The same of what a merge has contained of it so far: what it starts from is held by itself.
    func oldestHeldAlone(by branch: Branch, at revision: Revision) -> Revision {
        branch.deleted == nil ? revision : oldestHeld(by: branch, at: revision)
    }

    /// The same of a branch that goes. Once branches are merged, others may be no base between any two without it.
    func oldestHeld(by branch: Branch) -> Revision {
        mergeCount > 0 ? 0 : min(branch.fork, oldestHeld(by: branch, at: .max))
    }
}

extension [Revision] {
    /// Whether one of them lies in a span; they are in ascending order.
    func hasOne(from first: Revision, below end: Revision) -> Bool {
        var (low, high) = (startIndex, endIndex)
        while low < high {
            let middle = low + (high - low) / 2
            if self[middle] < first { low = middle + 1 } else { high = middle }
        }
        return low < endIndex && self[low] < end
    }
}
