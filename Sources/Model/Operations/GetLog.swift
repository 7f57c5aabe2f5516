/// Commits in the order of their revisions, filtered; ascending for followers, descending for people.
package struct GetLog: Operation, Hashable {
    /// `nil`: every branch.
    package var branch: BranchName?
    /// `nil`: every commit, also one without changes such as a fork.
    package var filter: TopicFilter?
    package var agent: String?
    package var context: String?
    package var since: Timestamp?
    package var until: Timestamp?
    package var ascending: Bool
    /// Exclusive: where the page before ended. Ascending: changes after this. Descending: before this.
    package var cursor: LogCursor?
    /// The state that the reader builds on; checked against this history. Hash 0: not checked.
    package var basis: Position?
    package var limit: Int
    /// Whether records come with their values.
    package var values: Bool
    /// Whether commits come with those that they follow.
    package var withParents: Bool

    package init(
        branch: BranchName?, filter: TopicFilter? = nil, agent: String? = nil, context: String? = nil,
        since: Timestamp? = nil, until: Timestamp? = nil, ascending: Bool = false, cursor: LogCursor? = nil,
        basis: Position? = nil, limit: Int = 100, values: Bool = false,
        withParents: Bool = false
    ) {
        self.branch = branch
        self.filter = filter
        self.agent = agent
        self.context = context
        self.since = since
        self.until = until
        self.ascending = ascending
        self.cursor = cursor
        self.basis = basis
        self.limit = limit
        self.values = values
        self.withParents = withParents
    }

    package typealias Answer = LogPage

    package static let traits = Traits("the log", .lookUp(isLong: false), yieldsToBusy: true)
    package var touches: [Touched] { [Touched(.read, on: branch, filter.map { .topics($0) } ?? .store)] }

    package var body: Request.Body { .log(self) }
    package static func body(of answer: Answer) -> Reply.Body { .log(answer) }
    package static func answer(in body: Reply.Body) -> Answer? {
        if case .log(let answer) = body { answer } else { nil }
    }
}

/// Commits, each with those of its records that the filter matches. A commit may be split over pages.
package struct LogPage: Sendable {
    package var commits: [Commit]
    /// Where the next page starts, also when the page is empty because nothing matched so far.
    package var next: LogCursor
    /// Whether the log goes on beyond `next`. If not, an ascending page has reached what was visible when it was read,
    /// which `next` names; by the time of the reply more may be.
    package var more: Bool
    /// Of an ascending page: the place of the revision that ``next`` names. `nil`: a broker that does not tell it.
    package var reached: Position?

    package init(commits: [Commit], next: LogCursor, more: Bool, reached: Position? = nil) {
        self.commits = commits
        self.next = next
        self.more = more
        self.reached = reached
    }
}

/// A place between changes of the log: after the change with this ordinal of this revision.
package struct LogCursor: Hashable, Sendable, Comparable {
    package var revision: Revision
    package var ordinal: UInt32

    package init(revision: Revision, ordinal: UInt32) {
        self.revision = revision
        self.ordinal = ordinal
    }

    /// After all changes of the revision.
    package static func end(of revision: Revision) -> LogCursor { LogCursor(revision: revision, ordinal: .max) }
    package static func < (a: LogCursor, b: LogCursor) -> Bool { (a.revision, a.ordinal) < (b.revision, b.ordinal) }
}
