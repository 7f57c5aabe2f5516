/// The names that states have: all branches, or all tags.
package struct GetBranches: Operation, Hashable {
    package enum Names: Hashable, Sendable {
        /// - after: exclusive: the last branch of the page before; `nil`: the first page.
        case branches(after: BranchName?)
        /// The same of tags.
        case tags(after: TagName?)
        case tag(TagName)
    }

    package var names: Names
    /// Of branches: how each stands to its parent.
    package var withFigures: Bool
    /// `nil`: all at once. For those who have no way to ask for more.
    package var limit: Int?

    package init(_ names: Names = .branches(after: nil), withFigures: Bool = false, limit: Int? = nil) {
        self.names = names
        self.withFigures = withFigures
        self.limit = limit
    }

    package typealias Answer = BranchPage

    package static let traits = Traits("the list of branches", .lookUp(isLong: false), yieldsToBusy: true)
    package var touches: [Touched] { [Touched(.read, on: nil, .branches)] }

    package var body: Request.Body { .branches(self) }
    package static func body(of answer: Answer) -> Reply.Body { .branches(answer) }
    package static func answer(in body: Reply.Body) -> Answer? {
        if case .branches(let answer) = body { answer } else { nil }
    }
}

/// Branches in the order in which they were made, or tags in that of their names.
package struct BranchPage: Sendable {
    package var branches: [BranchInfo]
    package var tags: [TagInfo]
    package var more: Bool

    package init(branches: [BranchInfo] = [], tags: [TagInfo] = [], more: Bool = false) {
        self.branches = branches
        self.tags = tags
        self.more = more
    }
}

/// A branch: a line of memory that starts as its parent was at a revision.
public struct BranchInfo: Hashable, Sendable {
    public var name: BranchName
    /// `nil` for `main`.
    public var parent: BranchName?
    public var forkRevision: Revision
    /// The commit that made the branch; 0 for `main`.
    public var created: Revision
    /// Nothing is written to it, and nothing on it expires.
    public var isClosed: Bool
    /// Only merges write to it.
    public var isProtected: Bool
    /// The commit that deleted it. Lists leave it out.
    package var deleted: Revision?
    /// `nil`: they were not asked for.
    public var figures: BranchFigures?
    /// Whether anything but merges may be committed on it.
    public var isWritable: Bool { !isClosed && !isProtected }

    package init(
        name: BranchName, parent: BranchName?, forkRevision: Revision, created: Revision, isClosed: Bool = false,
        isProtected: Bool = false, deleted: Revision? = nil, figures: BranchFigures? = nil
    ) {
        self.name = name
        self.parent = parent
        self.forkRevision = forkRevision
        self.created = created
        self.isClosed = isClosed
        self.isProtected = isProtected
        self.deleted = deleted
        self.figures = figures
    }
}

/// How a branch stands.
public struct BranchFigures: Hashable, Sendable {
    /// Its newest commit, those that only close, protect or tag it aside; of one without a commit of its own, that which made it.
    public var head: Revision
    /// Commits that it contains and its parent does not, as far as they are kept; 0 for `main`. The commits that make,
    /// close, protect and tag branches change nothing and don't count.
    public var ahead: Int64
    /// Commits that its parent contains and it does not.
    public var behind: Int64
    /// The newest merge of it; `nil`: there was none.
    public var merged: LastMerge?
    /// Conflicts that merges have left to be settled: records under `.membus/conflicts/`.
    public var openConflicts: Int64

    public struct LastMerge: Hashable, Sendable {
        public var into: BranchName
        /// The merge's commit.
        public var revision: Revision
        /// Up to where the branch was merged.
        public var source: Revision

        package init(into: BranchName, revision: Revision, source: Revision) {
            self.into = into
            self.revision = revision
            self.source = source
        }
    }

    package init(head: Revision, ahead: Int64, behind: Int64, merged: LastMerge?, openConflicts: Int64) {
        self.head = head
        self.ahead = ahead
        self.behind = behind
        self.merged = merged
        self.openConflicts = openConflicts
    }
}

/// A state that somebody has named. What it shows is kept, whatever is compacted.
public struct TagInfo: Hashable, Sendable {
    public var name: TagName
    public var branch: BranchName
    public var revision: Revision
    /// Who named it, and when, by the broker's clock.
    public var agent: String {
        get { agentBytes.text }
        set { agentBytes.text = newValue }
    }
    public var time: Timestamp
    public var message: String {
        get { messageBytes.text }
        set { messageBytes.text = newValue }
    }
    /// The commit that made it.
    public var created: Revision
    /// It lies below the floor: it alone holds what it shows of the past.
    public var holdsHistory: Bool
    private var agentBytes, messageBytes: ByBytes

    package init(
        name: TagName, branch: BranchName, revision: Revision, agent: String, time: Timestamp, message: String,
        created: Revision, holdsHistory: Bool
    ) {
        self.name = name
        self.branch = branch
        self.revision = revision
        agentBytes = ByBytes(agent)
        self.time = time
        messageBytes = ByBytes(message)
        self.created = created
        self.holdsHistory = holdsHistory
    }
}
