/// What a stream's view lacks: the changes after its cut, or a snapshot, page by page.
package struct Pull: Operation, Hashable {
    package var stream: StreamID
    /// The client's cut; `nil` for one without state, which gets a snapshot.
    package var from: Token?
    /// The revision that the answer must reach. Beyond what is visible: refused, try again.
    package var atLeast: Revision
    /// `nil` for the first page; then what the page before gave as `next`.
    package var page: PageToken?

    package init(stream: StreamID, from: Token?, atLeast: Revision = 0, page: PageToken? = nil) {
        self.stream = stream
        self.from = from
        self.atLeast = atLeast
        self.page = page
    }

    package typealias Answer = PullPage

    package static let traits = Traits("the pull", .lookUp(isLong: false), yieldsToBusy: true)
    package var touches: [Touched] { [Touched(.read, on: nil, .stream(stream))] }

    package var body: Request.Body { .pull(self) }
    package static func body(of answer: Answer) -> Reply.Body { .page(answer) }
    package static func answer(in body: Reply.Body) -> Answer? {
        if case .page(let answer) = body { answer } else { nil }
    }
}

package struct PullPage: Sendable {
    /// What the page belongs to; equal in all pages of one pull but for the place.
    package var isSnapshot: Bool
    /// Of a delta; `origin` for a snapshot.
    package var base: Position
    /// The revision that the state is at once the last page is installed.
    package var target: Position
    package var records: [Record]
    /// `nil`: this is the last page.
    package var next: PageToken?
    /// A snapshot's size in records, if known, for progress.
    package var expected: Int

    package init(
        isSnapshot: Bool, base: Position, target: Position, records: [Record], next: PageToken?, expected: Int = 0
    ) {
        self.isSnapshot = isSnapshot
        self.base = base
        self.target = target
        self.records = records
        self.next = next
        self.expected = expected
    }
}

/// Names the pull that a page belongs to and where the next one starts. The broker keeps nothing between pages: each is
/// checked anew against floor and hashes.
package struct PageToken: Hashable, Sendable {
    package enum Content: Hashable, Sendable {
        /// The state at `target`, by keys after this one (`nil`: from the first).
        case snapshot(after: Key?)
        /// The changes in (base, target], after this cursor.
        case changes(base: Position, after: LogCursor)
    }
    package var content: Content
    package var target: Position

    package init(content: Content, target: Position) {
        self.content = content
        self.target = target
    }
}
