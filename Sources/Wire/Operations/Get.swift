import MembusModel

extension Get: CodedOperation {
    init(_ message: PBGet, _ limits: Limits) throws(Refusal) {
        try Parse.check(count: message.keys.count, "get.keys", most: limits.keysPerRequest, "keysPerRequest")
        var keys: [Key] = []
        keys.reserveCapacity(message.keys.count)
        for (index, text) in message.keys.enumerated() { keys.append(try Parse.key(text, "get.keys[\(index)]")) }
        self.init(
            branch: try Parse.branch(message.branch, "get.branch"), keys: keys,
            at: message.hasAt ? try Position(message.at, "get.at") : nil)
    }

    var message: PBGet {
        .with {
            $0.branch = branch.text
            $0.keys = keys.map(\.text)
            if let at { $0.at = PBPosition(at) }
        }
    }

    static func answer(_ message: PBRecords) throws(Refusal) -> Answer {
        Answer(at: try Position(message.at, "records.at"), records: try Parse.records(message.records))
    }

    static func message(of answer: Answer) -> PBRecords {
        .with {
            $0.at = PBPosition(answer.at)
            $0.records = answer.records.map(PBRecord.init)
        }
    }
}
