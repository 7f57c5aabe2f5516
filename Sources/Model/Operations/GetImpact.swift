/// What derives from some versions, or from all that some commits wrote, on all branches.
package struct GetImpact: Operation, Hashable {
    package var versions: [VersionName]
    package var revisions: [Revision]
    /// All that these commits wrote, on any branch.
    package var author: Authorship?
    /// These commits are good, whatever they read.
    package var excluded: [Revision]
    /// Only what commits themselves are on record to have read or required counts, not what their context knew.
    package var ownOnly: Bool
    /// What came before the floor is left out, instead of being refused.
    package var belowFloor: Bool

    package init(
        versions: [VersionName], revisions: [Revision] = [], by author: Authorship? = nil, excluded: [Revision] = [],
        ownOnly: Bool = false, belowFloor: Bool = false
    ) {
        self.belowFloor = belowFloor
        self.versions = versions
        self.revisions = revisions
        self.author = author
        self.excluded = excluded
        self.ownOnly = ownOnly
    }

    package typealias Answer = Impact

    package static let traits = Traits("the impact", .lookUp(isLong: false), yieldsToBusy: true)
    /// It follows what was read and written, whatever it was and wherever.
    package var touches: [Touched] { [Touched(.read, on: nil, .store)] }

    package var body: Request.Body { .impact(self) }
    package static func body(of answer: Answer) -> Reply.Body { .impact(answer) }
    package static func answer(in body: Reply.Body) -> Answer? {
        if case .impact(let answer) = body { answer } else { nil }
    }
}

/// What followed from something that was written.
public struct Impact: Hashable, Sendable {
    /// The state up to which it was looked for.
    public var at: Position
    /// In the order of history, those that were asked about among them. Of many the first.
    public var commits: [DerivedCommit]
    /// So many more.
    public var unlisted: Int
    /// Who has read or written such, and has written nothing since: who is to be told. Of many the first.
    public var readers: [ImpactReader]
    /// Commits of agents who have put no read on record in their context, and required nothing: what they built on can't be
    /// told. Of many the first.
    public var unjudged: [Revision]
    public var unjudgedCount: Int
    /// So many reads were made since that clients could not keep until they were noted: who knows what by them can't be told.
    public var lostReads: Int
    /// What came before this revision, or with it, is no longer kept, and was left out; 0: nothing was.
    public var since: Revision

    package init(
        at: Position, commits: [DerivedCommit] = [], unlisted: Int = 0, readers: [ImpactReader] = [],
        unjudged: [Revision] = [], unjudgedCount: Int = 0, lostReads: Int = 0, since: Revision = 0
    ) {
        self.since = since
        self.at = at
        self.commits = commits
        self.unlisted = unlisted
        self.readers = readers
        self.unjudged = unjudged
        self.unjudgedCount = unjudgedCount
        self.lostReads = lostReads
    }

    package static let mostCommits = 10_000
    package static let mostReaders = 1000
    package static let mostUnjudged = 1000
}

/// A commit that built on something.
public struct DerivedCommit: Hashable, Sendable {
    public enum Reason: String, Hashable, Sendable, CaseIterable {
        /// It is one of those that were asked about.
        case seed
        /// It is on record to have read the version.
        case read
        /// It required the version, or a topic that showed it.
        case required
        /// Its agent had read or written the version before, in the same context.
        case context
    }

    public struct Edge: Hashable, Sendable {
        public var reason: Reason
        public var version: VersionName
        /// The topic that showed the version, if its list was read; `nil`: it was read by its key.
        public var topic: Topic?

        package init(_ reason: Reason, _ version: VersionName, in topic: Topic? = nil) {
            self.reason = reason
            self.version = version
            self.topic = topic
        }
    }

    public var commit: CommitInfo
    /// Why it counts, by what; at most eight.
    public var edges: [Edge]
    /// What it wrote; at most a hundred.
    public var keys: [Key]
    public var keyCount: Int

    package init(commit: CommitInfo, edges: [Edge], keys: [Key], keyCount: Int) {
        self.commit = commit
        self.edges = edges
        self.keys = keys
        self.keyCount = keyCount
    }

    package static let mostEdges = 8
    package static let mostKeys = 100
}

/// Somebody who knows it.
public struct ImpactReader: Hashable, Sendable {
    private var agentBytes, contextBytes: ByBytes
    public var agent: String { agentBytes.text }
    public var context: String { contextBytes.text }
    /// What was read, or written.
    public var version: VersionName
    /// The topic that showed the version, if its list was read.
    public var topic: Topic?
    /// When it was read first, by the reader's clock, or written.
    public var time: Timestamp

    package init(agent: String, context: String, version: VersionName, in topic: Topic? = nil, time: Timestamp) {
        agentBytes = ByBytes(agent)
        contextBytes = ByBytes(context)
        self.version = version
        self.topic = topic
        self.time = time
    }
}
