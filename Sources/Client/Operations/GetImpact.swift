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
    ///   - excluded: commits that are good, whatever they read.
    ///   - ownOnly: leaves out what is only known in a context.
    ///   - timeout: `nil`: the connection's.
    /// - Throws: ``MembusError/refused(_:)`` if a revision is no longer kept, or did not write the key; else like
    ///   ``get(_:at:branch:timeout:)``.
    public func impact(
        of versions: [VersionName] = [], revisions: [Revision] = [], excluding excluded: [Revision] = [],
        ownOnly: Bool = false, timeout: Duration? = nil
    ) async throws -> Impact {
        try await connection.ask(
            GetImpact(versions: versions, revisions: revisions, excluded: excluded, ownOnly: ownOnly), timeout: timeout
        ).answer
    }

    /// Undoes what followed from some versions, with them: one commit on each branch that shows any of it. Others go on
    /// meanwhile, so that it looks again until nothing new has followed.
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
    /// - Throws: like ``impact(of:revisions:excluding:ownOnly:timeout:)`` and
    ///   ``revert(versions:revisions:of:on:resolutions:message:timeout:)``. What was done on some branches stays done.
    @discardableResult
    public func revertCascade(
        of versions: [VersionName] = [], revisions: [Revision] = [], excluding excluded: [Revision] = [],
        ownOnly: Bool = false, on branches: [BranchName]? = nil, resolutions: [Resolution] = [], message: String = "",
        timeout: Duration? = nil
    ) async throws -> [(branch: BranchName, receipt: Receipt)] {
        var done: [(branch: BranchName, receipt: Receipt)] = []
        var known: Set<Revision> = []
        // Who writes faster on what is bad than it is undone has the last word.
        for _ in 0..<8 {
            let impact = try await self.impact(
                of: versions, revisions: revisions, excluding: excluded, ownOnly: ownOnly, timeout: timeout)
            guard impact.unlisted == 0 else {
                throw MembusError.refused(
                    Refusal(
                        .limitExceeded,
                        "\(impact.commits.count + impact.unlisted) commits derive from it, more than one revert takes",
                        hint: "revert in steps, or exclude commits that are good", subject: "commits"))
            }
            // A seed that is a single version of a larger commit is named by itself.
            let derived = impact.commits.filter { commit in
                commit.edges.contains { $0.reason != .seed } || revisions.contains(commit.commit.revision)
            }.map(\.commit.revision)
            if !known.isEmpty, Set(derived).isSubset(of: known) { break }
            known = Set(derived).union(revisions)
            for branch in try await targets(branches, timeout) {
                let receipt = try await revert(
                    versions: versions, revisions: derived.isEmpty ? revisions : derived, on: branch,
                    resolutions: resolutions, message: message, timeout: timeout)
                if receipt.isCommitted { done.append((branch, receipt)) }
            }
            if known.isEmpty { break }
        }
        return done
    }

    private func targets(_ branches: [BranchName]?, _ timeout: Duration?) async throws -> [BranchName] {
        if let branches { return branches }
        return try await self.branches(timeout: timeout).map(\.name)
    }
}
