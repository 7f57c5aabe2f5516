extension Memory {
    /// Who last changed each line of a text, each member of a JSON object, or the value as a whole. Reads the key's versions
    /// from the newest back, until each part's origin is found; what a merge or a revert wrote is by that.
    ///
    /// ```swift
    /// for line in try await memory.blame("plans/lisbon")?.lines ?? [] {
    ///     print(line.commit.revision, line.commit.agent, line.text ?? "")
    /// }
    /// ```
    /// - Parameters:
    ///   - key: the record's.
    ///   - revision: as of which state; `nil`: the newest.
    ///   - branch: `nil`: the connection's.
    ///   - most: versions to look at. What is not found by then is told to be ``/MembusModel/Blame/Line/isAtOrBefore``, like
    ///     what goes back to where history is no longer kept.
    ///   - timeout: of each page of versions; `nil`: the connection's.
    /// - Returns: `nil`: there is no record.
    /// - Throws: ``MembusError/refused(_:)``, with ``/MembusModel/Refusal/Code/belowFloor`` if the revision is no longer kept,
    ///   or ``/MembusModel/Refusal/Code/unknownBranch``; else what iterating ``history(_:before:branch:pageSize:timeout:)``
    ///   throws.
    public func blame(
        _ key: String, at revision: Revision? = nil, branch: BranchName? = nil, most: Int = 10_000,
        timeout: Duration? = nil
    ) async throws -> Blame? {
        let branch = branch ?? self.branch
        if let revision {
            // A history that begins before a revision does not tell whether that one is there.
            let state = StateName.branch(branch, at: revision)
            _ = try await compare(state, state, timeout: timeout)
        }
        // Mostly a few are enough.
        let versions = history(
            key, before: revision.map { $0 &+ 1 }, branch: branch, pageSize: min(max(1, most), 32), timeout: timeout)
        var walk: BlameWalk?
        var (looked, oldest) = (0, Revision.max)
        for try await version in versions {
            if looked > 0, looked >= most { return walk?.blame(isWhole: false) }
            if walk == nil {
                if version.record.isDeleted { return nil }
                walk = BlameWalk(version)
            } else {
                walk?.take(version)
            }
            (looked, oldest) = (looked + 1, version.record.revision)
            if walk?.isDone == true { return walk?.blame(isWhole: true) }
        }
        guard let walk else { return nil }
        // The floor's own version is kept, not what it replaced.
        return walk.blame(isWhole: oldest > (try await status(timeout: timeout).figures.floor))
    }
}
