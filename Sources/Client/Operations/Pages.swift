/// A sequence that is asked of the broker page by page, as it is iterated; every iteration reads it anew.
///
/// Iterating throws ``MembusError/historyChanged(now:)`` if the broker's history is replaced meanwhile, which ends the
/// sequence; ``MembusError/timeout(of:outcomeUnknown:last:)`` if a page does not come in the time that each page has;
/// ``MembusError/refused(_:)``, with ``/MembusModel/Refusal/Code/belowFloor`` if the pages were asked for so slowly that the
/// broker dropped the state that they are of; ``MembusError/invalidName(_:)`` for what was asked for; `CancellationError`.
public struct Pages<Element: Sendable>: AsyncSequence, Sendable {
    /// Where it stands in the pages, and how it goes on.
    typealias Source = any StepwiseCall<ReadPage<Element>>
    private let connection: Connection
    private let timeout: Duration
    private let source: @Sendable () throws -> Source
    /// Is told the state of each list that is begun.
    private let begins: @Sendable (Token) -> Void

    init<List: PagedList>(
        _ connection: Connection, timeout: Duration?, begins: @escaping @Sendable (Token) -> Void = { _ in },
        _ list: @escaping @Sendable () throws -> List
    ) where List.Element == Element {
        self.connection = connection
        self.begins = begins
        self.timeout = timeout ?? connection.settings.timeout
        source = { Paging(try list()) }
    }

    public func makeAsyncIterator() -> Iterator { Iterator(self) }

    /// Everything at once. For sequences that fit into memory. What compaction overtakes is read again by itself, if no
    /// revision was named.
    /// - Throws: what iterating throws.
    public func collect() async throws -> [Element] { try await whole().elements }

    /// The same, with the state that all is of.
    /// - Parameter tell: is given each element as it comes; `nil`: those given so far are void.
    package func whole(_ tell: (Element?) -> Void = { _ in }) async throws -> (elements: [Element], token: Token) {
        var all: [Element] = []
        var source = try source()
        while true {
            let page = try await connection.begin(&source, .each(timeout))
            if all.isEmpty || page.isBegunAnew { begins(page.token) }
            if page.isBegunAnew {
                all = []
                tell(nil)
            }
            all += page.elements
            for element in page.elements { tell(element) }
            if page.isLast { return (all, page.token) }
            try Task.checkCancellation()
        }
    }

    public struct Iterator: AsyncIteratorProtocol {
        private let pages: Pages
        private var source: Source?
        private var page: ArraySlice<Element> = []
        private var isDone = false
        private var handed = HandedPages()
        /// The state that the last page was of.
        public private(set) var token: Token?

        init(_ pages: Pages) { self.pages = pages }

        public mutating func next() async throws -> Element? {
            while page.isEmpty {
                if isDone { return nil }
                try Task.checkCancellation()
                try await turnPage()
            }
            return page.removeFirst()
        }

        private mutating func turnPage() async throws {
            var source = try source ?? pages.source()
            do {
                let read = try await pages.connection.begin(&source, .each(pages.timeout))
                try handed.check(read)
                if token != read.token { pages.begins(read.token) }
                (page, token, isDone) = (read.elements[...], read.token, read.isLast)
            } catch MembusError.historyChanged(let now) {
                isDone = true
                throw MembusError.historyChanged(now: now)
            }
            self.source = source
        }
    }

    /// For whoever has no task to iterate in.
    package func reader() throws -> PageReader<Element> {
        PageReader(try Self.errand(source(), connection, .each(timeout)), begins: begins)
    }

    private static func errand<C: StepwiseCall>(
        _ call: C, _ connection: Connection, _ patience: Patience
    ) -> any Errands<C.Product> {
        Errand(call, connection, patience)
    }
}

/// What was handed out of a list cannot be taken back.
struct HandedPages: Sendable {
    private var hasHanded = false

    /// - Throws: if the list had to begin anew, and some of it was handed out.
    mutating func check<Element>(_ page: ReadPage<Element>) throws(MembusError) {
        if page.isBegunAnew, hasHanded {
            throw .refused(
                Refusal(
                    .belowFloor, "the broker dropped the state that the list is of before all of it was read",
                    hint: "read it again, without long pauses, or keep more history"))
        }
        hasHanded = hasHanded || !page.elements.isEmpty
    }
}
