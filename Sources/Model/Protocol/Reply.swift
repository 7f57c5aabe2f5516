import Foundation

/// A reply as the client's core sees it: `Reply` in `protos/membus/v1`.
public struct Reply: Sendable {
    public var id: UInt64
    public var lineage: Lineage
    public var instance: Instance
    /// V when the reply was made: the last revision whose events were all handed to the socket.
    public var visible: Position
    public var bookmarks: [StreamBookmark]
    public var body: Body

    public init(
        id: UInt64, lineage: Lineage, instance: Instance, visible: Position, bookmarks: [StreamBookmark] = [],
        body: Body
    ) {
        self.id = id
        self.lineage = lineage
        self.instance = instance
        self.visible = visible
        self.bookmarks = bookmarks
        self.body = body
    }

    public enum Body: Sendable {
        case failure(Failure)
        case welcome(Welcome)
        case session(SessionID)
        case outcome(Outcome)
        case records(Records)
        case range(RangePage)
        case history(HistoryPage)
        case log(LogPage)
        case branches([BranchInfo])
        case status(Status)
        case registered(Registered)
        /// The broker's monotonic clock in nanoseconds, the one of ``Heartbeat/clock``.
        case pong(clock: Int64)
        case page(Page)
        case noted
        case compacted(floor: Revision)
        case backup(BackupPage)
        case verified(Verification)
        case digest(Digest)
    }

    public struct Welcome: Hashable, Sendable {
        public var major: UInt32
        public var minor: UInt32
        /// ZeroMQ endpoints of the events' socket. A `*` or `0.0.0.0` host stands for the host by which
        /// the client reached the broker.
        public var events: [String]
        public var heartbeat: Duration
        public var limits: Limits
        public var software: String
        public init(
            major: UInt32 = ProtocolVersion.major, minor: UInt32 = ProtocolVersion.minor, events: [String],
            heartbeat: Duration, limits: Limits, software: String
        ) {
            self.major = major
            self.minor = minor
            self.events = events
            self.heartbeat = heartbeat
            self.limits = limits
            self.software = software
        }
    }

    /// The records asked for, in the order of the keys asked for, as of one revision. A key without a
    /// record answers as a deletion (revision 0 if it never had one). If values are large, only a prefix
    /// of the keys is answered: ask for the rest at the same position.
    public struct Records: Sendable {
        public var at: Position
        public var records: [Record]
        public init(at: Position, records: [Record]) {
            self.at = at
            self.records = records
        }
    }

    public struct RangePage: Sendable {
        public var at: Position
        public var records: [Record]
        /// Whether keys follow after the last record's.
        public var more: Bool
        public init(at: Position, records: [Record], more: Bool) {
            self.at = at
            self.records = records
            self.more = more
        }
    }

    public struct HistoryPage: Sendable {
        public var versions: [Version]
        public var more: Bool
        public struct Version: Sendable {
            public var record: Record
            public var commit: CommitInfo
            public init(record: Record, commit: CommitInfo) {
                self.record = record
                self.commit = commit
            }
        }
        public init(versions: [Version], more: Bool) {
            self.versions = versions
            self.more = more
        }
    }

    /// Commits, each with those of its records that the filter matches. A commit may be split over pages.
    public struct LogPage: Sendable {
        public var commits: [Commit]
        /// Where the next page starts, also when the page is empty because nothing matched so far.
        public var next: LogCursor
        /// Whether the log goes on beyond `next`. If not, an ascending page has reached what was visible when it was read,
        /// which `next` names; by the time of the reply more may be.
        public var more: Bool
        public init(commits: [Commit], next: LogCursor, more: Bool) {
            self.commits = commits
            self.next = next
            self.more = more
        }
    }

    public struct Registered: Hashable, Sendable {
        public var stream: StreamID
        /// Short name of the stream in heartbeats, valid for the generation.
        public var alias: UInt32
        public var generation: UInt64
        /// The client's newest known state is not of this history: drop everything.
        public var reset: Bool
        public init(stream: StreamID, alias: UInt32, generation: UInt64, reset: Bool) {
            self.stream = stream
            self.alias = alias
            self.generation = generation
            self.reset = reset
        }
    }

    public struct Page: Sendable {
        /// What the page belongs to; equal in all pages of one pull but for the place.
        public var isSnapshot: Bool
        /// Of a delta; `origin` for a snapshot.
        public var base: Position
        /// The revision that the state is at once the last page is installed.
        public var target: Position
        public var records: [Record]
        /// `nil`: this is the last page.
        public var next: PageToken?
        /// A snapshot's size in records, if known, for progress.
        public var expected: Int
        public init(
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

    public struct BranchInfo: Hashable, Sendable {
        public var name: BranchName
        public var parent: BranchName?
        public var forkRevision: Revision
        /// The commit that made the branch; 0 for `main`.
        public var created: Revision
        public init(name: BranchName, parent: BranchName?, forkRevision: Revision, created: Revision) {
            self.name = name
            self.parent = parent
            self.forkRevision = forkRevision
            self.created = created
        }
    }

    public struct BackupPage: Sendable {
        public var id: UInt64
        public var totalBytes: Int64
        public var offset: Int64
        public var bytes: Data
        /// The revision that the backup holds.
        public var revision: Revision
        public init(id: UInt64, totalBytes: Int64, offset: Int64, bytes: Data, revision: Revision) {
            self.id = id
            self.totalBytes = totalBytes
            self.offset = offset
            self.bytes = bytes
            self.revision = revision
        }
    }

    public struct Verification: Hashable, Sendable {
        public var revision: Revision
        public var floor: Revision
        public var commits: Int64
        public var changes: Int64
        /// What is wrong, in words; empty if nothing is.
        public var problems: [String]
        public init(revision: Revision, floor: Revision, commits: Int64, changes: Int64, problems: [String]) {
            self.revision = revision
            self.floor = floor
            self.commits = commits
            self.changes = changes
            self.problems = problems
        }
    }

    public struct Digest: Hashable, Sendable {
        public var at: Position
        public var digest: StateDigest
        public init(at: Position, digest: StateDigest) {
            self.at = at
            self.digest = digest
        }
    }

    public struct Status: Hashable, Sendable {
        public var head: Position = .origin
        public var floor: Revision = 0
        public var software: String = ""
        public var uptime: Duration = .zero
        public var transactionsWaiting: Int = 0
        public var readsWaiting: Int = 0
        public var streams: Int = 0
        public var sessions: Int = 0
        public var commits: Int64 = 0
        public var conflicts: Int64 = 0
        public var refused: Int64 = 0
        public var busy: Int64 = 0
        /// Messages that were no requests.
        public var malformed: Int64 = 0
        public var eventsPublished: Int64 = 0
        /// Events too large to travel: announced, then pulled.
        public var eventsAnnounced: Int64 = 0
        public var repliesDropped: Int64 = 0
        public var pulls: Int64 = 0
        public var batches: Int64 = 0
        /// Of the last 1,024 group commits: how long COMMIT with its fsync took.
        public var syncMedian: Duration = .zero
        public var syncP99: Duration = .zero
        /// Of the last 1,024 batches: from the first transaction's arrival to the reply.
        public var commitMedian: Duration = .zero
        public var commitP99: Duration = .zero
        public var walBytes: Int64 = 0
        public var storeBytes: Int64 = 0
        public init() {}
    }
}

/// "This stream is complete up to R": `position` is V, `last` the stream's last changed revision.
public struct Bookmark: Hashable, Sendable {
    public var position: Position
    public var last: Revision
    /// Echoes a ping's.
    public var nonce: UInt64?
    public init(position: Position, last: Revision, nonce: UInt64? = nil) {
        self.position = position
        self.last = last
        self.nonce = nonce
    }
}

/// A bookmark that travels in a reply; `bookmark` is `nil` if the broker does not know the stream.
public struct StreamBookmark: Hashable, Sendable {
    public var stream: StreamID
    public var bookmark: Bookmark?
    public init(stream: StreamID, bookmark: Bookmark?) {
        self.stream = stream
        self.bookmark = bookmark
    }
}
