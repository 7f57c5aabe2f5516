/// A page of the records of some topics in the order of their keys.
package struct GetRange: Operation, Hashable {
    package var branch: BranchName
    package var filter: TopicFilter
    package var at: Revision?
    /// Exclusive; `nil` for the first page.
    package var after: Key?
    package var limit: Int
    package var keysOnly: Bool
    /// Whoever asks goes on after the page's ``RangePage/next``: a page may end before it has found anything. Without it
    /// the broker looks until the page is full or the range at its end, however much was deleted there.
    package var continues: Bool

    package init(
        branch: BranchName, filter: TopicFilter, at: Revision? = nil, after: Key? = nil, limit: Int = 1000,
        keysOnly: Bool = false, continues: Bool = false
    ) {
        self.branch = branch
        self.filter = filter
        self.at = at
        self.after = after
        self.limit = limit
        self.keysOnly = keysOnly
        self.continues = continues
    }

    package typealias Answer = RangePage

    package static let traits = Traits("the range read", .lookUp(isLong: false), yieldsToBusy: true)
    package var touches: [Touched] { [Touched(.read, on: branch, .topics(filter))] }

    package var body: Request.Body { .range(self) }
    package static func body(of answer: Answer) -> Reply.Body { .range(answer) }
    package static func answer(in body: Reply.Body) -> Answer? {
        if case .range(let answer) = body { answer } else { nil }
    }
}

package struct RangePage: Sendable {
    package var at: Position
    package var records: [Record]
    /// Whether there may be records after ``next``; if that is `nil`: whether there are after the last record's key.
    package var more: Bool
    /// The last key that was looked at: the page after this one starts behind it. Only for those who said that they go on
    /// there (``GetRange/continues``), and where there is more.
    package var next: Key?

    package init(at: Position, records: [Record], more: Bool, next: Key? = nil) {
        self.at = at
        self.records = records
        self.more = more
        self.next = next
    }
}
