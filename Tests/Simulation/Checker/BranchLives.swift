import MembusModel

/// What has become of a history's branches, as far as it was walked through.
struct BranchLives {
    private var made: Set<BranchName> = [.main]
    private var closed: Set<BranchName> = []
    private var protected: Set<BranchName> = []
    private var deleted: Set<BranchName> = []

    /// - Parameter work: what it was asked for by; `nil`: the broker's own.
    /// - Returns: why there should be no such commit.
    mutating func take(_ commit: Commit, _ work: Work?) -> String? {
        let branch = commit.info.branch
        defer { note(work) }
        let what = "\(commit.info.revision), \(work?.branchKind ?? "of the broker"), "
        switch work {
        case .fork(let fork):
            return made.contains(fork.name) ? what + "makes \(fork.name), which was made before" : nil
        // A tag of what a branch has shown is taken away when it is gone.
        case .tag: return nil
        case .branch: return deleted.contains(branch) ? what + "changes \(branch), which is deleted" : nil
        case .merge, .transaction, .rollback, .revert, .pick, .quarantine, nil:
            if deleted.contains(branch) { return what + "is on \(branch), which is deleted" }
            if closed.contains(branch) { return what + "is on \(branch), which is closed" }
            guard protected.contains(branch), work != nil else { return nil }
            if case .merge = work { return nil }
            return what + "is on \(branch), which takes only merges"
        }
    }

    private mutating func note(_ work: Work?) {
        if case .fork(let fork) = work { made.insert(fork.name) }
        guard case .branch(let change) = work else { return }
        switch change.action {
        case .close: closed.insert(change.name)
        case .reopen: closed.remove(change.name)
        case .protect: protected.insert(change.name)
        case .unprotect: protected.remove(change.name)
        case .delete: deleted.insert(change.name)
        }
    }
}

extension Work {
    fileprivate var branchKind: String {
        switch self {
        case .transaction: "a transaction"
        case .fork: "a fork"
        case .merge: "a merge"
        case .rollback: "a rollback"
        case .revert: "a revert"
        case .pick: "a pick"
        case .quarantine: "a quarantine"
        case .branch: "a change of a branch"
        case .tag: "a tag"
        }
    }
}

extension Check {
    /// Whether a record that a branch shows came with one that starts in the past, and was not to expire on it.
    func isFrozen(_ record: Record, on branch: BranchName, _ truth: Truth) -> Bool {
        guard let owner = truth.commit(record.revision)?.info.branch else { return false }
        var current = branch
        while current != owner, let info = truth.branches[current], let parent = info.parent {
            if isThawed(info, truth) { return false }
            if info.forkRevision < info.created - 1 { return true }
            current = parent
        }
        return false
    }

    /// By what its maker had asked for.
    private func isThawed(_ branch: BranchInfo, _ truth: Truth) -> Bool {
        guard let commit = truth.commit(branch.created), let op = Check.op(of: commit),
            case .fork(let fork)? = works[op]
        else { return false }
        return fork.expires
    }

    /// Whether nothing expires on a branch, or not for long enough that it is sure to have.
    func isAsleep(_ branch: BranchName, since revision: Revision, _ truth: Truth) -> Bool {
        guard let info = truth.branches[branch] else { return true }
        if info.isClosed || info.deleted != nil { return true }
        return truth.commits.dropFirst(Int(revision)).contains { $0.info.branch == branch && $0.records.isEmpty }
    }
}
