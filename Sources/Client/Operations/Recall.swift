import MembusSystem

extension Memory {
    /// What is known of something, as a block of text for a prompt: the best passages, each once, and what they link to, each
    /// cited as `key@revision`.
    ///
    /// ```swift
    /// let known = try await memory.recall("When does the night train leave?", budget: .characters(2000))
    /// prompt += known.block
    /// // An hour later, only what has changed:
    /// let news = try await memory.recall("When does the night train leave?", since: known.at.revision)
    /// ```
    /// All that is cited counts as read, like what ``get(_:at:branch:timeout:)`` shows.
    /// - Parameters:
    ///   - question: as a search takes it.
    ///   - topics: where it is looked for: prefixes ending in `/`, or exact keys; none: everywhere.
    ///   - budget: what the block may take, at most a million characters or tokens. Tokens are the model's, so that a broker
    ///     without one refuses them.
    ///   - since: only versions that are newer than this; `nil`: all.
    ///   - revision: as of which state; `nil`: the newest that the index holds.
    ///   - branch: `nil`: the connection's.
    ///   - meaning: whether vectors take part.
    ///   - vector: of the question, as a search takes it.
    ///   - token: the answer is of a state that contains what this stands for.
    ///   - timeout: `nil`: the connection's.
    /// - Throws: like a search.
    public func recall(
        _ question: String, budget: Budget = .characters(4000), in topics: [String], since: Revision? = nil,
        at revision: Revision? = nil, branch: BranchName? = nil, meaning: Meaning = .whereComplete,
        by vector: QuestionVector? = nil, atLeast token: Token? = nil, timeout: Duration? = nil
    ) async throws -> Recollection {
        let asked = Recall(
            branch: branch ?? self.branch, at: revision, question: question, filter: try scope(topics),
            budget: budget, since: since ?? 0, atLeast: token?.revision ?? 0, meaning: meaning, vector: vector)
        let recollection = try await ask(asked, after: token, timeout: timeout)
        note(recollection.citations.map { (key: $0.key, revision: $0.revision) }, on: asked.branch)
        return recollection
    }

    /// The same, in topics that are named one by one.
    public func recall(
        _ question: String, budget: Budget = .characters(4000), in topics: String..., since: Revision? = nil,
        at revision: Revision? = nil, branch: BranchName? = nil, meaning: Meaning = .whereComplete,
        by vector: QuestionVector? = nil, atLeast token: Token? = nil, timeout: Duration? = nil
    ) async throws -> Recollection {
        try await recall(
            question, budget: budget, in: topics, since: since, at: revision, branch: branch, meaning: meaning,
            by: vector, atLeast: token, timeout: timeout)
    }
}
