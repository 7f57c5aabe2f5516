import MembusSystem

extension Memory {
    /// Makes a branch: a line of memory that starts as the parent was at a revision. Copies nothing.
    ///
    /// One that starts below the head stays as that was: records that it inherited do not expire on it, whatever they say
    /// (``Receipt/frozen``), unless `expires`.
    /// - Parameters:
    ///   - name: the new branch's. A name is never used again, also after the branch was deleted.
    ///   - parent: `nil`: the connection's branch.
    ///   - revision: of the parent; `nil`: the newest.
    ///   - expires: whether what it inherited expires on it all the same.
    ///   - message: what the commit is recorded with.
    ///   - timeout: `nil`: the connection's.
    /// - Throws: like ``transact(message:branch:retries:timeout:_:)``; ``MembusError/refused(_:)`` if there is such a
    ///   branch or tag already, or no such parent.
    @discardableResult
    public func fork(
        _ name: BranchName, from parent: BranchName? = nil, at revision: Revision? = nil, expires: Bool = false,
        message: String = "", timeout: Duration? = nil
    ) async throws -> Receipt {
        let fork = Fork(
            name: name, parent: parent ?? branch, at: revision, expires: expires, context: context, message: message)
        return try await Submission(connection: connection, .fork(fork), timeout: timeout).receipt()
    }

    /// The same from any state: `.tag("before-the-trip")`, `.branch("trial", at: 61)`.
    @discardableResult
    public func fork(
        _ name: BranchName, at state: StateName, expires: Bool = false, message: String = "", timeout: Duration? = nil
    ) async throws -> Receipt {
        let state = try await self.state(of: state, timeout: timeout)
        return try await fork(
            name, from: state.branch, at: state.revision, expires: expires, message: message, timeout: timeout)
    }

    /// Nothing is written to the branch from now on, and nothing on it expires. It can be read, forked, and merged into others.
    /// - Returns: without a commit if it is closed already.
    /// - Throws: ``MembusError/refused(_:)`` for `main`, and if there is no such branch; else like
    ///   ``transact(message:branch:retries:timeout:_:)``.
    @discardableResult
    public func closeBranch(_ name: BranchName, message: String = "", timeout: Duration? = nil) async throws -> Receipt
    {
        try await change(name, .close, message, timeout)
    }

    /// Takes ``closeBranch(_:message:timeout:)`` back.
    @discardableResult
    public func reopenBranch(_ name: BranchName, message: String = "", timeout: Duration? = nil) async throws -> Receipt
    {
        try await change(name, .reopen, message, timeout)
    }

    /// Only merges write to the branch from now on, and it can't be deleted.
    /// - Throws: like ``closeBranch(_:message:timeout:)``; `main` can be protected.
    @discardableResult
    public func protectBranch(_ name: BranchName, message: String = "", timeout: Duration? = nil) async throws
        -> Receipt
    {
        try await change(name, .protect, message, timeout)
    }

    /// Takes ``protectBranch(_:message:timeout:)`` back.
    @discardableResult
    public func unprotectBranch(
        _ name: BranchName, message: String = "", timeout: Duration? = nil
    ) async throws -> Receipt { try await change(name, .unprotect, message, timeout) }

    /// The branch is gone for good: views and watches of it fail, saying so, and its name is never used again. What its forks
    /// show of it, and what tags name, stays.
    /// - Throws: like ``closeBranch(_:message:timeout:)``; also for one that is protected.
    @discardableResult
    public func deleteBranch(_ name: BranchName, message: String = "", timeout: Duration? = nil) async throws -> Receipt
    {
        try await change(name, .delete, message, timeout)
    }

    /// Gives a state a name. What it shows is kept for as long as the tag is there, whatever is compacted, and though its branch
    /// is deleted. A tag is never moved.
    ///
    /// ```swift
    /// try await memory.addTag("before-the-trip", at: .revision(40), message: "last good state")
    /// let plan = try await memory.get("plans/lisbon", at: .tag("before-the-trip"))
    /// ```
    /// - Parameters:
    ///   - name: the tag's.
    ///   - state: what it names; a branch that it does not name is the connection's.
    ///   - message: what it is recorded with.
    ///   - timeout: `nil`: the connection's.
    /// - Throws: ``MembusError/refused(_:)`` if the name is taken, by a branch too, or the state is no longer kept; else like
    ///   ``transact(message:branch:retries:timeout:_:)``.
    @discardableResult
    public func addTag(
        _ name: TagName, at state: StateName = .now, message: String = "", timeout: Duration? = nil
    ) async throws -> Receipt {
        // The head is that of the commit, unless a moment is named, or what may be a tag.
        let state = state == .now ? state : try await self.state(of: state, timeout: timeout)
        return try await change(
            name, .create(branch: state.branch ?? branch, at: state.revision), message, timeout)
    }

    /// What only the tag has kept is compacted.
    /// - Throws: ``MembusError/refused(_:)`` if there is no such tag; else like
    ///   ``transact(message:branch:retries:timeout:_:)``.
    @discardableResult
    public func deleteTag(_ name: TagName, message: String = "", timeout: Duration? = nil) async throws -> Receipt {
        try await change(name, .delete, message, timeout)
    }

    private func change(
        _ name: BranchName, _ action: BranchChange.Action, _ message: String, _ timeout: Duration?
    ) async throws -> Receipt {
        let change = BranchChange(name, action, context: context, message: message)
        return try await Submission(connection: connection, .branch(change), timeout: timeout).receipt()
    }

    private func change(
        _ name: TagName, _ action: TagChange.Action, _ message: String, _ timeout: Duration?
    ) async throws -> Receipt {
        let change = TagChange(name, action, context: context, message: message)
        return try await Submission(connection: connection, .tag(change), timeout: timeout).receipt()
    }
}
