import MembusModel

// What becomes of branches and tags is decided here, and remembered where every commit's deed is, so that a decided batch that
// comes from elsewhere does the same.

extension Batch {
    mutating func execute(_ change: BranchChange, by author: Author) throws -> WriteResult {
        if let refusal = FreeText.refusal(context: change.context, message: change.message) { return .refused(refusal) }
        let head = writer.state.head
        guard let branch = writer.state.branches.byName[change.name] else {
            throw Refusal.unknownBranch(change.name)
        }
        guard try branch.after(change.action, by: head.revision + 1) != nil else { return .outcome(.held(head)) }
        return .outcome(
            .committed(
                try appendBare(
                    .branch(change.action), on: branch, by: author, context: change.context,
                    message: change.message.isEmpty ? change.action.word : change.message)))
    }

    mutating func execute(_ change: TagChange, by author: Author) throws -> WriteResult {
        if let refusal = FreeText.refusal(context: change.context, message: change.message) { return .refused(refusal) }
        let branch: Branch
        let deed: Deed
        let word: String
        switch change.action {
        case .create(let name, let at):
            let revision = at ?? writer.state.head.revision
            try checkFree(change.name)
            branch = try writer.state.branches.present(name)
            try check(revision, on: branch)
            (deed, word) = (.tag(change.name, revision), "tag")
        case .delete:
            guard let tag = try TagRow.tag(db, change.name), let its = writer.state.branches.byID[tag.branch] else {
                throw Refusal.unknownTag(change.name)
            }
            branch = its
            (deed, word) = (.tag(change.name, nil), "untag")
        }
        return .outcome(
            .committed(
                try appendBare(
                    deed, on: branch, by: author, context: change.context,
                    message: change.message.isEmpty ? "\(word) \(change.name)" : change.message)))
    }

    /// Branches and tags share one space of names.
    private func checkFree(_ name: TagName) throws {
        if let branch = writer.state.branches.byName[BranchName(unchecked: name.text)] {
            throw Refusal(
                .branchExists,
                branch.deleted.map { "\"\(name)\" was the name of a branch, which revision \($0) deleted" }
                    ?? "\"\(name)\" is the name of a branch", subject: name.text)
        }
        if let tag = try TagRow.tag(db, name) {
            throw Refusal(
                .tagExists,
                "the tag \"\(name)\" exists already: it names \(try writer.state.branches.name(tag.branch)) as of revision \(tag.revision)",
                subject: name.text)
        }
    }

    /// That what a branch shows as of a revision is kept.
    func check(_ revision: Revision, on branch: Branch) throws { try planner().check(revision, on: branch) }

    private mutating func appendBare(
        _ deed: Deed, on branch: Branch, by author: Author, context: String, message: String
    ) throws -> Position {
        try append(
            info(author, on: branch.name, context: context, message: message), on: branch, fork: nil,
            preconditions: [], reads: [], records: [], provenance: Provenance(deed: deed))
    }

    // MARK: What is remembered beside the commit

    mutating func remember(_ action: BranchChange.Action, by revision: Revision, on branch: Branch) throws {
        guard let changed = try branch.after(action, by: revision) else {
            throw StoreError.unfitting("branch \"\(branch.name)\" is as revision \(revision) would have it")
        }
        try db.run(
            "UPDATE branches SET closed = ?, protected = ?, deleted = ?, changed = ? WHERE id = ?",
            [changed.closed, changed.protected, changed.deleted, changed.changed, branch.id])
        try BareCommits.add(db, revision, on: branch.id)
        writer.state.branches.add(changed)
        switch action {
        case .reopen: writer.state.expiry.reopened()
        case .delete: deleted.append(branch.name)
        case .close, .protect, .unprotect: break
        }
    }

    mutating func remember(_ name: TagName, at revision: Revision?, by info: CommitInfo, on branch: Branch) throws {
        let known = try TagRow.tag(db, name)
        guard (known == nil) == (revision != nil) else {
            throw StoreError.unfitting("tag \"\(name)\" is \(known == nil ? "not there" : "there already")")
        }
        if let revision {
            try TagRow.insert(
                db,
                TagRow.Tag(
                    name: name, branch: branch.id, revision: revision, agent: info.agent, message: info.message,
                    time: info.time, created: info.revision))
        } else {
            try TagRow.remove(db, name)
            if let known {
                try SecondSweep.begin(
                    db, from: writer.state.branches.oldestHeld(by: branch, at: known.revision))
            }
        }
        try BareCommits.add(db, info.revision, on: branch.id)
    }
}

extension BranchChange.Action {
    /// For a commit that says nothing else.
    fileprivate var word: String {
        switch self {
        case .close: "close"
        case .reopen: "reopen"
        case .protect: "protect"
        case .unprotect: "unprotect"
        case .delete: "delete"
        }
    }
}

extension FreeText {
    static func refusal(context: String, message: String) -> Refusal? {
        refusal(context, "context") ?? refusal(message, "message")
    }
}
