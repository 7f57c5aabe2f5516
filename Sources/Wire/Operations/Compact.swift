import MembusModel

extension Compact: CodedOperation {
    init(_ message: PBCompact, _ limits: Limits) throws(Refusal) {
        let age = try Parse.revision(message.olderThanMs, "compact.older_than_ms")
        let below = try Parse.revision(message.below, "compact.below")
        self.init(olderThan: age == 0 ? nil : .milliseconds(age), below: below == 0 ? nil : below)
    }

    var message: PBCompact {
        .with {
            // An age below a millisecond is not "none".
            $0.olderThanMs = olderThan.map { max(1, $0.wholeMilliseconds) } ?? 0
            $0.below = below ?? 0
        }
    }

    static func answer(_ message: PBCompacted) throws(Refusal) -> Answer {
        Answer(floor: try Parse.revision(message.floor, "compacted.floor"))
    }

    static func message(of answer: Answer) -> PBCompacted { .with { $0.floor = answer.floor } }
}
