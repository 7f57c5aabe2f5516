import MembusSystem

/// What rewrites memory as a whole, beside transactions, which name each change.
public enum Rewrite: Hashable, Sendable {
    /// See ``Memory/merge(_:into:at:resolutions:carriesRules:parks:message:timeout:settle:)``.
    case merge(
        BranchName, at: Revision? = nil, resolutions: [Resolution] = [], carriesRules: Bool = false, parks: Bool = false
    )
    /// See ``Memory/rollback(to:topics:on:message:timeout:)``.
    case rollback(to: Revision, topics: [String] = ["/"])
    /// See ``Memory/revert(versions:revisions:of:on:cascade:resolutions:message:timeout:)``.
    case revert(
        versions: [VersionName] = [], revisions: [Revision] = [], of: Authorship? = nil, cascade: Cascade? = nil,
        resolutions: [Resolution] = [])
    /// See ``Memory/pick(_:onto:sameReads:resolutions:message:timeout:)``.
    case pick([Revision], sameReads: Bool = false, resolutions: [Resolution] = [])
    /// See ``Memory/quarantine(versions:revisions:of:cascade:reason:on:message:timeout:)``.
    case quarantine(
        versions: [VersionName] = [], revisions: [Revision] = [], of: Authorship? = nil, cascade: Cascade? = nil,
        reason: String)

    func work(
        on branch: BranchName, plan: PlanID? = nil, context: String = "", message: String = ""
    ) throws -> Work {
        switch self {
        case .merge(let source, let at, let resolutions, let carriesRules, let parks):
            .merge(
                Merge(
                    source, into: branch, at: at, resolutions: resolutions, carriesRules: carriesRules, parks: parks,
                    plan: plan, context: context, message: message))
        case .rollback(let to, let topics):
            .rollback(
                Rollback(
                    branch, to: to, filter: try filtered(topics), plan: plan, context: context, message: message))
        case .revert(let versions, let revisions, let author, let cascade, let resolutions):
            .revert(
                Revert(
                    branch, versions: versions, revisions: revisions, author: author, cascade: cascade,
                    resolutions: resolutions, plan: plan, context: context, message: message))
        case .pick(let revisions, let sameReads, let resolutions):
            .pick(
                Pick(
                    revisions, onto: branch, resolutions: resolutions, sameReads: sameReads, plan: plan,
                    context: context, message: message))
        case .quarantine(let versions, let revisions, let author, let cascade, let reason):
            .quarantine(
                Quarantine(
                    branch, versions: versions, revisions: revisions, author: author, cascade: cascade,
                    reason: reason, plan: plan, context: context, message: message))
        }
    }
}

extension Memory {
    /// What a merge, rollback, revert, pick or quarantine would write if it were carried out now. Nothing is written.
    /// - Parameters:
    ///   - rewrite: what is to be done.
    ///   - branch: where; `nil`: the connection's.
    ///   - timeout: `nil`: the connection's.
    /// - Throws: like ``get(_:at:branch:timeout:)``, and ``MembusError/refused(_:)`` with what would refuse the rewrite.
    public func plan(_ rewrite: Rewrite, on branch: BranchName? = nil, timeout: Duration? = nil) async throws -> Plan {
        try await connection.ask(GetPlan(try rewrite.work(on: branch ?? self.branch)), timeout: timeout).answer
    }

    /// Carries a rewrite out: one commit.
    /// - Parameters:
    ///   - rewrite: what is to be done.
    ///   - branch: where; `nil`: the connection's.
    ///   - plan: it is to write exactly what this plan says, over the versions that it was made from; `nil`: whatever it
    ///     writes by now.
    ///   - message: what the commit is recorded with.
    ///   - timeout: `nil`: the connection's.
    /// - Returns: without a commit if there is nothing to write.
    /// - Throws: ``MembusError/refused(_:)`` with ``Refusal/Code/planChanged`` if it would write something else by now;
    ///   ``MembusError/unsettled(_:unlisted:at:)`` if somebody has to decide;
    ///   else like ``transact(message:branch:retries:timeout:_:)``.
    @discardableResult
    public func carryOut(
        _ rewrite: Rewrite, on branch: BranchName? = nil, as plan: PlanID? = nil, message: String = "",
        timeout: Duration? = nil
    ) async throws -> Receipt {
        let work = try rewrite.work(on: branch ?? self.branch, plan: plan, context: context, message: message)
        return try await Submission(connection: connection, work, timeout: timeout).receipt()
    }

    /// Makes the changes of some commits again on a branch: one commit. Each is a three-way change of its keys: what was there
    /// before the commit is the base, what it left is theirs. What others wrote on its branch does not come along.
    ///
    /// A later merge does not know of it: what both sides have by then in the same way agrees, but an increment that was
    /// picked counts again.
    /// - Parameters:
    ///   - revisions: the commits, in the order of history; no merges, rollbacks, reverts or forks.
    ///   - branch: where to; `nil`: the connection's.
    ///   - sameReads: whether what the commits are on record to have read has to be there, in the same versions or as what
    ///     was picked from them.
    ///   - resolutions: what is decided already.
    ///   - message: what the commit is recorded with.
    ///   - timeout: `nil`: the connection's.
    /// - Returns: without a commit if the branch has all of it.
    /// - Throws: ``MembusError/unsettled(_:unlisted:at:)`` with what is left to decide, and with `sameReads` what is not as it
    ///   was read; ``MembusError/refused(_:)`` if a commit can't be picked; else like ``transact(message:branch:retries:timeout:_:)``.
    @discardableResult
    public func pick(
        _ revisions: [Revision], onto branch: BranchName? = nil, sameReads: Bool = false,
        resolutions: [Resolution] = [], message: String = "", timeout: Duration? = nil
    ) async throws -> Receipt {
        try await carryOut(
            .pick(revisions, sameReads: sameReads, resolutions: resolutions), on: branch, message: message,
            timeout: timeout)
    }

    /// Marks what a branch shows of some versions, and of what was made of them: writes it again with an attribute
    /// `membus.quarantine`, which says why. Readers are warned, and transactions that require to be sound fail
    /// (``Draft/requireSound()``). Nothing is taken away. A whole new write of a key ends it there, and so does reverting the
    /// quarantine.
    /// - Parameters:
    ///   - versions: single ones.
    ///   - revisions: all that these commits wrote.
    ///   - author: all that an agent wrote on the branch, or in a context, after a revision.
    ///   - cascade: and what derives from them; `nil`: only what is named.
    ///   - reason: for people.
    ///   - branch: `nil`: the connection's.
    ///   - message: what the commit is recorded with.
    ///   - timeout: `nil`: the connection's.
    /// - Returns: without a commit if the branch shows nothing of it, or all is marked.
    /// - Throws: ``MembusError/refused(_:)`` if a version is not kept, or never was; else like
    ///   ``transact(message:branch:retries:timeout:_:)``.
    @discardableResult
    public func quarantine(
        versions: [VersionName] = [], revisions: [Revision] = [], of author: Authorship? = nil,
        cascade: Cascade? = nil, reason: String, on branch: BranchName? = nil, message: String = "",
        timeout: Duration? = nil
    ) async throws -> Receipt {
        try await carryOut(
            .quarantine(versions: versions, revisions: revisions, of: author, cascade: cascade, reason: reason),
            on: branch, message: message, timeout: timeout)
    }
}

extension Record {
    /// Why it is not to be trusted; `nil`: it is not quarantined.
    public var quarantine: String? { attributes[Quarantine.attribute] }
}
