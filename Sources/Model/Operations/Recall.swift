/// A block of text for a prompt: the best passages for a question, and what they link to.
package struct Recall: Operation, Hashable {
    package var branch: BranchName
    package var at: Revision?
    @ByBytes package var question: String
    package var filter: TopicFilter
    package var budget: Budget
    /// Only versions that are newer.
    package var since: Revision
    package var atLeast: Revision
    package var meaning: Meaning
    /// As of a ``Search``.
    package var vector: QuestionVector?

    package init(
        branch: BranchName = .main, at: Revision? = nil, question: String, filter: TopicFilter = .everything,
        budget: Budget = .characters(4000), since: Revision = 0, atLeast: Revision = 0,
        meaning: Meaning = .whereComplete, vector: QuestionVector? = nil
    ) {
        self.branch = branch
        self.at = at
        self.question = question
        self.filter = filter
        self.budget = budget
        self.since = since
        self.atLeast = atLeast
        self.meaning = meaning
        self.vector = vector
    }

    package typealias Answer = Recollection

    package static let traits = Traits("the recall", .lookUp(isLong: false), yieldsToBusy: true)
    package var touches: [Touched] { [Touched(.read, on: branch, .topics(filter))] }

    package var body: Request.Body { .recall(self) }
    package static func body(of answer: Answer) -> Reply.Body { .recall(answer) }
    package static func answer(in body: Reply.Body) -> Answer? {
        if case .recall(let answer) = body { answer } else { nil }
    }
}

/// How large a block may be.
public enum Budget: Hashable, Sendable {
    /// Unicode scalars.
    case characters(Int)
    /// Of WordPiece, as the model counts them.
    case tokens(Int)

    package var amount: Int {
        switch self {
        case .characters(let amount), .tokens(let amount): amount
        }
    }
    package static let most = 1_000_000
}

/// What is known of something, as a block of text for a prompt.
public struct Recollection: Hashable, Sendable {
    public var at: Position
    public var standing: IndexStanding
    private var blockBytes: ByBytes
    public var block: String { blockBytes.text }
    /// In the order of the block.
    public var citations: [Citation]
    /// Of the block, in the unit that was asked for.
    public var size: Int
    /// Passages that matched and did not fit.
    public var leftOut: Int

    package init(
        at: Position, standing: IndexStanding, block: String, citations: [Citation], size: Int, leftOut: Int
    ) {
        self.at = at
        self.standing = standing
        blockBytes = ByBytes(block)
        self.citations = citations
        self.size = size
        self.leftOut = leftOut
    }
}

/// Where a part of a recollection comes from.
public struct Citation: Hashable, Sendable {
    public var key: Key
    public var revision: Revision
    /// 0: it is there because a record above links to it.
    public var score: Double
    /// The passage's number.
    public var passage: Int
    /// The link that brought it; `nil`: it was found.
    public var link: (source: Key, relation: String)? {
        guard let source else { return nil }
        return (source, relationBytes.text)
    }
    private var source: Key?
    private var relationBytes: ByBytes

    package init(
        key: Key, revision: Revision, score: Double = 0, passage: Int = 0,
        link: (source: Key, relation: String)? = nil
    ) {
        self.key = key
        self.revision = revision
        self.score = score
        self.passage = passage
        source = link?.source
        relationBytes = ByBytes(link?.relation ?? "")
    }
}
