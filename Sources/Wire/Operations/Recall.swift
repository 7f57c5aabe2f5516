import MembusModel

extension Recall: CodedOperation {
    init(_ message: PBRecall, _ limits: Limits) throws(Refusal) {
        self.init(
            branch: try Parse.branch(message.branch, "recall.branch"),
            at: message.hasAt ? try Parse.revision(message.at, "recall.at") : nil,
            question: try Parse.question(
                message.question, mayBeEmpty: !message.space.isEmpty, "recall.question"),
            filter: try Parse.scope(message.topics, limits),
            budget: try Budget(message.unit, message.budget),
            since: try Parse.revision(message.since, "recall.since"),
            atLeast: try Parse.revision(message.atLeast, "recall.at_least"),
            meaning: try Meaning(message.meaning, "recall.meaning"),
            vector: try Parse.vector(message.vector, in: message.space, meaning: message.meaning, "recall.vector"))
    }

    var message: PBRecall {
        .with {
            $0.branch = branch.text
            if let at { $0.at = at }
            $0.question = question
            $0.topics = filter.topics.map(\.text)
            $0.budget = UInt32(clamping: budget.amount)
            if case .tokens = budget { $0.unit = .tokens } else { $0.unit = .characters }
            $0.since = since
            $0.atLeast = atLeast
            $0.meaning = PBSearch.Meaning(meaning)
            $0.space = vector?.space ?? ""
            $0.vector = vector?.values ?? []
        }
    }

    static func answer(_ message: PBRecollection) throws(Refusal) -> Recollection {
        Recollection(
            at: try Position(message.at, "recall.at"),
            standing: IndexStanding(
                indexed: message.indexed, embedded: message.embedded, usesMeaning: message.meaning),
            block: message.block,
            citations: try message.citations.map { (citation) throws(Refusal) in try Citation(citation) },
            size: Int(message.size), leftOut: Int(clamping: message.leftOut))
    }

    static func message(of recollection: Recollection) -> PBRecollection {
        .with {
            $0.at = PBPosition(recollection.at)
            $0.indexed = recollection.standing.indexed
            $0.embedded = recollection.standing.embedded
            $0.meaning = recollection.standing.usesMeaning
            $0.block = recollection.block
            $0.citations = recollection.citations.map(PBCitation.init)
            $0.size = UInt32(clamping: recollection.size)
            $0.leftOut = UInt64(recollection.leftOut)
        }
    }
}

extension Budget {
    fileprivate init(_ unit: PBRecall.Unit, _ amount: UInt32) throws(Refusal) {
        switch unit {
        case .unspecified, .characters:
            self = .characters(try Parse.amount(amount, orElse: 4000, most: Self.most, "recall.budget"))
        case .tokens: self = .tokens(try Parse.amount(amount, orElse: 1000, most: Self.most, "recall.budget"))
        case .UNRECOGNIZED(let number):
            throw Refusal(.invalidArgument, "recall.unit: there is no unit \(number)", subject: "recall.unit")
        }
    }
}

extension Citation {
    fileprivate init(_ message: PBCitation) throws(Refusal) {
        self.init(
            key: try Parse.key(message.key, "citation.key"), revision: message.revision, score: message.score,
            passage: Int(message.passage),
            link: message.linkedFrom.isEmpty
                ? nil : (try Parse.key(message.linkedFrom, "citation.linked_from"), message.relation))
    }
}

extension PBCitation {
    fileprivate init(_ citation: Citation) {
        self.init()
        key = citation.key.text
        revision = citation.revision
        score = citation.score
        passage = UInt32(clamping: citation.passage)
        linkedFrom = citation.link?.source.text ?? ""
        relation = citation.link?.relation ?? ""
    }
}
