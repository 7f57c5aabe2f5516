import MembusModel

extension Batch {
    /// A commit without changes on the new branch.
    mutating func execute(_ fork: Fork, by author: Author) throws -> WriteResult {
        if let refusal = FreeText.refusal(fork.context, "context") ?? FreeText.refusal(fork.message, "message") {
            return .refused(refusal)
        }
        let state = writer.state
        if state.branches.byName[fork.name] != nil {
            return .refused(
                Refusal(.branchExists, "the branch \"\(fork.name)\" exists already", subject: fork.name.text))
        }
        guard let parent = state.branches.byName[fork.parent] else { return .refused(.unknownBranch(fork.parent)) }
        let at = fork.at ?? state.head.revision
        if let refusal = Refusal.outside(at, floor: state.floor, head: state.head.revision) { return .refused(refusal) }

        var resolved = fork
        resolved.at = at
        let position = try make(
            DecidedFork(resolved, id: state.branches.largestID + 1), from: parent, at: at,
            info(author, on: fork.name, context: fork.context, message: fork.message))
        return .outcome(.committed(position))
    }

    /// The branch's row, and its commit.
    mutating func make(
        _ fork: DecidedFork, from parent: Branch, at: Revision, _ info: CommitInfo
    ) throws -> Position {
        let head = writer.state.head.revision
        let branch = Branch(id: fork.id, name: fork.fork.name, parent: parent.id, fork: at, created: head + 1)
        try db.run(
            "INSERT INTO branches(id, name, parent, fork_revision, created) VALUES(?, ?, ?, ?, ?)",
            [branch.id, branch.name.text, parent.id, branch.fork, branch.created])
        let position = try append(info, on: branch, fork: fork, preconditions: [], reads: [], records: [])
        writer.state.branches.add(branch)
        writer.state.expiry.forked(branch, from: parent.id, atHead: at == head)
        return position
    }
}

extension Refusal {
    /// Why a state can't be named by this revision.
    static func outside(_ revision: Revision, floor: Revision, head: Revision) -> Refusal? {
        if revision < floor {
            return Refusal(.belowFloor, "revision \(revision) lies below the floor, \(floor)", subject: "\(revision)")
        }
        if revision > head {
            return Refusal(.beyondHead, "revision \(revision) lies beyond the head, \(head)", subject: "\(revision)")
        }
        return nil
    }
}
