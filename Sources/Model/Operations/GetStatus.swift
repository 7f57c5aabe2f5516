/// How the broker fares.
package struct GetStatus: Operation, Hashable {
    package init() {}

    package typealias Answer = BrokerFigures

    package static let traits = Traits("the status", .lookUp(isLong: false), whenBusy: .reserved)
    package var touches: [Touched] { [.store(.upkeep)] }

    package var body: Request.Body { .status(self) }
    package static func body(of answer: Answer) -> Reply.Body { .status(answer) }
    package static func answer(in body: Reply.Body) -> Answer? {
        if case .status(let answer) = body { answer } else { nil }
    }
}

/// What a broker counts and measures of itself.
public struct BrokerFigures: Hashable, Sendable {
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
    /// What branch `main` holds; `nil`: not counted yet since the broker started.
    public var counts: MemoryCounts?
    /// What keeps the write-ahead log from being written back, so that it grows; `nil`: nothing does.
    public var heldLog: HeldLog?
    /// What history had to go before its age since the broker started; `nil`: none.
    public var evictedHistory: EvictedHistory?
    public var tags: Int64 = 0
    /// Of them, those that hold history which would else be compacted.
    public var tagsBelowFloor: Int64 = 0
    /// How far retrieval is; `nil`: the broker keeps no index.
    public var index: IndexFigures?
    package init() {}
}

/// A write-ahead log that has grown large, since it can't be written back to its end: somebody has been reading one state
/// of the store all the while.
public struct HeldLog: Hashable, Sendable {
    /// Who reads, and for how long at least.
    public struct Holder: Hashable, Sendable {
        public var process: Int32
        /// The process's; of the broker's own: what it reads for.
        public var name: String
        public var duration: Duration

        package init(process: Int32, name: String, duration: Duration) {
            self.process = process
            self.name = name
            self.duration = duration
        }
    }

    /// Of the log that is in use.
    public var bytes: Int64
    public var duration: Duration
    /// As far as they are known.
    public var holders: [Holder]

    package init(bytes: Int64, duration: Duration, holders: [Holder]) {
        self.bytes = bytes
        self.duration = duration
        self.holders = holders
    }
}

/// What branch `main` holds as of one state. It is counted beside the commits, so that the state may be a little older
/// than the head.
public struct MemoryCounts: Hashable, Sendable {
    public struct Amount: Hashable, Sendable {
        public var records: Int64
        /// Of their values.
        public var bytes: Int64

        package init(records: Int64 = 0, bytes: Int64 = 0) {
            self.records = records
            self.bytes = bytes
        }
    }

    public struct Group: Hashable, Sendable {
        private var nameBytes: ByBytes
        public var name: String {
            get { nameBytes.text }
            set { nameBytes.text = newValue }
        }
        public var amount: Amount

        package init(name: String, amount: Amount) {
            nameBytes = ByBytes(name)
            self.amount = amount
        }
    }

    /// The same records in groups.
    public struct Groups: Hashable, Sendable {
        /// Those with the most bytes, then in the order of their names' bytes; at most 20.
        public var largest: [Group]
        /// All that the largest do not hold.
        public var others: Amount
        /// How many groups there are, and ``mostNames`` if there are as many or more.
        public var names: Int
        /// Beyond this only so many groups are told apart, and the largest are the largest of these. Which ones depends
        /// on the state alone.
        public var mostNames: Int

        package init(largest: [Group] = [], others: Amount = Amount(), names: Int = 0, mostNames: Int) {
            self.largest = largest
            self.others = others
            self.names = names
            self.mostNames = mostNames
        }
        package static let mostLargest = 20
    }

    /// The state that this speaks of.
    public var at: Position
    public var all: Amount
    /// By the key's first segment: what stands before its first `/`, else the whole key.
    public var segments: Groups
    /// By the agent that put the record.
    public var owners: Groups

    package init(at: Position, all: Amount, segments: Groups, owners: Groups) {
        self.at = at
        self.all = all
        self.segments = segments
        self.owners = owners
    }
}

/// History that was dropped before its age, since records and history took more than the retention's bytes; since the
/// broker started.
public struct EvictedHistory: Hashable, Sendable {
    /// Of versions, and of the bytes that they took.
    public typealias Amount = MemoryCounts.Amount

    public var all: Amount
    /// By the key's first segment: what stands before its first `/`, else the whole key.
    public var segments: MemoryCounts.Groups

    package init(all: Amount, segments: MemoryCounts.Groups) {
        self.all = all
        self.segments = segments
    }
}
