/// All branches, or all tags, page by page. One that is made meanwhile may or may not be among them.
struct NamesInParts: StepwiseCall {
    typealias Product = BranchPage
    typealias Given = Never

    private var asked: GetBranches
    private var found = BranchPage()

    init(_ asked: GetBranches) { self.asked = asked }

    func begin() -> Action { .ask(asked) }

    mutating func take(_ input: Input) throws -> Action {
        switch input {
        case .answered(let answer):
            let page = try answer.answered(to: GetBranches.self).answer
            found.branches += page.branches
            found.tags += page.tags
            let next: GetBranches.Names =
                switch asked.names {
                case .branches: .branches(after: page.branches.last?.name)
                case .tags: .tags(after: page.tags.last?.name)
                case .tag(let name): .tag(name)
                }
            // One that gets no further would never end.
            guard page.more, next != asked.names, !page.branches.isEmpty || !page.tags.isEmpty else {
                return .hand(found)
            }
            asked.names = next
            return begin()
        case .failed(let error, _): throw error
        case .passed: preconditionFailure("nothing but an answer is waited for")
        }
    }
}

extension GetBranches {
    /// Old brokers know no pages, and give all.
    static func all(withFigures: Bool) -> GetBranches { GetBranches(withFigures: withFigures, limit: 1000) }
    static let allTags = GetBranches(.tags(after: nil))
}
