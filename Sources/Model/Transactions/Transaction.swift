import FoundationEssentials

/// What an agent asks for: all of it happens in one commit, or nothing.
public struct Transaction: Hashable, Sendable {
    public var branch: BranchName
    private var contextBytes, messageBytes: ByBytes
    /// The run, task or conversation that the agent acts in; may be empty.
    public var context: String {
        get { contextBytes.text }
        set { contextBytes.text = newValue }
    }
    public var message: String {
        get { messageBytes.text }
        set { messageBytes.text = newValue }
    }
    public var preconditions: [Precondition]
    public var changes: [Change]
    /// What the agent read and built upon, in this transaction or before it in its context: recorded, not checked (what is to be
    /// checked is a precondition).
    public var reads: [ReadVersion]

    public init(
        branch: BranchName = .main, context: String = "", message: String = "",
        preconditions: [Precondition] = [], changes: [Change] = [], reads: [ReadVersion] = []
    ) {
        self.branch = branch
        contextBytes = ByBytes(context)
        messageBytes = ByBytes(message)
        self.preconditions = preconditions
        self.changes = changes
        self.reads = reads
    }
}

/// What a transaction requires. A failed one is a result, not an error.
public enum Precondition: Hashable, Sendable {
    /// The key's newest version is that of this revision. Revision 0 means the same as ``absent(_:)``.
    case at(Key, Revision)
    /// The key has no record: it never had one, or was deleted or expired.
    case absent(Key)
    /// No key of the topic changed after the revision.
    case unchanged(Topic, since: Revision)
    /// Nothing that the transaction names as read or required, or that its context is on record to have read before, was
    /// undone or quarantined since.
    case sound
}

/// One key's change. ``Action/increment(_:)``, ``Action/append(_:)`` and ``Action/mergePatch(_:)`` are merged
/// by the broker and never conflict; an absent key starts from 0, from the empty text or from the empty
/// object; a key of another kind refuses the transaction.
public struct Change: Hashable, Sendable {
    public enum Action: Hashable, Sendable {
        case put(Put)
        case delete
        case increment(Int64)
        /// UTF-8 text.
        case append(Data)
        /// A JSON merge patch, RFC 7396.
        case mergePatch(Data)
    }
    public var key: Key
    public var action: Action

    public init(_ key: Key, _ action: Action) {
        self.key = key
        self.action = action
    }
}

/// A whole new record.
public struct Put: Hashable, Sendable {
    public enum Expiry: Hashable, Sendable {
        case never
        /// From the moment of the commit, by the broker's clock.
        case after(Duration)
        case at(Timestamp)
    }
    public var value: Data
    public var kind: Kind
    public var attributes: Attributes
    public var links: [Link]
    public var expiry: Expiry
    /// Of the value, for searches that bring a vector.
    public var vectors: Vectors

    public init(
        _ value: Data, kind: Kind = .text, attributes: Attributes = [:], links: [Link] = [],
        expiry: Expiry = .never, vectors: Vectors = .none
    ) {
        self.value = value
        self.kind = kind
        self.attributes = attributes
        self.links = links
        self.expiry = expiry
        self.vectors = vectors
    }
}

/// A precondition that failed, with what is there instead.
public struct FailedPrecondition: Hashable, Sendable {
    public var precondition: Precondition
    /// Its place in the transaction's list of preconditions, from 0.
    public var index: Int
    /// The key that failed it: for ``Precondition/unchanged(_:since:)`` one that changed, for ``Precondition/sound`` one of
    /// which a version that was read is undone or quarantined.
    public var key: Key
    /// The newest version's revision, that of a deletion included; 0 if the key never had a record. For
    /// ``Precondition/sound`` that of the revert or quarantine.
    public var revision: Revision
    /// The current record; `nil` if there is none, or if it is no longer kept (a late retry). Where several are large, those
    /// beyond the first 4 MiB come without their values: ``Record/value`` is `nil`, ``Record/size`` tells.
    public var current: Record?

    package init(precondition: Precondition, index: Int = 0, key: Key, revision: Revision, current: Record?) {
        self.precondition = precondition
        self.index = index
        self.key = key
        self.revision = revision
        self.current = current
    }
    public static func == (a: Self, b: Self) -> Bool {
        a.precondition == b.precondition && a.key == b.key && a.revision == b.revision
    }
    public func hash(into hasher: inout Hasher) {
        hasher.combine(key)
        hasher.combine(revision)
    }
}

/// What became of a transaction, decided once and for all.
package enum Outcome: Hashable, Sendable {
    /// It is on disk as this revision.
    case committed(Position)
    /// A fork: it is on disk as this revision, and records that would expire do not on it.
    case forked(Position, FrozenCount)
    /// It had no changes and its preconditions held in the state after this revision.
    case held(Position)
    /// Nothing was written: these preconditions failed in the state after this revision.
    case conflict([FailedPrecondition], at: Position)
    /// A merge: it is on disk as this revision.
    case merged(Position, MergeReport)
    /// Nothing was written: somebody has to decide about these keys. Of many the first are listed, with how many more there are.
    case unsettled([MergeConflict], unlisted: Int, at: Position)
}

extension Outcome {
    /// The commit; `nil`: there is none.
    package var commit: Position? {
        switch self {
        case .committed(let position), .forked(let position, _), .merged(let position, _): position
        case .held, .conflict, .unsettled: nil
        }
    }
}

/// What a numbered request of a session asks for. It passes through many hands: indirect, it is one reference to all of
/// them.
package indirect enum Work: Hashable, Sendable {
    case transaction(Transaction)
    case fork(Fork)
    case merge(Merge)
    case rollback(Rollback)
    case revert(Revert)
    case pick(Pick)
    case quarantine(Quarantine)
    case branch(BranchChange)
    case tag(TagChange)
}

/// A new branch at a past revision of another: one commit, which copies nothing.
package struct Fork: Hashable, Sendable {
    package var name: BranchName
    package var parent: BranchName
    /// `nil`: the head.
    package var at: Revision?
    /// Whether what it inherits expires on it, though it starts in the past.
    package var expires: Bool
    @ByBytes package var context: String
    @ByBytes package var message: String
    package init(
        name: BranchName, parent: BranchName = .main, at: Revision? = nil, expires: Bool = false, context: String = "",
        message: String = ""
    ) {
        self.name = name
        self.parent = parent
        self.at = at
        self.expires = expires
        self.context = context
        self.message = message
    }
}
