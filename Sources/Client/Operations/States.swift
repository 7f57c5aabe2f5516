// Reads of states by their names: tags, what another branch had, what was there an hour ago. A name is looked up first; the
// answer is that of the revision that it meant.

extension Memory {
    /// The branch and revision that a state's name means.
    /// - Parameters:
    ///   - name: the state. A branch that it does not name is the connection's.
    ///   - timeout: `nil`: the connection's.
    /// - Returns: a name with both.
    /// - Throws: what ``compare(_:_:timeout:)`` throws; ``MembusError/refused(_:)`` with
    ///   ``/MembusModel/Refusal/Code/unknownTag``.
    public func state(of name: StateName, timeout: Duration? = nil) async throws -> StateName {
        if let revision = name.revision { return .branch(name.branch ?? branch, at: revision) }
        return try await compare(name, name, timeout: timeout).from
    }

    /// The revision that a state's name means: of a time, say, or of what was there three commits ago.
    /// - Parameters:
    ///   - name: the state. A branch that it does not name is the connection's.
    ///   - timeout: `nil`: the connection's.
    /// - Throws: what ``compare(_:_:timeout:)`` throws.
    public func revision(of name: StateName, timeout: Duration? = nil) async throws -> Revision {
        try await state(of: name, timeout: timeout).revision ?? 0
    }

    /// The record that a state has under a key; `nil` if there is none.
    ///
    /// ```swift
    /// let old = try await memory.get("plans/lisbon", at: .tag("before-the-trip"))
    /// ```
    /// - Throws: like ``get(_:at:branch:timeout:)-([String],_,_,_)`` and ``state(of:timeout:)``.
    public func get(_ key: String, at state: StateName, timeout: Duration? = nil) async throws -> Record? {
        try await get([key], at: state, timeout: timeout)[key]
    }

    /// Several records of a state.
    /// - Throws: like ``get(_:at:branch:timeout:)-([String],_,_,_)`` and ``state(of:timeout:)``.
    public func get(_ keys: [String], at state: StateName, timeout: Duration? = nil) async throws -> Snapshot {
        let state = try await self.state(of: state, timeout: timeout)
        return try await get(keys, at: state.revision, branch: state.branch, timeout: timeout)
    }

    /// The records that a state has of some topics, page by page.
    /// - Throws: like ``state(of:timeout:)``.
    public func range(
        _ topics: [String], at state: StateName, keysOnly: Bool = false, pageSize: Int = 1000, timeout: Duration? = nil
    ) async throws -> Pages<Record> {
        let state = try await self.state(of: state, timeout: timeout)
        return range(
            topics, at: state.revision, keysOnly: keysOnly, branch: state.branch, pageSize: pageSize, timeout: timeout)
    }

    /// Has the connection's branch, or some topics of it, be again as a state of its past shows them.
    ///
    /// - Parameter state: one that lies on the branch's line: its own, or what it started from. A tag of such a state will do.
    /// - Throws: ``MembusError/refused(_:)`` if it does not; else like
    ///   ``rollback(to:topics:on:message:timeout:)-(Revision,_,_,_,_)`` and ``state(of:timeout:)``.
    @discardableResult
    public func rollback(
        to state: StateName, topics: [String] = ["/"], on branch: BranchName? = nil, message: String = "",
        timeout: Duration? = nil
    ) async throws -> Receipt {
        let branch = branch ?? self.branch
        let past = try await pastState(state, of: branch, timeout: timeout)
        return try await rollback(to: past, topics: topics, on: branch, message: message, timeout: timeout)
    }

    /// The revision at which a branch showed what a state does.
    package func pastState(
        _ name: StateName, of branch: BranchName, timeout: Duration? = nil
    ) async throws -> Revision {
        let state = try await state(
            of: name.branch == nil ? StateName(branch, name.moment) : name, timeout: timeout)
        let revision = state.revision ?? 0
        guard let other = state.branch, other != branch else { return revision }
        let compared = try await compare(state, .branch(branch, at: revision), timeout: timeout)
        guard compared.onlyFrom == 0, compared.onlyTo == 0 else {
            throw MembusError.refused(
                Refusal(
                    .invalidArgument, "\(name) is a state of branch \(other), which \(branch) never was in",
                    hint: "merge \(other), or fork it at \(revision)", subject: name.description))
        }
        return revision
    }
}
