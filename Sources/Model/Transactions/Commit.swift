/// What a transaction became on disk, without its changes.
public struct CommitInfo: Hashable, Sendable {
    public var revision: Revision
    public var hash: UInt64
    public var branch: BranchName
    private var agentBytes, contextBytes, messageBytes: ByBytes
    /// The author. The broker's own commits (expiry) are by ``CommitInfo/broker``.
    public var agent: String {
        get { agentBytes.text }
        set { agentBytes.text = newValue }
    }
    public var session: SessionID?
    /// The transaction's number within its session; 0 without one.
    public var number: UInt64
    public var time: Timestamp
    public var context: String {
        get { contextBytes.text }
        set { contextBytes.text = newValue }
    }
    public var message: String {
        get { messageBytes.text }
        set { messageBytes.text = newValue }
    }

    public static let broker = "membus"

    package init(
        revision: Revision, hash: UInt64, branch: BranchName, agent: String, session: SessionID?, number: UInt64,
        time: Timestamp, context: String, message: String
    ) {
        self.revision = revision
        self.hash = hash
        self.branch = branch
        agentBytes = ByBytes(agent)
        self.session = session
        self.number = number
        self.time = time
        contextBytes = ByBytes(context)
        messageBytes = ByBytes(message)
    }
    public var position: Position { Position(revision: revision, hash: hash) }
}

/// A commit with the versions that it wrote, in order of their ordinals, values inline.
public struct Commit: Equatable, Sendable {
    public var info: CommitInfo
    public var records: [Record]
    /// What it follows, as far as that is kept: the commit before it on its branch, or of a branch's first the newest that was
    /// inherited; and of a merge the source's. Only in a log that was asked for it.
    public var parents: [Revision] = []

    package init(info: CommitInfo, records: [Record]) {
        self.info = info
        self.records = records
    }
}
