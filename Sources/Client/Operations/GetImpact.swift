import MembusSystem

extension Memory {
    /// What followed from some versions, or from all that some commits wrote: every commit, on any branch, that is on record to
    /// have built on them, directly or through others, and who knows of them and has written nothing since.
    ///
    /// A commit derives if it is on record to have read or required something that is bad by then; or, unless `ownOnly`, if its
    /// agent had read or written such before, in the same context. What it wrote is bad, too, and so is what is made of it:
    /// by increments, appends, patches, merges and rollbacks.
    /// - Parameters:
    ///   - versions: single ones.
    ///   - revisions: all that these commits wrote.
    ///   - author: all that these commits wrote, of every branch.
    ///   - excluded: commits that are good, whatever they read.
    ///   - ownOnly: leaves out what is only known in a context.
    ///   - belowFloor: what is no longer kept is left out, instead of being refused: what derived there is not told, nor what
    ///     derives through that. `Impact.since` tells from where on it was looked for.
    ///   - timeout: of each request; `nil`: the connection's.
    /// - Throws: ``MembusError/refused(_:)`` if a revision is no longer kept, or did not write the key; else like
    ///   ``get(_:at:branch:timeout:)``.
    public func impact(
        of versions: [VersionName] = [], revisions: [Revision] = [], by author: Authorship? = nil,
        excluding excluded: [Revision] = [], ownOnly: Bool = false, belowFloor: Bool = false, timeout: Duration? = nil
    ) async throws -> Impact {
        try await connection.ask(
            GetImpact(
                versions: versions, revisions: revisions, by: author, excluded: excluded, ownOnly: ownOnly,
                belowFloor: belowFloor),
            timeout: timeout
        ).answer
    }

    /// Undoes what followed from some versions, with them: one commit on each branch that shows any of it, each of which is
    /// decided in the state that it is written in. Others go on meanwhile, on other branches, too: the same call again undoes
    /// what has followed since.
    /// - Parameters:
    ///   - versions: single ones.
    ///   - revisions: all that these commits wrote.
    ///   - excluded: commits that are good, whatever they read.
    ///   - ownOnly: leaves out what is only known in a context.
    ///   - branches: where; `nil`: everywhere.
    ///   - resolutions: of keys whose history can't be told without what is undone.
    ///   - message: what the commits are recorded with.
    ///   - timeout: of each request; `nil`: the connection's.
    /// - Returns: of each branch with a commit, its receipt; none: nothing of it is there any more.
    /// - Throws: like ``revert(versions:revisions:of:on:cascade:resolutions:message:timeout:)``. What was done on some
    ///   branches stays done.
    @discardableResult
    public func revertCascade(
        of versions: [VersionName] = [], revisions: [Revision] = [], excluding excluded: [Revision] = [],
        ownOnly: Bool = false, on branches: [BranchName]? = nil, resolutions: [Resolution] = [], message: String = "",
        timeout: Duration? = nil
    ) async throws -> [(branch: BranchName, receipt: Receipt)] {
        var done: [(branch: BranchName, receipt: Receipt)] = []
        let all = try await branches == nil ? self.branches(timeout: timeout).map(\.name) : []
        for branch in branches ?? all {
            let receipt = try await revert(
                versions: versions, revisions: revisions, on: branch,
                cascade: Cascade(ownOnly: ownOnly, excluded: excluded), resolutions: resolutions, message: message,
                timeout: timeout)
            if receipt.isCommitted { done.append((branch, receipt)) }
        }
        return done
    }
}
