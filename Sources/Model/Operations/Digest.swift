/// The fingerprint of some topics' records as of a revision.
package struct Digest: Operation, Hashable {
    package var branch: BranchName
    package var topics: TopicFilter
    package var at: Revision?

    package init(branch: BranchName, topics: TopicFilter, at: Revision? = nil) {
        self.branch = branch
        self.topics = topics
        self.at = at
    }

    package struct Answer: Hashable, Sendable {
        package var at: Position
        package var digest: StateDigest

        package init(at: Position, digest: StateDigest) {
            self.at = at
            self.digest = digest
        }
    }

    package static let traits = Traits("the digest", .lookUp(isLong: false), patience: .seconds(10))
    package var touches: [Touched] { [Touched(.read, on: branch, .topics(topics))] }

    package var body: Request.Body { .digest(self) }
    package static func body(of answer: Answer) -> Reply.Body { .digest(answer) }
    package static func answer(in body: Reply.Body) -> Answer? {
        if case .digest(let answer) = body { answer } else { nil }
    }
}
