import MembusModel

// What is on record of one simulated history: everything that somebody outside could have observed, in the
// order in which it happened, and the truth that was recovered from the store. The checker knows nothing else.

package struct History: Sendable {
    package private(set) var entries: [Entry] = []
    /// By lineage: what the store holds at the end, or held when its history was replaced.
    package var truths: [Lineage: Truth] = [:]
    /// What it held of the same lineage before that, each time that an old copy was put in its place.
    package var earlier: [Lineage: [Truth]] = [:]

    package init() {}

    /// Whether an old copy of the lineage's store was put in its place.
    func isCopiedBack(_ lineage: Lineage) -> Bool {
        entries.contains { if case .copiedBack(lineage, _) = $0.fact { true } else { false } }
    }

    package mutating func note(_ time: Instant, _ fact: Fact) { entries.append(Entry(time: time, fact: fact)) }
}

package struct Entry: Sendable {
    /// By the world's clock, which nobody in the world can read.
    package var time: Instant
    package var fact: Fact
}

/// One life of one view of one agent.
package struct ViewName: Hashable, Sendable, CustomStringConvertible {
    package var agent: Int
    package var life: Int
    package var number: UInt64
    package init(agent: Int, life: Int, number: UInt64) {
        self.agent = agent
        self.life = life
        self.number = number
    }
    package var description: String { "agent \(agent).\(life) view \(number)" }
}

package enum Fact: Sendable {
    /// An agent asked for a transaction or fork; its message is "op N".
    case invoked(Int, agent: Int, Work)
    /// The broker handed out a reply that says what became of it, whether or not the reply arrives.
    case told(Int, Result<Outcome, Refusal>, Lineage)
    /// The agent's call came back.
    case finished(Int, agent: Int, Ending)
    /// A broker serves this history, and shows it up to here.
    case visible(Lineage, Position)
    case floor(Lineage, Revision)
    /// An old copy of the store was put in its place as a file, up to here: the lineage goes on from there.
    case copiedBack(Lineage, Position)
    /// A reply with the state of this revision was handed out.
    case answered(Lineage, Revision)
    /// A message with this state was handed to the events' socket.
    case published(Lineage, Position)
    case following(ViewName, BranchName, TopicFilter, StreamMode, start: Token?)
    /// What a view began with from a warm file that says this of itself.
    case loaded(ViewName, Token, [Record])
    case left(ViewName)
    /// What an agent's core had a view's cache do. `asOf` of ``ViewOutput/fresh(asOf:)`` is by the world's clock.
    case moved(ViewName, ViewOutput, Lineage?)
    /// How a view stands at a turn of its agent.
    case watched(ViewName, Token?, isLive: Bool)
    /// What its cache shows, and of an invalidate view all that it knows.
    case holds(ViewName, Token?, [CacheEntry], atRest: Bool)
    /// A view kept something beyond its bounds.
    case overgrown(String)
    /// The world itself saw an invariant broken.
    case broken(Invariant, String)
    case asked(read: Int, agent: Int)
    case read(Read)
    case differed(Diffed)
    case watch(WatchName, WatchFact)
    case faultsEnded
    /// Of a record that says of each view when it was live and at the head again.
    case recovered(ViewName)
    /// What time it was when a batch with these commits was decided.
    case decided([Position], at: Timestamp)
    /// Up to which revision of its source a commit has merged it.
    case merged(Position, upTo: Revision)
    /// At the end, when all is calm.
    case rested(ViewName, Token?, isLive: Bool, digest: StateDigest?, ofStore: StateDigest?)
    /// The head at the end, as the broker shows it.
    case restedAt(Lineage, Position)
    /// What time it is then for the broker. Nothing has been under way for a while.
    case restedWhen(Timestamp)
    /// What was counted beside the commits, of the broker's main branch.
    case counted(Lineage, MemoryCounts)
    /// What an index of the broker's answered.
    case searched(Searched)
    /// For people.
    case remark(String)
}

/// Of a key that a cache knows something of.
package struct CacheEntry: Sendable {
    package var key: Key
    /// `nil`: it is known to have none.
    package var record: Record?
    package init(key: Key, record: Record?) {
        self.key = key
        self.record = record
    }
}

/// What an agent learned of its transaction.
package enum Ending: Sendable {
    case decided(Outcome, Lineage)
    /// It is committed, but the agent's views did not reach it in time.
    case committedUnseen(Position, Lineage)
    /// It never takes effect.
    case refused(String)
    /// It may have, or may yet.
    case unknown
}

package struct Read: Sendable {
    package enum Consistency: Hashable, Sendable {
        case cached
        case atLeast(Token)
        case within(Duration)
        case linearizable
        /// Of the broker itself, at its head.
        case direct
    }
    package var id: Int
    package var agent: Int
    /// `nil`: asked of the broker.
    package var view: ViewName?
    /// Whether the agent was told that the view is complete, before it asked.
    package var isJoined: Bool
    package var branch: BranchName
    package var keys: [Key]
    package var consistency: Consistency
    package var token: Token
    /// Those of the keys that have a record.
    package var found: [Record]
    /// Large values may be announced only.
    package var isAnnouncing = false
    /// The view's policy forbids reads while it is stale, and the read was over at once.
    package var isStrict = false

    package init(
        id: Int, agent: Int, view: ViewName?, isJoined: Bool, branch: BranchName, keys: [Key],
        consistency: Consistency, token: Token, found: [Record]
    ) {
        self.id = id
        self.agent = agent
        self.view = view
        self.isJoined = isJoined
        self.branch = branch
        self.keys = keys
        self.consistency = consistency
        self.token = token
        self.found = found
    }
}

/// A diff that was read to its end.
package struct Diffed: Sendable {
    package var agent: Int
    package var from: BranchName
    package var fromState: Token
    package var to: BranchName
    package var toState: Token
    package var filter: TopicFilter
    package var differences: [Difference]

    package init(
        agent: Int, from: BranchName, _ fromState: Token, to: BranchName, _ toState: Token, _ filter: TopicFilter,
        _ differences: [Difference]
    ) {
        self.agent = agent
        self.from = from
        self.fromState = fromState
        self.to = to
        self.toState = toState
        self.filter = filter
        self.differences = differences
    }
}
