/// Records and the links between them, some steps away from where one starts.
package struct GetLinks: Operation, Hashable {
    package var branch: BranchName
    package var at: Revision?
    /// The starts.
    package var keys: [Key]
    package var direction: LinkDirection
    private var relationBytes: [ByBytes]
    /// None: all.
    package var relations: [String] { relationBytes.map(\.text) }
    /// Steps.
    package var depth: Int
    /// Edges.
    package var limit: Int
    /// Only what lies on shortest paths from a start to this key.
    package var to: Key?
    package var atLeast: Revision

    package init(
        branch: BranchName = .main, at: Revision? = nil, keys: [Key], direction: LinkDirection = .both,
        relations: [String] = [], depth: Int = 1, limit: Int = 1000, to: Key? = nil, atLeast: Revision = 0
    ) {
        self.branch = branch
        self.at = at
        self.keys = keys
        self.direction = direction
        relationBytes = relations.map { ByBytes($0) }
        self.depth = depth
        self.limit = limit
        self.to = to
        self.atLeast = atLeast
    }

    package typealias Answer = LinkGraph

    package static let traits = Traits("the graph of links", .lookUp(isLong: false), yieldsToBusy: true)
    package var touches: [Touched] { [Touched(.read, on: branch, .topics(.everything))] }

    package var body: Request.Body { .links(self) }
    package static func body(of answer: Answer) -> Reply.Body { .links(answer) }
    package static func answer(in body: Reply.Body) -> Answer? {
        if case .links(let answer) = body { answer } else { nil }
    }

    package static let mostKeys = 1000
    package static let mostSteps = 16
    package static let mostEdges = 10_000
}

/// Which way links are followed.
public enum LinkDirection: String, Hashable, Sendable, CaseIterable {
    /// From source to target.
    case out
    case `in`
    case both
}

/// Records and the links between them, as of one state.
public struct LinkGraph: Hashable, Sendable {
    public struct Node: Hashable, Sendable {
        public var key: Key
        /// Steps from the nearest start.
        public var depth: Int
        /// `nil`: there is no record: what links to it dangles.
        public var revision: Revision?
        public var kind: Kind?

        package init(key: Key, depth: Int, revision: Revision?, kind: Kind?) {
            self.key = key
            self.depth = depth
            self.revision = revision
            self.kind = kind
        }
    }

    public struct Edge: Hashable, Sendable {
        public var source: Key
        private var relationBytes: ByBytes
        public var relation: String { relationBytes.text }
        public var target: Key
        /// Of the version of the source that has the link.
        public var revision: Revision

        package init(source: Key, relation: String, target: Key, revision: Revision) {
            self.source = source
            relationBytes = ByBytes(relation)
            self.target = target
            self.revision = revision
        }
    }

    public var at: Position
    /// Up to which commits the index knew links.
    public var indexed: Revision
    /// Each once, nearest first, then by key.
    public var nodes: [Node]
    public var edges: [Edge]
    /// There are more edges than the limit.
    public var isCut: Bool

    package init(at: Position, indexed: Revision, nodes: [Node], edges: [Edge], isCut: Bool) {
        self.at = at
        self.indexed = indexed
        self.nodes = nodes
        self.edges = edges
        self.isCut = isCut
    }
}
