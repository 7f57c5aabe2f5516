extension Memory {
    /// All branches that are there, `main` among them, in the order in which they were made.
    /// - Parameters:
    ///   - withFigures: whether each tells how it stands to its parent: ``/MembusModel/BranchInfo/figures``. It costs as much as
    ///     was committed since the branches were made; they are read in pages of a thousand.
    ///   - timeout: of each page; `nil`: the connection's.
    /// - Throws: ``MembusError/timeout(of:outcomeUnknown:last:)``; ``MembusError/closed``; `CancellationError`.
    public func branches(withFigures: Bool = false, timeout: Duration? = nil) async throws -> [BranchInfo] {
        var names = NamesInParts(.all(withFigures: withFigures))
        return try await connection.begin(&names, .each(timeout ?? connection.settings.timeout)).branches
    }

    /// All tags, in the order of their names' bytes.
    /// - Parameter timeout: of each page; `nil`: the connection's.
    /// - Throws: like ``branches(withFigures:timeout:)``.
    public func tags(timeout: Duration? = nil) async throws -> [TagInfo] {
        var names = NamesInParts(.allTags)
        return try await connection.begin(&names, .each(timeout ?? connection.settings.timeout)).tags
    }

    /// What a tag names, and who named it.
    /// - Throws: ``MembusError/refused(_:)`` with ``/MembusModel/Refusal/Code/unknownTag``; else like
    ///   ``branches(withFigures:timeout:)``.
    public func tag(_ name: TagName, timeout: Duration? = nil) async throws -> TagInfo {
        guard let tag = try await connection.ask(GetBranches(.tag(name)), timeout: timeout).answer.tags.first else {
            throw Connection.unexpected
        }
        return tag
    }
}
