/// What an agent had read, required and written by some revision, as far as it is on record and kept.
package struct GetKnowledge: Operation, Hashable {
    @ByBytes package var agent: String
    private var contextBytes: ByBytes?
    /// `nil`: in all its contexts.
    package var context: String? {
        get { contextBytes?.text }
        set { contextBytes = newValue.map { ByBytes($0) } }
    }
    /// `nil`: the newest.
    package var at: Revision?

    package init(agent: String, context: String? = nil, at: Revision? = nil) {
        self.agent = agent
        contextBytes = context.map { ByBytes($0) }
        self.at = at
    }

    package typealias Answer = Knowledge

    package static let traits = Traits("what an agent knows", .lookUp(isLong: false), yieldsToBusy: true)
    /// Whatever it has read, and wherever.
    package var touches: [Touched] { [Touched(.read, on: nil, .store)] }

    package var body: Request.Body { .knowledge(self) }
    package static func body(of answer: Answer) -> Reply.Body { .knowledge(answer) }
    package static func answer(in body: Reply.Body) -> Answer? {
        if case .knowledge(let answer) = body { answer } else { nil }
    }
}

/// What an agent knew.
public struct Knowledge: Hashable, Sendable {
    /// The state up to which it was looked for.
    public var at: Position
    /// The floor: what commits before it have read is not known.
    public var since: Revision
    /// In the order in which it came to know it, each version once; of many the last.
    public var known: [KnownVersion]
    /// So many more, before these.
    public var unlisted: Int
    /// So many reads that its client could not keep until they were noted.
    public var lostReads: Int

    package init(
        at: Position, since: Revision, known: [KnownVersion] = [], unlisted: Int = 0, lostReads: Int = 0
    ) {
        self.at = at
        self.since = since
        self.known = known
        self.unlisted = unlisted
        self.lostReads = lostReads
    }

    package static let most = 10_000
}

/// Something that an agent has read, required or written.
public struct KnownVersion: Hashable, Sendable {
    public enum Way: String, Hashable, Sendable, CaseIterable {
        case read
        /// The list of a topic.
        case listed
        /// By a commit's precondition.
        case required
        case wrote
    }

    public var way: Way
    public var subject: ReadVersion.Subject
    public var branch: BranchName
    /// 0: there was no record, or it is a list.
    public var version: Revision
    /// The state that was read; 0: it is not known.
    public var cut: Revision
    /// Of the commit that says so; of a note the newest when the broker took it.
    public var revision: Revision
    /// By a note, and not by a commit.
    public var isNoted: Bool
    /// When; of a read by the reader's clock.
    public var time: Timestamp
    private var contextBytes: ByBytes
    public var context: String { contextBytes.text }

    package init(
        _ way: Way, _ subject: ReadVersion.Subject, on branch: BranchName, version: Revision, cut: Revision = 0,
        by revision: Revision, isNoted: Bool = false, time: Timestamp, context: String
    ) {
        self.way = way
        self.subject = subject
        self.branch = branch
        self.version = version
        self.cut = cut
        self.revision = revision
        self.isNoted = isNoted
        self.time = time
        contextBytes = ByBytes(context)
    }
}
