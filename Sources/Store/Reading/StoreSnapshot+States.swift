import MembusModel

extension StoreSnapshot {
    /// The branch and revision that a state's name means. A name that is no branch's may be a tag's.
    func revision(of state: BranchState) throws -> (branch: Branch, revision: Revision) {
        switch state.moment {
        case .tag(let name): return try tagged(name)
        case .head:
            if branches.byName[state.branch] == nil, let name = try? TagName(state.branch.text),
                try TagRow.tag(db, name) != nil
            {
                return try tagged(name)
            }
            if branches.byName[state.branch] == nil {
                throw Refusal(
                    .unknownBranch, "there is no branch and no tag \"\(state.branch)\"",
                    hint: "list the branches, or the tags; a past state is a revision, or how long ago, such as 10m",
                    subject: state.branch.text)
            }
            return (try branch(state.branch), visible)
        case .revision(let revision): return (try branch(state.branch, at: revision), revision)
        case .back(let count):
            let branch = try branch(state.branch)
            return (branch, try revision(before: count, of: branch))
        case .time(let time): return (try branch(state.branch), try revision(at: time))
        }
    }

    private func tagged(_ name: TagName) throws -> (branch: Branch, revision: Revision) {
        guard let tag = try TagRow.tag(db, name), tag.created <= visible, let branch = branches.byID[tag.branch] else {
            throw Refusal.unknownTag(name)
        }
        return (branch, tag.revision)
    }

    /// Commits' times never run back, and above the floor every revision has its commit.
    private func revision(at time: Timestamp) throws -> Revision {
        func isWritten(_ revision: Revision) throws -> Bool? {
            try db.first("SELECT time FROM commits WHERE revision = ?", [revision]) {
                Timestamp(milliseconds: try $0[0]) <= time
            }
        }
        var (low, high) = (floor, visible + 1)
        while low + 1 < high {
            let middle = low + (high - low) / 2
            if try isWritten(middle) ?? true { low = middle } else { high = middle }
        }
        // The floor's own commit may be gone, and when it was with it.
        guard low == floor, floor > 0, try isWritten(floor) != true else { return low }
        throw Refusal(
            .belowFloor, "what was there at that time is no longer kept: the floor is revision \(floor)",
            subject: "\(floor)")
    }

    private func revision(before count: Int, of branch: Branch) throws -> Revision {
        var left = count
        for level in branches.levels(of: branch, at: visible) {
            let cursor = try db.rows(
                "SELECT revision FROM commits WHERE branch = ? AND revision <= ? ORDER BY revision DESC LIMIT ?",
                [level.branch, level.upTo, min(left, Self.furthestBack) + 1])
            while let row = try cursor.next() {
                if left == 0 { return try row[0] }
                left -= 1
            }
            if left > Self.furthestBack { break }
        }
        if left == 0, floor == 0 { return 0 }
        throw Refusal(
            floor > 0 ? .belowFloor : .invalidArgument,
            "\(branch.name) has no state before its newest \(count) commits"
                + (floor > 0 ? " that is still kept: the floor is revision \(floor)" : ""), subject: "~\(count)")
    }

    /// Further back than this a state is named by its revision.
    private static let furthestBack = 100_000
}
