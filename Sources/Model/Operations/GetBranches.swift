/// All branches.
package struct GetBranches: Operation, Hashable {
    package init() {}

    package typealias Answer = [BranchInfo]

    package static let traits = Traits("the list of branches", .lookUp(isLong: false), yieldsToBusy: true)
    package var touches: [Touched] { [Touched(.read, on: nil, .branches)] }

    package var body: Request.Body { .branches(self) }
    package static func body(of answer: Answer) -> Reply.Body { .branches(answer) }
    package static func answer(in body: Reply.Body) -> Answer? {
        if case .branches(let answer) = body { answer } else { nil }
    }
}

/// A branch: a line of memory that starts as its parent was at a revision.
public struct BranchInfo: Hashable, Sendable {
    public var name: BranchName
    /// `nil` for `main`.
    public var parent: BranchName?
    public var forkRevision: Revision
    /// The commit that made the branch; 0 for `main`.
    public var created: Revision

    package init(name: BranchName, parent: BranchName?, forkRevision: Revision, created: Revision) {
        self.name = name
        self.parent = parent
        self.forkRevision = forkRevision
        self.created = created
    }
}
