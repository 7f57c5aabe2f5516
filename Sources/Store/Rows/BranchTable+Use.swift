import MembusModel

// Who may do what with a branch:
//
//               read, fork, merge from   merge into   write   expire
//   open                 yes                yes        yes     yes
//   protected            yes                yes        no      yes
//   closed               yes                no         no      no
//   deleted              no                 no         no      no     (but what a tag names of it can be read, and forked)

extension BranchTable {
    /// A branch that is there.
    func present(_ name: BranchName) throws(Refusal) -> Branch {
        guard let branch = byName[name] else { throw .unknownBranch(name) }
        if let deleted = branch.deleted { throw .deletedBranch(name, by: deleted) }
        return branch
    }

    /// A branch that a merge may be committed on.
    func mergeable(_ name: BranchName) throws(Refusal) -> Branch {
        let branch = try present(name)
        if let closed = branch.closed {
            throw Refusal(
                .notWritable, "branch \"\(name)\" was closed by revision \(closed)",
                hint: "write to another branch, or reopen it", subject: name.text)
        }
        return branch
    }

    /// A branch that anything else may be committed on.
    func writable(_ name: BranchName) throws(Refusal) -> Branch {
        let branch = try mergeable(name)
        if let protected = branch.protected {
            throw Refusal(
                .notWritable, "branch \"\(name)\" takes only merges: revision \(protected) protected it",
                hint: "write to a fork of it, and merge that; or unprotect it", subject: name.text)
        }
        return branch
    }
}

extension Branch {
    /// What it is after a change by this commit.
    /// - Returns: `nil`: it is so already.
    func after(_ action: BranchChange.Action, by revision: Revision) throws(Refusal) -> Branch? {
        if let deleted { throw .deletedBranch(name, by: deleted) }
        var changed = self
        switch action {
        case .close:
            if parent == nil { throw .ofMain("closed") }
            changed.closed = closed ?? revision
        case .reopen: changed.closed = nil
        case .protect: changed.protected = protected ?? revision
        case .unprotect: changed.protected = nil
        case .delete:
            if parent == nil { throw .ofMain("deleted") }
            if let protected {
                throw Refusal(
                    .notWritable, "branch \"\(name)\" can't be deleted: revision \(protected) protected it",
                    hint: "unprotect it first", subject: name.text)
            }
            changed.deleted = revision
        }
        if changed == self { return nil }
        changed.changed = revision
        return changed
    }
}

extension Refusal {
    static func deletedBranch(_ name: BranchName, by revision: Revision) -> Refusal {
        Refusal(
            .unknownBranch, "branch \"\(name)\" was deleted by revision \(revision)",
            hint: "read what its forks or tags show of it; its name is never used again", subject: name.text)
    }

    fileprivate static func ofMain(_ what: String) -> Refusal {
        Refusal(.invalidArgument, "branch \"main\" can't be \(what)", hint: "name another", subject: "main")
    }

    static func unknownTag(_ name: TagName) -> Refusal {
        Refusal(.unknownTag, "there is no tag \"\(name)\"", subject: name.text)
    }
}
