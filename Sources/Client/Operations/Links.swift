import MembusSystem

extension Memory {
    /// Records and the links between them, some steps away from where one starts, as of one state. Links that lead nowhere are
    /// shown: their node has no revision.
    ///
    /// ```swift
    /// let around = try await memory.links(of: "plans/lisbon", depth: 2)
    /// let way = try await memory.links(of: "people/ada", to: "plans/lisbon")   // only shortest paths
    /// ```
    /// - Parameters:
    ///   - keys: the starts: at least one, at most 1,000.
    ///   - depth: steps, at most 16; `nil`: one, or with `to` as many as it takes.
    ///   - direction: which way links are followed.
    ///   - relations: only links of these; none: of all.
    ///   - target: only what lies on shortest paths from a start to this key.
    ///   - limit: edges, at most 10,000. ``/MembusModel/LinkGraph/isCut`` tells whether there are more.
    ///   - revision: as of which state; `nil`: the newest that the index holds, which contains whatever this client was told
    ///     is committed.
    ///   - branch: `nil`: the connection's.
    ///   - token: the answer is of a state that contains what this stands for.
    ///   - timeout: `nil`: the connection's.
    /// - Throws: like a search; a key without record or link is no error.
    public func links(
        of keys: [String], depth: Int? = nil, direction: LinkDirection = .both, relations: [String] = [],
        to target: String? = nil, limit: Int = 1000, at revision: Revision? = nil, branch: BranchName? = nil,
        atLeast token: Token? = nil, timeout: Duration? = nil
    ) async throws -> LinkGraph {
        var starts: [Key] = []
        for key in keys { starts.append(try keyed(key)) }
        let asked = GetLinks(
            branch: branch ?? self.branch, at: revision, keys: starts, direction: direction, relations: relations,
            depth: depth ?? 0, limit: limit, to: try target.map { try keyed($0) }, atLeast: token?.revision ?? 0)
        return try await ask(asked, after: token, timeout: timeout)
    }

    /// The same, from keys that are named one by one.
    public func links(
        of keys: String..., depth: Int? = nil, direction: LinkDirection = .both, relations: [String] = [],
        to target: String? = nil, limit: Int = 1000, at revision: Revision? = nil, branch: BranchName? = nil,
        atLeast token: Token? = nil, timeout: Duration? = nil
    ) async throws -> LinkGraph {
        try await links(
            of: keys, depth: depth, direction: direction, relations: relations, to: target, limit: limit, at: revision,
            branch: branch, atLeast: token, timeout: timeout)
    }
}
