/// A check of the store: file, hash chain, derived tables.
package struct Verify: Operation, Hashable {
    package init() {}

    package typealias Answer = Verification

    package static let traits = Traits(
        "the verification", .lookUp(isLong: true), patience: .seconds(60), isUpkeep: true, yieldsToBusy: true)
    package var touches: [Touched] { [.store(.upkeep)] }

    package var body: Request.Body { .verify(self) }
    package static func body(of answer: Answer) -> Reply.Body { .verified(answer) }
    package static func answer(in body: Reply.Body) -> Answer? {
        if case .verified(let answer) = body { answer } else { nil }
    }
}

/// What a check of the store found.
public struct Verification: Hashable, Sendable {
    public var revision: Revision
    public var floor: Revision
    public var commits: Int64
    public var changes: Int64
    /// What is wrong, in words; empty if nothing is.
    public var problems: [String]

    package init(revision: Revision, floor: Revision, commits: Int64, changes: Int64, problems: [String]) {
        self.revision = revision
        self.floor = floor
        self.commits = commits
        self.changes = changes
        self.problems = problems
    }
}
