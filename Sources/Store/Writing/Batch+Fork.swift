import MembusModel

extension Batch {
    /// So many expiring records are looked at to tell how many a fork holds fast.
    private static let mostCounted = 1000

    /// A commit without changes on the new branch.
    mutating func execute(_ fork: Fork, by author: Author) throws -> WriteResult {
        if let refusal = FreeText.refusal(context: fork.context, message: fork.message) { return .refused(refusal) }
        // No copy of all branches is kept, as one is about to be added.
        let head = writer.state.head.revision
        try checkFree(fork.name)
        guard let parent = writer.state.branches.byName[fork.parent] else {
            return .refused(.unknownBranch(fork.parent))
        }
        let at = fork.at ?? head
        if let deleted = parent.deleted, try !TagRow.isTagged(db, parent, at: at) {
            return .refused(.deletedBranch(parent.name, by: deleted))
        }
        try check(at, on: parent)

        var resolved = fork
        (resolved.at, resolved.expires) = (at, false)
        let inherited: InheritedExpiry = fork.expires ? .all : at < head ? .frozen : .asOnParent
        let position = try make(
            DecidedFork(resolved, id: writer.state.branches.largestID + 1), from: parent, at: at, inherited,
            info(author, on: fork.name, context: fork.context, message: fork.message))
        if inherited == .frozen, let frozen = try countFrozen(on: fork.name) {
            return .outcome(.forked(position, frozen))
        }
        return .outcome(.committed(position))
    }

    private func checkFree(_ name: BranchName) throws {
        if let branch = writer.state.branches.byName[name] {
            throw Refusal(
                .branchExists,
                branch.deleted.map {
                    "there was a branch \"\(name)\", which revision \($0) deleted; its name is never used again"
                } ?? "the branch \"\(name)\" exists already", subject: name.text)
        }
        if try TagRow.tag(db, TagName(unchecked: name.text)) != nil {
            throw Refusal(
                .tagExists, "\"\(name)\" is the name of a tag", hint: "choose another name", subject: name.text)
        }
    }

    /// The branch's row, and its commit.
    mutating func make(
        _ fork: DecidedFork, from parent: Branch, at: Revision, _ inherited: InheritedExpiry, _ info: CommitInfo
    ) throws -> Position {
        let head = writer.state.head.revision
        let branch = Branch(
            id: fork.id, name: fork.fork.name, parent: parent.id, fork: at, created: head + 1, inherited: inherited)
        try db.run(
            "INSERT INTO branches(id, name, parent, fork_revision, created, inherited) VALUES(?, ?, ?, ?, ?, ?)",
            [branch.id, branch.name.text, parent.id, branch.fork, branch.created, Int64(inherited.rawValue)])
        try BareCommits.add(db, branch.created, on: branch.id)
        let position = try append(
            info, on: branch, fork: fork, preconditions: [], reads: [], records: [],
            provenance: Provenance(deed: inherited == .asOnParent ? nil : .fork(inherited)))
        writer.state.branches.add(branch)
        writer.state.expiry.forked(branch, from: parent, atHead: at == head)
        return position
    }

    /// - Returns: `nil`: none.
    private func countFrozen(on name: BranchName) throws -> FrozenCount? {
        guard let branch = writer.state.branches.byName[name] else { return nil }
        let levels = writer.state.branches.levels(of: branch, at: writer.state.head.revision)
        let upTo = Dictionary(levels.map { ($0.branch, $0.upTo) }, uniquingKeysWith: max)
        // What is still to expire comes first: what has expired long ago has mostly been deleted.
        let entries = try db.rows(
            """
            SELECT expires, position, branch, key FROM changes WHERE expires IS NOT NULL
            ORDER BY expires DESC, position DESC LIMIT ?
            """, [Self.mostCounted + 1])
        var (count, looked) = (FrozenCount(records: 0, isAll: true), 0)
        while let entry = try entries.next() {
            looked += 1
            if looked > Self.mostCounted {
                count.isAll = false
                break
            }
            let place = LogCursor(position: try entry[1])
            guard let limit = upTo[try entry[2]], place.revision <= limit else { continue }
            if try NewestVersion.place(db, try entry[3], levels) == place { count.records += 1 }
        }
        return count.records == 0 && count.isAll ? nil : count
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
