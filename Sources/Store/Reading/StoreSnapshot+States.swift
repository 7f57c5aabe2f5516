import MembusModel

extension StoreSnapshot {
    /// The revision that a state's name means.
    func revision(of state: BranchState) throws -> Revision {
        let branch = try branch(state.branch)
        switch state.moment {
        case .head: return visible
        case .revision(let revision): return revision
        case .back(let count): return try revision(before: count, of: branch)
        case .time(let time): return try revision(at: time)
        }
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
