import MembusSystem

extension Memory {
    /// The best records for a question, best first, as of one state. The broker's index follows the commits beside them: what is
    /// asked without a revision is answered as of the newest state that it holds, which contains whatever this client was told
    /// is committed.
    ///
    /// ```swift
    /// for hit in try await memory.search("train tickets", in: "plans/", passages: true).hits {
    ///     print(hit.score, hit.key, hit.passage?.text ?? "")
    /// }
    /// ```
    /// Later pages of one answer: the same question with `offset`, at the first page's ``/MembusModel/SearchPage/at``.
    ///
    /// A passage that is shown counts as read, like what ``get(_:at:branch:timeout:)`` shows; keys alone do not.
    /// - Parameters:
    ///   - question: words; `"a phrase"`; a `prefix*`; `field:word`, where a field is `key`, `author`, `kind`, `message`, the
    ///     name of an attribute or the path of a JSON member.
    ///   - topics: hits are of these: prefixes ending in `/`, or exact keys; none: of all. What a word is worth depends on all
    ///     that may be read.
    ///   - limit: hits, at most 1,000.
    ///   - offset: so many of the best are passed over.
    ///   - revision: as of which state; `nil`: the newest that the index holds.
    ///   - branch: `nil`: the connection's.
    ///   - meaning: whether vectors take part.
    ///   - vector: of the question, by the model that made those of its space: records count by the vectors that came with them, in
    ///     place of the broker's own. With an empty question they alone rank, those that point away last.
    ///   - explain: tells what each term gave.
    ///   - passages: the text of each hit's best passage comes along.
    ///   - token: the answer is of a state that contains what this stands for: it is waited until the index has come so far.
    ///   - timeout: `nil`: the connection's.
    /// - Throws: ``MembusError/refused(_:)``, with ``/MembusModel/Refusal/Code/invalidArgument`` for a question that can't be
    ///   read, ``/MembusModel/Refusal/Code/limitExceeded`` for one that is too broad or too long,
    ///   ``/MembusModel/Refusal/Code/belowFloor`` if the revision is no longer kept;
    ///   ``MembusError/timeout(of:outcomeUnknown:last:)`` also if the index does not get there in time;
    ///   ``MembusError/historyChanged(now:)`` if the token is of another history; ``MembusError/invalidName(_:)``;
    ///   ``MembusError/closed``; `CancellationError`.
    public func search(
        _ question: String, in topics: [String], limit: Int = 10, offset: Int = 0, at revision: Revision? = nil,
        branch: BranchName? = nil, meaning: Meaning = .whereComplete, by vector: QuestionVector? = nil,
        explain: Bool = false, passages: Bool = false,
        atLeast token: Token? = nil, timeout: Duration? = nil
    ) async throws -> SearchPage {
        let asked = Search(
            branch: branch ?? self.branch, at: revision, question: question, filter: try scope(topics), limit: limit,
            offset: offset, meaning: meaning, explains: explain, atLeast: token?.revision ?? 0, withPassages: passages,
            vector: vector)
        let page = try await ask(asked, after: token, timeout: timeout)
        note(page, on: asked.branch)
        return page
    }

    /// The same, in topics that are named one by one.
    public func search(
        _ question: String, in topics: String..., limit: Int = 10, offset: Int = 0, at revision: Revision? = nil,
        branch: BranchName? = nil, meaning: Meaning = .whereComplete, by vector: QuestionVector? = nil,
        explain: Bool = false, passages: Bool = false,
        atLeast token: Token? = nil, timeout: Duration? = nil
    ) async throws -> SearchPage {
        try await search(
            question, in: topics, limit: limit, offset: offset, at: revision, branch: branch, meaning: meaning,
            by: vector, explain: explain, passages: passages, atLeast: token, timeout: timeout)
    }
}

extension Memory {
    /// Topics, none of which stand for all.
    func scope(_ topics: [String]) throws -> TopicFilter { try topics.isEmpty ? .everything : filtered(topics) }

    /// The answer, if it is of the history of what was awaited.
    func ask<O: Operation>(_ operation: O, after token: Token?, timeout: Duration?) async throws -> O.Answer {
        let answered = try await connection.ask(operation, timeout: timeout)
        if let token, token.lineage != answered.lineage { throw MembusError.historyChanged(now: answered.lineage) }
        return answered.answer
    }

    /// What the page shows the text of.
    func note(_ page: SearchPage, on branch: BranchName) {
        note(page.hits.lazy.filter { $0.passage != nil }.map { (key: $0.key, revision: $0.revision) }, on: branch)
    }
}
