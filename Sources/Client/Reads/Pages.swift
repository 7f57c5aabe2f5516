/// Where the next page starts.
struct PagePlace: Hashable, Sendable {
    var revision: Revision?
    var key: Key?
    var cursor: LogCursor?
    /// What the page before was of, where all have to be of one state.
    var state: Token?

    init(revision: Revision? = nil, key: Key? = nil, cursor: LogCursor? = nil, state: Token? = nil) {
        self.state = state
        self.revision = revision
        self.key = key
        self.cursor = cursor
    }
}

/// A sequence that is asked of the broker page by page, as it is iterated. A history that is replaced
/// meanwhile ends it with ``MembusError/historyChanged(now:)``.
public struct Pages<Element: Sendable>: AsyncSequence, Sendable {
    typealias Fetch = @Sendable (PagePlace?) async throws -> (page: [Element], next: PagePlace?, of: Token)
    private let fetch: Fetch
    init(_ fetch: @escaping Fetch) { self.fetch = fetch }

    public func makeAsyncIterator() -> Iterator { Iterator(fetch: fetch) }

    /// Everything at once. For sequences that fit into memory.
    public func collect() async throws -> [Element] {
        var all: [Element] = []
        for try await element in self { all.append(element) }
        return all
    }

    public struct Iterator: AsyncIteratorProtocol {
        private let fetch: Fetch
        private var page: ArraySlice<Element> = []
        private var place: PagePlace?
        private var isDone = false
        /// The state that the last page was of.
        public private(set) var token: Token?

        init(fetch: @escaping Fetch) { self.fetch = fetch }

        public mutating func next() async throws -> Element? {
            while page.isEmpty {
                if isDone { return nil }
                try Task.checkCancellation()
                let fetched = try await fetch(place)
                if let token, token.lineage != fetched.of.lineage {
                    isDone = true
                    throw MembusError.historyChanged(now: fetched.of.lineage)
                }
                token = fetched.of
                page = fetched.page[...]
                place = fetched.next
                isDone = fetched.next == nil
            }
            return page.removeFirst()
        }
    }
}
