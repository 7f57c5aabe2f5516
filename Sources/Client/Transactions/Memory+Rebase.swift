import MembusSystem

/// What a rebase came to.
public struct Rebased: Sendable {
    /// A commit of the old branch, and what was made of it on the new one.
    public struct Picked: Hashable, Sendable {
        public var from: Revision
        public var revision: Revision
    }
    /// The new branch's.
    public var fork: Receipt
    public var picked: [Picked] = []
    /// Merges, rollbacks, reverts and the broker's own, which can't be made again.
    public var passedOver: [Revision] = []
    /// Where it stopped, and why; `nil`: it did not.
    public var stopped: (at: Revision, reason: MembusError)?
}

extension Memory {
    /// Forks a branch anew, from its parent's head, and makes the branch's own commits again there, one by one: as long as
    /// what each is on record to have read is the same there. Where one had read something else, or somebody has to decide,
    /// it stops.
    /// - Parameters:
    ///   - old: the branch. It stays as it is.
    ///   - new: the new branch's name.
    ///   - parent: which branch it starts from; `nil`: the old one's parent.
    ///   - message: what the fork is recorded with. Picked commits keep theirs.
    ///   - timeout: of each request; `nil`: the connection's.
    /// - Throws: ``MembusError/refused(_:)`` if there is no such branch, it is `main`, or the new name is taken; else like
    ///   ``transact(message:branch:retries:timeout:_:)``. What was made stays.
    public func rebase(
        _ old: BranchName, as new: BranchName, onto parent: BranchName? = nil, message: String = "",
        timeout: Duration? = nil
    ) async throws -> Rebased {
        guard let info = try await branches(timeout: timeout).first(where: { $0.name == old }) else {
            throw MembusError.refused(Refusal(.unknownBranch, "there is no branch \"\(old)\"", subject: old.text))
        }
        guard let root = parent ?? info.parent else {
            throw MembusError.refused(
                Refusal(
                    .invalidArgument, "branch \"\(old)\" was forked from none, so that it has no commits of its own",
                    hint: "name a branch that was forked", subject: old.text))
        }
        // What was dropped would be missing without a word.
        let floor = try await status(timeout: timeout).figures.floor
        if info.created <= floor, floor > 0 {
            throw MembusError.refused(
                Refusal(
                    .belowFloor,
                    "branch \"\(old)\" was made by revision \(info.created), and its first commits may be gone: the floor is \(floor)",
                    hint: "merge it, or pick commits above the floor", subject: old.text))
        }
        var commits: [Commit] = []
        // A large commit comes in pieces.
        for try await commit in try log(ascending: true, branch: old, timeout: timeout)
        where commit.info.branch == old && commit.info.revision != info.created
            && commit.info.revision != commits.last?.info.revision
        {
            commits.append(commit)
        }
        var rebased = Rebased(
            fork: try await fork(
                new, from: root, message: message.isEmpty ? "rebase of \(old)" : message, timeout: timeout))
        for commit in commits where !commit.records.isEmpty {
            let revision = commit.info.revision
            do {
                let receipt = try await pick(
                    [revision], onto: new, sameReads: true, message: commit.info.message, timeout: timeout)
                if receipt.isCommitted { rebased.picked.append(.init(from: revision, revision: receipt.revision)) }
            } catch MembusError.refused(let refusal) where refusal.code == .invalidArgument {
                rebased.passedOver.append(revision)
            } catch let error as MembusError {
                guard case .unsettled = error else { throw error }
                rebased.stopped = (revision, error)
                return rebased
            }
        }
        return rebased
    }
}
