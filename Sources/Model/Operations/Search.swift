/// The best records for a question, best first.
package struct Search: Operation, Hashable {
    package var branch: BranchName
    /// `nil`: the newest state that the index holds.
    package var at: Revision?
    @ByBytes package var question: String
    /// Hits are of these.
    package var filter: TopicFilter
    package var limit: Int
    package var offset: Int
    package var meaning: Meaning
    /// Tells what each term gave.
    package var explains: Bool
    /// The index has reached this revision.
    package var atLeast: Revision
    /// The text of each hit's best passage comes along.
    package var withPassages: Bool
    /// No hits, unless something newer than this counts.
    package var since: Revision?
    /// A vector of the question; `nil`: the broker makes it.
    package var vector: QuestionVector?

    package init(
        branch: BranchName = .main, at: Revision? = nil, question: String, filter: TopicFilter = .everything,
        limit: Int = 10, offset: Int = 0, meaning: Meaning = .whereComplete, explains: Bool = false,
        atLeast: Revision = 0, withPassages: Bool = false, since: Revision? = nil,
        vector: QuestionVector? = nil
    ) {
        self.branch = branch
        self.at = at
        self.question = question
        self.filter = filter
        self.limit = limit
        self.offset = offset
        self.meaning = meaning
        self.explains = explains
        self.atLeast = atLeast
        self.withPassages = withPassages
        self.since = since
        self.vector = vector
    }

    package typealias Answer = SearchPage

    package static let traits = Traits("the search", .lookUp(isLong: false), yieldsToBusy: true)
    package var touches: [Touched] { [Touched(.read, on: branch, .topics(filter))] }

    package var body: Request.Body { .search(self) }
    package static func body(of answer: Answer) -> Reply.Body { .search(answer) }
    package static func answer(in body: Reply.Body) -> Answer? {
        if case .search(let answer) = body { answer } else { nil }
    }

    package static let mostHits = 1000
    /// Of a question, in bytes.
    package static let mostBytes = 64 << 10
}

/// A vector of a question, made by the model that made those of its space.
public struct QuestionVector: Hashable, Sendable {
    private var spaceBytes: ByBytes
    /// As agents name it with the vectors that they send along with records.
    public var space: String { spaceBytes.text }
    public var values: [Float]

    public init(_ values: [Float], in space: String) {
        spaceBytes = ByBytes(space)
        self.values = values
    }

    /// What keeps it from being compared; `nil`: nothing.
    package var fault: VectorsFault? { Vectors.Space(space, dimensions: values.count, values: values).fault }
}

/// Whether vectors take part in a search.
public enum Meaning: String, Hashable, Sendable, CaseIterable {
    /// Words alone, as long as a visible passage has no vector yet.
    case whereComplete
    /// With the vectors that there are.
    case always
    /// Words alone.
    case never
}

/// How far the index was for an answer, and how much of meaning took part in it.
public struct IndexStanding: Hashable, Sendable {
    /// Up to which commits are searchable.
    public var indexed: Revision
    /// The share of visible passages that have a vector, between 0 and 1; 0 also if there is no model.
    public var embedded: Double
    /// Whether vectors took part.
    public var usesMeaning: Bool

    package init(indexed: Revision, embedded: Double = 0, usesMeaning: Bool = false) {
        self.indexed = indexed
        self.embedded = embedded
        self.usesMeaning = usesMeaning
    }
}

/// What a search found.
public struct SearchPage: Hashable, Sendable {
    /// The state that was searched.
    public var at: Position
    public var standing: IndexStanding
    /// Best first.
    public var hits: [SearchHit]
    /// Records that match, in the topics.
    public var found: Int
    /// If they were asked for.
    public var terms: [SearchTerm]
    /// Visible passages, of which the worth of a word is counted.
    public var passages: Int
    /// Nothing newer than the revision that the question named counts: there are no hits in this answer.
    public var isUnchanged: Bool
    /// If terms were asked for: records under `.membus/search/` have some of what the state shows searched in another way, or not at all.
    public var usesSettings: Bool

    package init(
        at: Position, standing: IndexStanding, hits: [SearchHit] = [], found: Int = 0, terms: [SearchTerm] = [],
        passages: Int = 0, isUnchanged: Bool = false, usesSettings: Bool = false
    ) {
        self.at = at
        self.standing = standing
        self.hits = hits
        self.found = found
        self.terms = terms
        self.passages = passages
        self.isUnchanged = isUnchanged
        self.usesSettings = usesSettings
    }
}

/// A record that a search found.
public struct SearchHit: Hashable, Sendable {
    public var key: Key
    /// Of the version.
    public var revision: Revision
    /// words ÷ best words + ½ × cosine ÷ best cosine, to four digits.
    public var score: Double
    /// BM25, before it is divided by the best.
    public var words: Double
    /// Of the nearest passage; 0: none.
    public var cosine: Double
    /// The best one, if passages were asked for.
    public var passage: Passage?
    /// Of each term, in the order of ``SearchPage/terms``; if they were asked for.
    public var shares: [Double]
    /// If terms were asked for: records under `.membus/search/` set how this one is searched.
    public var usesSettings: Bool
    public var kind: Kind
    private var authorBytes: ByBytes
    /// Of the commit that wrote the version.
    public var author: String { authorBytes.text }

    package init(
        key: Key, revision: Revision, score: Double, words: Double = 0, cosine: Double = 0, passage: Passage? = nil,
        shares: [Double] = [], usesSettings: Bool = false, kind: Kind, author: String
    ) {
        self.key = key
        self.revision = revision
        self.score = score
        self.words = words
        self.cosine = cosine
        self.passage = passage
        self.shares = shares
        self.usesSettings = usesSettings
        self.kind = kind
        authorBytes = ByBytes(author)
    }
}

/// A part of a record's value.
public struct Passage: Hashable, Sendable {
    private var textBytes: ByBytes
    public var text: String { textBytes.text }
    /// From 0.
    public var number: Int
    /// Of the value's passages.
    public var count: Int

    package init(text: String, number: Int, count: Int) {
        textBytes = ByBytes(text)
        self.number = number
        self.count = count
    }
}

/// A term of a question.
public struct SearchTerm: Hashable, Sendable {
    private var termBytes: ByBytes
    /// As it stands in the index: a stem, mostly.
    public var term: String { termBytes.text }
    /// Visible ones that hold it.
    public var passages: Int
    /// The logarithm of its rarity.
    public var weight: Double

    package init(term: String, passages: Int, weight: Double) {
        termBytes = ByBytes(term)
        self.passages = passages
        self.weight = weight
    }
}
