import MembusModel

extension Digest: CodedOperation {
    init(_ message: PBGetDigest, _ limits: Limits) throws(Refusal) {
        self.init(
            branch: try Parse.branch(message.branch, "digest.branch"),
            topics: try Parse.filter(message.topics, limits),
            at: message.hasAt ? try Parse.revision(message.at, "digest.at") : nil)
    }

    var message: PBGetDigest {
        .with {
            $0.branch = branch.text
            $0.topics = topics.topics.map(\.text)
            if let at { $0.at = at }
        }
    }

    static func answer(_ message: PBDigest) throws(Refusal) -> Answer {
        Answer(
            at: try Position(message.at, "digest.at"), digest: StateDigest(count: message.count, bytes: message.digest))
    }

    static func message(of answer: Answer) -> PBDigest {
        .with {
            $0.at = PBPosition(answer.at)
            $0.count = answer.digest.count
            $0.digest = answer.digest.bytes
        }
    }
}
