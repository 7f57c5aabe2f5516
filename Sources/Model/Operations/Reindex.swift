/// Has another index made, beside everything else, which takes the place of the one that there is.
package struct Reindex: Operation, Hashable {
    package init() {}

    package struct Answer: Hashable, Sendable {
        /// That it held.
        package var versions: Int64
        package init(versions: Int64) { self.versions = versions }
    }

    package static let traits = Traits("the making of the index", .lookUp(isLong: false), isUpkeep: true)
    package var touches: [Touched] { [.store(.upkeep)] }

    package var body: Request.Body { .reindex(self) }
    package static func body(of answer: Answer) -> Reply.Body { .reindexed(answer) }
    package static func answer(in body: Reply.Body) -> Answer? {
        if case .reindexed(let answer) = body { answer } else { nil }
    }
}

/// How far retrieval is.
public struct IndexFigures: Hashable, Sendable {
    /// Up to which commits are searchable.
    public var revision: Revision
    /// Those that compaction has dropped, and the index not yet, among them.
    public var versions: Int64
    public var passages: Int64
    /// Of its file.
    public var bytes: Int64
    /// `nil`: none, so that words alone count.
    public var model: String?
    /// Passages that have a vector.
    public var embedded: Int64
    /// Why it does not go on; `nil`: it does.
    public var fault: String?
    /// How far another index is that is being made beside it; `nil`: none is.
    public var making: Revision?

    package init(
        revision: Revision = 0, versions: Int64 = 0, passages: Int64 = 0, bytes: Int64 = 0, model: String? = nil,
        embedded: Int64 = 0, fault: String? = nil, making: Revision? = nil
    ) {
        self.revision = revision
        self.versions = versions
        self.passages = passages
        self.bytes = bytes
        self.model = model
        self.embedded = embedded
        self.fault = fault
        self.making = making
    }
}
