import MembusSystem

extension Memory {
    /// Brings what another branch has into a branch: one commit, or none. From then on the branch contains all that the
    /// source contained.
    ///
    /// Looked at are the keys that the source's own commits have changed, and those of what it has merged. Of a key that only
    /// one side has changed that side stands; counters add up; JSON objects are merged by member, texts by line; else
    /// somebody decides, by `settle`, by a policy, or by `resolutions`.
    /// - Parameters:
    ///   - source: the branch to bring in.
    ///   - target: where to; `nil`: the connection's branch.
    ///   - revision: of the source; `nil`: the newest.
    ///   - resolutions: what is decided already.
    ///   - carriesRules: whether records under `.membus/policies/` and `.membus/rights/` come along.
    ///   - parks: whether what nobody decides is left for later, as records that ``conflicts(on:timeout:)`` tells.
    ///   - message: what the commit is recorded with.
    ///   - timeout: of each try; `nil`: the connection's.
    ///   - settle: is asked about each conflict; `nil`: it is left, and then nothing is written.
    /// - Throws: ``MembusError/unsettled(_:unlisted:at:)`` with what is left to decide;
    ///   ``MembusError/refused(_:)`` if there is no such branch, or a merge is too large;
    ///   else like ``transact(message:branch:retries:timeout:_:)``.
    @discardableResult
    public func merge(
        _ source: BranchName, into target: BranchName? = nil, at revision: Revision? = nil,
        resolutions: [Resolution] = [], carriesRules: Bool = false, parks: Bool = false, message: String = "",
        timeout: Duration? = nil,
        settle: ((MergeConflict) throws -> Resolution.Choice?)? = nil
    ) async throws -> MergeOutcome {
        var merge = Merge(
            source, into: target ?? branch, at: revision, resolutions: resolutions, carriesRules: carriesRules,
            // Whoever is asked is asked before anything is left for later.
            parks: parks && settle == nil, context: context, message: message)
        // Others write on meanwhile: what was decided may be about older versions by then.
        for attempt in 1... {
            do {
                return try await Submission(connection: connection, .merge(merge), timeout: timeout).outcome()
            } catch MembusError.unsettled(let conflicts, let unlisted, let position) where settle != nil && attempt < 16
            {
                let before = merge.resolutions
                for conflict in conflicts {
                    merge.resolutions.removeAll { $0.key == conflict.key }
                    if let choice = try settle?(conflict) { merge.resolutions.append(conflict.resolved(choice)) }
                }
                if Set(merge.resolutions) == Set(before) {
                    if parks, !merge.parks {
                        merge.parks = true
                        continue
                    }
                    throw MembusError.unsettled(conflicts, unlisted: unlisted, at: position)
                }
            }
        }
        throw Connection.unexpected
    }

    /// Has a branch, or some topics of it, be again as they were at a revision: one commit, whoever changed what since. What
    /// has expired does not return.
    /// - Parameters:
    ///   - revision: the one to go back to.
    ///   - topics: prefixes that end in `/`, or keys.
    ///   - branch: `nil`: the connection's.
    ///   - message: what the commit is recorded with.
    ///   - timeout: `nil`: the connection's.
    /// - Returns: without a commit if nothing has changed since.
    /// - Throws: ``MembusError/refused(_:)`` if the revision is no longer kept, or too much has changed since;
    ///   else like ``transact(message:branch:retries:timeout:_:)``.
    @discardableResult
    public func rollback(
        to revision: Revision, topics: [String] = ["/"], on branch: BranchName? = nil, message: String = "",
        timeout: Duration? = nil
    ) async throws -> Receipt {
        let rollback = Rollback(
            branch ?? self.branch, to: revision, filter: try filtered(topics), context: context, message: message)
        return try await Submission(connection: connection, .rollback(rollback), timeout: timeout).receipt()
    }

    /// Leaves versions out of the history of their keys: one commit. Each key gets what its history gives without them: the
    /// newest remaining whole write, with the increments, appends and patches on it made again. Later whole writes stay.
    /// Reverting a revert restores.
    /// - Parameters:
    ///   - versions: single ones.
    ///   - revisions: all that these commits wrote.
    ///   - author: all that an agent wrote on the branch, or in a context, after a revision.
    ///   - branch: `nil`: the connection's.
    ///   - cascade: what derives from them goes, too, whatever commits it is of; `nil`: only what is named.
    ///   - resolutions: of keys whose history can't be told without them: ``Resolution/Choice/ours`` leaves what is there.
    ///   - message: what the commit is recorded with.
    ///   - timeout: `nil`: the connection's.
    /// - Returns: without a commit if nothing of it is there any more.
    /// - Throws: ``MembusError/unsettled(_:unlisted:at:)`` with the keys whose history can't be told without them;
    ///   ``MembusError/refused(_:)`` if what was before is no longer kept;
    ///   else like ``transact(message:branch:retries:timeout:_:)``.
    @discardableResult
    public func revert(
        versions: [VersionName] = [], revisions: [Revision] = [], of author: Authorship? = nil,
        on branch: BranchName? = nil, cascade: Cascade? = nil, resolutions: [Resolution] = [], message: String = "",
        timeout: Duration? = nil
    ) async throws -> Receipt {
        let revert = Revert(
            branch ?? self.branch, versions: versions, revisions: revisions, author: author, cascade: cascade,
            resolutions: resolutions, context: context, message: message)
        return try await Submission(connection: connection, .revert(revert), timeout: timeout).receipt()
    }
}

/// What a merge came to.
public enum MergeOutcome: Hashable, Sendable {
    case merged(Receipt, MergeReport)
    /// The target contains all of the source already, in this state.
    case nothing(Token)
}

extension Answer {
    /// Of a merge.
    func mergeOutcome() throws -> MergeOutcome {
        guard case .decided(let outcome, _) = self else { throw Connection.unexpected }
        let receipt = try receipt()
        return if case .merged(_, let report) = outcome { .merged(receipt, report) } else { .nothing(receipt.token) }
    }
}

extension Submission {
    fileprivate func outcome() async throws -> MergeOutcome { try await answer().mergeOutcome() }
}
