import FoundationEssentials

/// Brings what another branch has into a branch: one commit, or none.
package struct Merge: Hashable, Sendable {
    package var target: BranchName
    package var source: BranchName
    /// Of the source; `nil`: the head.
    package var at: Revision?
    /// What somebody has decided, of conflicts that he was shown.
    package var resolutions: [Resolution]
    /// Whether the records that say how to merge, and who may do what, come along.
    package var carriesRules: Bool
    /// Whether what nobody has decided about is left for later, as records under ``ParkedConflict/topic``.
    package var parks: Bool
    /// It is to write exactly what this plan says.
    package var plan: PlanID?
    @ByBytes package var context: String
    @ByBytes package var message: String

    package init(
        _ source: BranchName, into target: BranchName = .main, at: Revision? = nil, resolutions: [Resolution] = [],
        carriesRules: Bool = false, parks: Bool = false, plan: PlanID? = nil, context: String = "",
        message: String = ""
    ) {
        self.target = target
        self.source = source
        self.at = at
        self.resolutions = resolutions
        self.carriesRules = carriesRules
        self.parks = parks
        self.plan = plan
        self.context = context
        self.message = message
    }
}

/// Has a branch, or some topics of it, be again as they were.
package struct Rollback: Hashable, Sendable {
    package var branch: BranchName
    package var to: Revision
    package var filter: TopicFilter
    package var plan: PlanID?
    @ByBytes package var context: String
    @ByBytes package var message: String

    package init(
        _ branch: BranchName = .main, to: Revision, filter: TopicFilter = .everything, plan: PlanID? = nil,
        context: String = "", message: String = ""
    ) {
        self.branch = branch
        self.to = to
        self.filter = filter
        self.plan = plan
        self.context = context
        self.message = message
    }
}

/// Leaves versions out of the history of their keys.
package struct Revert: Hashable, Sendable, NamingVersions {
    package var branch: BranchName
    package var versions: [VersionName]
    /// All that these commits wrote.
    package var revisions: [Revision]
    /// All that somebody wrote on the branch since.
    package var author: Authorship?
    /// With them goes what derives from them.
    package var cascade: Cascade?
    /// What somebody has decided, of keys whose history can't be told without what is reverted.
    package var resolutions: [Resolution]
    package var plan: PlanID?
    @ByBytes package var context: String
    @ByBytes package var message: String

    package init(
        _ branch: BranchName = .main, versions: [VersionName] = [], revisions: [Revision] = [],
        author: Authorship? = nil, cascade: Cascade? = nil, resolutions: [Resolution] = [], plan: PlanID? = nil,
        context: String = "", message: String = ""
    ) {
        self.branch = branch
        self.versions = versions
        self.revisions = revisions
        self.author = author
        self.cascade = cascade
        self.plan = plan
        self.resolutions = resolutions
        self.context = context
        self.message = message
    }
}

/// Whose commits, after a revision.
public struct Authorship: Hashable, Sendable {
    private var agentBytes, contextBytes: ByBytes?
    /// `nil`: whoever it was.
    public var agent: String? {
        get { agentBytes?.text }
        set { agentBytes = newValue.map { ByBytes($0) } }
    }
    /// `nil`: in any context.
    public var context: String? {
        get { contextBytes?.text }
        set { contextBytes = newValue.map { ByBytes($0) } }
    }
    /// Exclusive.
    public var since: Revision
    /// Whoever it was, in whatever context.
    package var isAnybody: Bool { agentBytes == nil && contextBytes == nil }

    public init(agent: String? = nil, context: String? = nil, since: Revision) {
        agentBytes = agent.map { ByBytes($0) }
        contextBytes = context.map { ByBytes($0) }
        self.since = since
    }
}

/// A decision of one conflict. It names the versions that it settles: where one of them is another by now, it settles
/// nothing.
public struct Resolution: Hashable, Sendable {
    public enum Choice: Hashable, Sendable {
        case ours
        case theirs
        /// What both sides had in common.
        case base
        case put(Put)
        case delete
    }

    public var key: Key
    /// The revision of our version, a deletion's included; 0: there never was one.
    public var ours: Revision
    /// The same of theirs.
    public var theirs: Revision
    public var choice: Choice

    public init(_ key: Key, ours: Revision, theirs: Revision, _ choice: Choice) {
        self.key = key
        self.ours = ours
        self.theirs = theirs
        self.choice = choice
    }
}

/// What a merge came to.
public struct MergeReport: Hashable, Sendable {
    /// The source's newest commit that was brought in.
    public var source: Revision
    /// Keys that were written.
    public var written: Int
    /// Keys that both sides had changed in the same way.
    public var agreed: Int
    /// Conflicts that a resolution or a policy settled.
    public var settled: Int
    /// Conflicts that were left for later.
    public var parked: Int

    public init(source: Revision, written: Int, agreed: Int, settled: Int, parked: Int = 0) {
        self.source = source
        self.written = written
        self.agreed = agreed
        self.settled = settled
        self.parked = parked
    }
}

/// A key that somebody has to decide about.
public struct MergeConflict: Hashable, Sendable {
    public var key: Key
    public var kind: MergeConflictKind
    /// What both sides had in common; `nil`: nothing, or it is not known.
    public var base: MergeVersion?
    /// `nil`: there never was one.
    public var ours: MergeVersion?
    public var theirs: MergeVersion?
    /// Of ``MergeConflictKind/undone``: the revert that undid what would come back.
    public var undoneBy: Revision?

    public init(
        key: Key, kind: MergeConflictKind, base: MergeVersion? = nil, ours: MergeVersion? = nil,
        theirs: MergeVersion? = nil, undoneBy: Revision? = nil
    ) {
        self.key = key
        self.kind = kind
        self.base = base
        self.ours = ours
        self.theirs = theirs
        self.undoneBy = undoneBy
    }

    /// A resolution of it.
    public func resolved(_ choice: Resolution.Choice) -> Resolution {
        Resolution(key, ours: ours?.record.revision ?? 0, theirs: theirs?.record.revision ?? 0, choice)
    }

    /// More are not listed.
    package static let mostListed = 1000
}

/// A version in a conflict, and who wrote it.
public struct MergeVersion: Hashable, Sendable {
    /// It may be a deletion. Beyond 4 MiB of values in all it is announced only.
    public var record: Record
    /// `nil`: its commit is no longer kept.
    public var commit: CommitInfo?

    public init(_ record: Record, by commit: CommitInfo? = nil) {
        self.record = record
        self.commit = commit
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(record.key)
        hasher.combine(record.revision)
    }
}

extension Key {
    /// Records that say how to merge, and who may do what: they stay with their branch unless they are named.
    package var isRule: Bool { Self.ruleTopics.contains { $0.matches(self) } }

    package static let ruleTopics = [MergePolicies.topic, Topic(unchecked: ".membus/rights/")]
}

extension TopicFilter {
    /// Whether the records that say how to merge, and who may do what, are asked for by name.
    package var namesRules: Bool {
        topics.contains { Key(unchecked: $0.text).isRule || $0.text.utf8.elementsEqual(".membus/".utf8) }
    }
}
