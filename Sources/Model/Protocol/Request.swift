import Foundation

/// A request as the broker's core sees it. The wire form is `Request` in `protos/membus/v1`, which also
/// says what each body means; names and fields are the same.
public struct Request: Sendable {
    public var id: UInt64
    /// How long the client will wait, from receipt; `nil`: not said.
    public var deadline: Duration?
    /// The instance that the client believes it talks to; `nil` before it knows one.
    public var instance: Instance?
    /// The streams whose bookmarks the reply shall carry.
    public var streams: [StreamID]
    public var body: Body

    public init(
        id: UInt64, deadline: Duration? = nil, instance: Instance? = nil, streams: [StreamID] = [], body: Body
    ) {
        self.id = id
        self.deadline = deadline
        self.instance = instance
        self.streams = streams
        self.body = body
    }

    public enum Body: Sendable {
        case hello(Hello)
        case openSession(agent: String)
        case transact(Transact)
        case get(Get)
        case range(Range)
        case history(History)
        case log(Log)
        case branches
        case status
        case register(Register)
        case ping(nonce: UInt64)
        case pull(Pull)
        case noteReads(agent: String, reads: [NotedRead])
        case compact(Compact)
        case backup(Backup)
        case verify
        case digest(branch: BranchName, filter: TopicFilter, at: Revision?)
    }

    public struct Hello: Hashable, Sendable {
        public var agent: String
        public var major: UInt32
        public var minor: UInt32
        public init(agent: String, major: UInt32 = ProtocolVersion.major, minor: UInt32 = ProtocolVersion.minor) {
            self.agent = agent
            self.major = major
            self.minor = minor
        }
    }

    public struct Transact: Sendable {
        public var session: SessionID
        /// From 1, without gaps.
        public var number: UInt64
        /// The client has the outcome of every number up to this one and will not ask again.
        public var acknowledged: UInt64
        /// What to do; or, on the broker's side, why it cannot be done: such a refusal takes its turn in
        /// the session like any other outcome.
        public var work: Result<Work, Failure>
        public init(session: SessionID, number: UInt64, acknowledged: UInt64, work: Result<Work, Failure>) {
            self.session = session
            self.number = number
            self.acknowledged = acknowledged
            self.work = work
        }
    }

    public struct Get: Sendable {
        public var branch: BranchName
        public var keys: [Key]
        /// `nil`: the head. A position with hash 0 is taken by its revision alone.
        public var at: Position?
        public init(branch: BranchName, keys: [Key], at: Position? = nil) {
            self.branch = branch
            self.keys = keys
            self.at = at
        }
    }

    /// A page of the records of some topics in the order of their keys.
    public struct Range: Sendable {
        public var branch: BranchName
        public var filter: TopicFilter
        public var at: Revision?
        /// Exclusive; `nil` for the first page.
        public var after: Key?
        public var limit: Int
        public var keysOnly: Bool
        public init(
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
    }

    /// The versions of one key, newest first, deletions included, those inherited from parent branches too.
    public struct History: Sendable {
        public var branch: BranchName
        public var key: Key
        /// Exclusive; `nil`: from the newest.
        public var before: Revision?
        public var limit: Int
        public init(branch: BranchName, key: Key, before: Revision? = nil, limit: Int = 100) {
            self.branch = branch
            self.key = key
            self.before = before
            self.limit = limit
        }
    }

    /// Commits in the order of their revisions, filtered; ascending for followers, descending for people.
    public struct Log: Sendable {
        /// `nil`: every branch.
        public var branch: BranchName?
        /// `nil`: every commit, also one without changes such as a fork.
        public var filter: TopicFilter?
        public var agent: String?
        public var context: String?
        public var since: Timestamp?
        public var until: Timestamp?
        public var ascending: Bool
        /// Exclusive: where the page before ended. Ascending: changes after this. Descending: before this.
        public var cursor: LogCursor?
        /// The state that the reader builds on; checked against this history. Hash 0: not checked.
        public var basis: Position?
        public var limit: Int
        /// Whether records come with their values.
        public var values: Bool
        public init(
            branch: BranchName?, filter: TopicFilter? = nil, agent: String? = nil, context: String? = nil,
            since: Timestamp? = nil, until: Timestamp? = nil, ascending: Bool = false, cursor: LogCursor? = nil,
            basis: Position? = nil, limit: Int = 100, values: Bool = false
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
        }
    }

    public struct Register: Sendable {
        public var branch: BranchName
        public var filter: TopicFilter
        public var mode: StreamMode
        /// Of the newest state that the client knows of; `nil` for a client that knows none.
        public var newest: Token?
        public init(branch: BranchName, filter: TopicFilter, mode: StreamMode, newest: Token?) {
            self.branch = branch
            self.filter = filter
            self.mode = mode
            self.newest = newest
        }
    }

    public struct Pull: Sendable {
        public var stream: StreamID
        /// The client's cut; `nil` for one without state, which gets a snapshot.
        public var from: Token?
        /// The revision that the answer must reach. Beyond what is visible: refused, try again.
        public var atLeast: Revision
        /// `nil` for the first page; then what the page before gave as `next`.
        public var page: PageToken?
        public init(stream: StreamID, from: Token?, atLeast: Revision = 0, page: PageToken? = nil) {
            self.stream = stream
            self.from = from
            self.atLeast = atLeast
            self.page = page
        }
    }

    public struct NotedRead: Hashable, Sendable {
        public var context: String
        public var branch: BranchName
        public var key: Key
        /// Of the version that was read; 0: no record.
        public var version: Revision
        /// By the client's clock.
        public var time: Timestamp
        public init(context: String, branch: BranchName, key: Key, version: Revision, time: Timestamp) {
            self.context = context
            self.branch = branch
            self.key = key
            self.version = version
            self.time = time
        }
    }

    public struct Compact: Hashable, Sendable {
        /// Drop history that is older than this…
        public var olderThan: Duration?
        /// …or below this revision. Neither: by the broker's configured window.
        public var below: Revision?
        public init(olderThan: Duration? = nil, below: Revision? = nil) {
            self.olderThan = olderThan
            self.below = below
        }
    }

    /// The first call (`id` 0) makes the copy; the next ones read it, the last one (`done`) drops it.
    public struct Backup: Hashable, Sendable {
        public var id: UInt64
        public var offset: Int64
        public var done: Bool
        public init(id: UInt64 = 0, offset: Int64 = 0, done: Bool = false) {
            self.id = id
            self.offset = offset
            self.done = done
        }
    }
}

public enum ProtocolVersion {
    public static let major: UInt32 = 1
    public static let minor: UInt32 = 0
}

/// *update*: values up to the inline limit travel along. *invalidate*: keys and revisions only.
public enum StreamMode: String, Hashable, Sendable, CaseIterable { case update, invalidate }

/// A place between changes of the log: after the change with this ordinal of this revision.
public struct LogCursor: Hashable, Sendable, Comparable {
    public var revision: Revision
    public var ordinal: UInt32
    public init(revision: Revision, ordinal: UInt32) {
        self.revision = revision
        self.ordinal = ordinal
    }
    /// After all changes of the revision.
    public static func end(of revision: Revision) -> LogCursor { LogCursor(revision: revision, ordinal: .max) }
    public static func < (a: LogCursor, b: LogCursor) -> Bool { (a.revision, a.ordinal) < (b.revision, b.ordinal) }
}

/// Names the pull that a page belongs to and where the next one starts. The broker keeps nothing between
/// pages: each is checked anew against floor and hashes.
public struct PageToken: Hashable, Sendable {
    public enum Content: Hashable, Sendable {
        /// The state at `target`, by keys after this one (`nil`: from the first).
        case snapshot(after: Key?)
        /// The changes in (base, target], after this cursor.
        case changes(base: Position, after: LogCursor)
    }
    public var content: Content
    public var target: Position
    public init(content: Content, target: Position) {
        self.content = content
        self.target = target
    }
}
