import MembusSystem

extension Memory {
    /// What an agent had read, required and written by some revision, as far as it is on record and kept: what was read through
    /// views, and in named contexts, is noted within half a second, and travels with the agent's next commit.
    /// - Parameters:
    ///   - agent: by its name.
    ///   - context: the run, task or conversation; `nil`: all that the agent acted in.
    ///   - revision: up to which commit; `nil`: the newest.
    ///   - timeout: `nil`: the connection's.
    /// - Throws: ``MembusError/refused(_:)`` if the revision is below the floor or beyond the head; else like
    ///   ``get(_:at:branch:timeout:)``.
    public func knowledge(
        of agent: String, in context: String? = nil, at revision: Revision? = nil, timeout: Duration? = nil
    ) async throws -> Knowledge {
        try await connection.ask(GetKnowledge(agent: agent, context: context, at: revision), timeout: timeout).answer
    }
}
