/// What differs between two states, on whatever branches.
package struct GetDiff: Operation, Hashable {
    package var from: BranchState
    package var to: BranchState
    package var filter: TopicFilter
    /// Exclusive: where the page before ended.
    package var cursor: DiffCursor?
    package var limit: Int
    package var keysOnly: Bool
    /// Only how the two states stand to each other: no keys are looked for.
    package var isSummary: Bool

    package init(
        from: BranchState, to: BranchState, filter: TopicFilter, cursor: DiffCursor? = nil, limit: Int = 1000,
        keysOnly: Bool = false, isSummary: Bool = false
    ) {
        self.from = from
        self.to = to
        self.filter = filter
        self.cursor = cursor
        self.limit = limit
        self.keysOnly = keysOnly
        self.isSummary = isSummary
    }

    package typealias Answer = DiffPage

    package static let traits = Traits("the diff", .lookUp(isLong: false), yieldsToBusy: true)
    package var touches: [Touched] {
        [Touched(.read, on: from.branch, .topics(filter)), Touched(.read, on: to.branch, .topics(filter))]
    }

    package var body: Request.Body { .diff(self) }
    package static func body(of answer: Answer) -> Reply.Body { .diff(answer) }
    package static func answer(in body: Reply.Body) -> Answer? {
        if case .diff(let answer) = body { answer } else { nil }
    }
}

/// A branch as of a moment, or what a tag names. A tag's name in a branch's place means the tag.
package struct BranchState: Hashable, Sendable {
    package enum Moment: Hashable, Sendable {
        case head
        case revision(Revision)
        /// Before the newest so many commits of the branch, those that it inherited among them.
        case back(Int)
        /// After the last commit up to then.
        case time(Timestamp)
        /// What the tag names, on whatever branch that is.
        case tag(TagName)
    }

    package var branch: BranchName
    package var moment: Moment

    package init(_ branch: BranchName, _ moment: Moment) {
        self.branch = branch
        self.moment = moment
    }

    package init(_ branch: BranchName, at revision: Revision? = nil) {
        self.init(branch, revision.map { .revision($0) } ?? .head)
    }

    /// The revision that it names, if it does.
    package var at: Revision? {
        if case .revision(let revision) = moment { revision } else { nil }
    }
}

/// A place among the changes that one of two states contains and the other does not: behind a change of a branch.
package struct DiffCursor: Hashable, Sendable {
    package var branch: BranchName
    package var place: LogCursor

    package init(branch: BranchName, place: LogCursor) {
        self.branch = branch
        self.place = place
    }
}

package struct DiffPage: Sendable {
    package var from: Position
    package var to: Position
    /// The branches of the two states, which tags may have named; `nil`: those that were asked for.
    package var fromBranch: BranchName?
    package var toBranch: BranchName?
    /// Of a page without a cursor: how the two stand to each other.
    package var standing: Standing?
    package var differences: [Difference]
    /// Where the next page starts; `nil`: this is the last one.
    package var next: DiffCursor?

    package init(
        from: Position, to: Position, fromBranch: BranchName? = nil, toBranch: BranchName? = nil,
        standing: Standing? = nil, differences: [Difference] = [], next: DiffCursor? = nil
    ) {
        self.from = from
        self.to = to
        self.fromBranch = fromBranch
        self.toBranch = toBranch
        self.standing = standing
        self.differences = differences
        self.next = next
    }
}

/// How two states stand to each other.
package struct Standing: Hashable, Sendable {
    /// The newest states that both contain.
    package var common: [BranchState]
    /// How many commits only the first contains, and only the second, as far as they are kept.
    package var onlyFrom: Int64
    package var onlyTo: Int64

    package init(common: [BranchState], onlyFrom: Int64, onlyTo: Int64) {
        self.common = common
        self.onlyFrom = onlyFrom
        self.onlyTo = onlyTo
    }
}
