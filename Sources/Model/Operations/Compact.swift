/// The end of old history.
package struct Compact: Operation, Hashable {
    /// Drop history that is older than this…
    package var olderThan: Duration?
    /// …or below this revision. Neither: by the broker's configured window.
    package var below: Revision?

    package init(olderThan: Duration? = nil, below: Revision? = nil) {
        self.olderThan = olderThan
        self.below = below
    }

    package struct Answer: Hashable, Sendable {
        /// The oldest revision that is still kept.
        package var floor: Revision

        package init(floor: Revision) { self.floor = floor }
    }

    package static let traits = Traits("the compaction", .write, patience: .seconds(60), isUpkeep: true)
    package var touches: [Touched] { [.store(.upkeep)] }

    package var body: Request.Body { .compact(self) }
    package static func body(of answer: Answer) -> Reply.Body { .compacted(answer) }
    package static func answer(in body: Reply.Body) -> Answer? {
        if case .compacted(let answer) = body { answer } else { nil }
    }
}
