/// What a search finds, and each time that it may find something else: over reconnects and restarts of the broker too. At most
/// four times a second, on the newest state that the index holds; what came between two pages is in the later one. It looks
/// again when something of its topics, or of `.membus/search/`, was written; whether that counts, the broker says.
public struct SearchWatch: AsyncSequence, Sendable {
    public typealias Element = SearchPage
    let memory: Memory
    let topics: [String]
    /// Of all topics, until it is iterated.
    let asked: Search

    public func makeAsyncIterator() -> Iterator { Iterator(self) }

    public struct Iterator: AsyncIteratorProtocol {
        private let watch: SearchWatch
        private var watching: SearchWatching?
        /// Followed for as long as somebody iterates.
        private var signal: View?

        init(_ watch: SearchWatch) { self.watch = watch }

        /// The present page, then each that may be another; waits for one, and for a broker that is away.
        /// - Throws: ``MembusError/refused(_:)`` for what is asked; ``MembusError/closed``; ``MembusError/invalidName(_:)`` for
        ///   a topic; `CancellationError`.
        public mutating func next() async throws -> SearchPage? {
            try Task.checkCancellation()
            var watching = try watching ?? begun()
            defer { self.watching = watching }
            let connection = watch.memory.connection
            let page = try await connection.begin(&watching, .each(connection.settings.timeout))
            watch.memory.note(page, on: watch.asked.branch)
            return page
        }

        private mutating func begun() throws -> SearchWatching {
            var asked = watch.asked
            asked.filter = try watch.memory.scope(watch.topics)
            // What is set there may change the page, too.
            let heard = TopicFilter(asked.filter.topics + [SearchSettings.topic])
            let signal = try watch.memory.signal(heard, branch: asked.branch)
            self.signal = signal
            return SearchWatching(signal: signal.id, asked)
        }
    }
}

extension Memory {
    /// What a search finds, and each time that it may find something else.
    ///
    /// ```swift
    /// for try await page in memory.watch(search: "night train", in: "plans/", limit: 5) {
    ///     print(page.at.revision, page.hits.map(\.key))
    /// }
    /// ```
    /// Parameters are those of a search. A passage that is shown counts as read.
    public func watch(
        search question: String, in topics: [String], limit: Int = 10, branch: BranchName? = nil,
        meaning: Meaning = .whereComplete, by vector: QuestionVector? = nil, passages: Bool = false
    ) -> SearchWatch {
        SearchWatch(
            memory: self, topics: topics,
            asked: Search(
                branch: branch ?? self.branch, question: question, limit: limit, meaning: meaning,
                withPassages: passages, vector: vector))
    }

    /// The same, in topics that are named one by one.
    public func watch(
        search question: String, in topics: String..., limit: Int = 10, branch: BranchName? = nil,
        meaning: Meaning = .whereComplete, by vector: QuestionVector? = nil, passages: Bool = false
    ) -> SearchWatch {
        watch(
            search: question, in: topics, limit: limit, branch: branch, meaning: meaning, by: vector, passages: passages
        )
    }
}
