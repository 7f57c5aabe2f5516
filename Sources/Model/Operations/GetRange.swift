/// A page of the records of some topics in the order of their keys.
package struct GetRange: Operation {
    package var branch: BranchName
    package var filter: TopicFilter
    package var at: Revision?
    /// Exclusive; `nil` for the first page.
    package var after: Key?
    package var limit: Int
    package var keysOnly: Bool

    package init(
        branch: BranchName, filter: TopicFilter, at: Revision? = nil, after: Key? = nil, limit: Int = 1000,
        keysOnly: Bool = false
    ) {
        self.branch = branch
        self.filter = filter
        self.at = at
        self.after = after
        self.limit = limit
        self.keysOnly = keysOnly
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
    /// Whether keys follow after the last record's.
    package var more: Bool

    package init(at: Position, records: [Record], more: Bool) {
        self.at = at
        self.records = records
        self.more = more
    }
}
