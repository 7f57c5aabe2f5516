import MembusModel

extension Search: CodedOperation {
    init(_ message: PBSearch, _ limits: Limits) throws(Refusal) {
        self.init(
            branch: try Parse.branch(message.branch, "search.branch"),
            at: message.hasAt ? try Parse.revision(message.at, "search.at") : nil,
            question: try Parse.question(
                message.question, mayBeEmpty: !message.space.isEmpty, "search.question"),
            filter: try Parse.scope(message.topics, limits),
            limit: try Parse.amount(message.limit, orElse: 10, most: Self.mostHits, "search.limit"),
            offset: Int(message.offset), meaning: try Meaning(message.meaning, "search.meaning"),
            explains: message.explain, atLeast: try Parse.revision(message.atLeast, "search.at_least"),
            withPassages: message.passages,
            since: message.since == 0 ? nil : try Parse.revision(message.since, "search.since"),
            vector: try Parse.vector(message.vector, in: message.space, meaning: message.meaning, "search.vector"))
    }

    var message: PBSearch {
        .with {
            $0.branch = branch.text
            if let at { $0.at = at }
            $0.question = question
            $0.topics = filter.topics.map(\.text)
            $0.limit = UInt32(clamping: limit)
            $0.offset = UInt32(clamping: offset)
            $0.meaning = PBSearch.Meaning(meaning)
            $0.explain = explains
            $0.atLeast = atLeast
            $0.passages = withPassages
            $0.since = since ?? 0
            $0.space = vector?.space ?? ""
            $0.vector = vector?.values ?? []
        }
    }

    static func answer(_ message: PBSearchPage) throws(Refusal) -> SearchPage {
        SearchPage(
            at: try Position(message.at, "search.at"),
            standing: IndexStanding(
                indexed: message.indexed, embedded: message.embedded, usesMeaning: message.meaning),
            hits: try message.hits.map { (hit) throws(Refusal) in try SearchHit(hit) },
            found: Int(clamping: message.found),
            terms: message.terms.map {
                SearchTerm(term: $0.term, passages: Int(clamping: $0.passages), weight: $0.weight)
            },
            passages: Int(clamping: message.records), isUnchanged: message.unchanged,
            usesSettings: message.settings)
    }

    static func message(of page: SearchPage) -> PBSearchPage {
        .with {
            $0.at = PBPosition(page.at)
            $0.indexed = page.standing.indexed
            $0.embedded = page.standing.embedded
            $0.meaning = page.standing.usesMeaning
            $0.hits = page.hits.map(PBHit.init)
            $0.found = UInt64(page.found)
            $0.terms = page.terms.map { term in
                .with {
                    $0.term = term.term
                    $0.passages = UInt64(term.passages)
                    $0.weight = term.weight
                }
            }
            $0.records = UInt64(page.passages)
            $0.unchanged = page.isUnchanged
            $0.settings = page.usesSettings
        }
    }
}

extension Meaning {
    init(_ message: PBSearch.Meaning, _ field: @autoclosure Field) throws(Refusal) {
        switch message {
        case .unspecified, .whereComplete: self = .whereComplete
        case .always: self = .always
        case .never: self = .never
        case .UNRECOGNIZED(let number):
            throw Refusal(
                .invalidArgument, "\(field()): there is no way \(number) to search by meaning", subject: field())
        }
    }
}

extension PBSearch.Meaning {
    init(_ meaning: Meaning) {
        self =
            switch meaning {
            case .whereComplete: .whereComplete
            case .always: .always
            case .never: .never
            }
    }
}

extension SearchHit {
    fileprivate init(_ message: PBHit) throws(Refusal) {
        self.init(
            key: try Parse.key(message.key, "hit.key"), revision: message.revision, score: message.score,
            words: message.words, cosine: message.cosine,
            passage: message.hasPassage
                ? Passage(
                    text: message.passage.text, number: Int(message.passage.number), count: Int(message.passage.count))
                : nil,
            shares: message.shares, usesSettings: message.settings, kind: Kind(message.kind), author: message.author)
    }
}

extension PBHit {
    fileprivate init(_ hit: SearchHit) {
        self.init()
        key = hit.key.text
        revision = hit.revision
        score = hit.score
        words = hit.words
        cosine = hit.cosine
        if let passage = hit.passage {
            self.passage = .with {
                $0.text = passage.text
                $0.number = UInt32(clamping: passage.number)
                $0.count = UInt32(clamping: passage.count)
            }
        }
        shares = hit.shares
        settings = hit.usesSettings
        kind = hit.kind.name
        author = hit.author
    }
}

extension Parse {
    /// Topics, none of which stand for all.
    static func scope(_ texts: [String], _ limits: Limits) throws(Refusal) -> TopicFilter {
        texts.isEmpty ? .everything : try filter(texts, limits)
    }

    /// - Parameter mayBeEmpty: a vector asks already.
    static func question(
        _ text: String, mayBeEmpty: Bool, _ field: @autoclosure Field
    ) throws(Refusal) -> String {
        if text.utf8.count > Search.mostBytes {
            throw Refusal(
                .limitExceeded, "\(field()): a question of \(text.utf8.count) bytes is longer than \(Search.mostBytes)",
                hint: "ask in fewer words", subject: field())
        }
        if !mayBeEmpty, text.utf8.allSatisfy({ $0 == UInt8(ascii: " ") }) {
            throw Refusal(
                .invalidArgument, "\(field()): nothing is asked", hint: "name the words to look for", subject: field())
        }
        return text
    }

    /// - Returns: `nil`: none is brought.
    static func vector(
        _ values: [Float], in space: String, meaning: PBSearch.Meaning, _ field: @autoclosure Field
    ) throws(Refusal) -> QuestionVector? {
        if space.isEmpty {
            if values.isEmpty { return nil }
            throw Refusal(
                .invalidArgument, "\(field()): a vector without the name of its space is compared with none",
                hint: "name the space under which agents send such vectors", subject: "space")
        }
        let vector = QuestionVector(values, in: space)
        if let fault = vector.fault {
            throw Refusal(.invalidArgument, "\(field()): \(fault.what)", hint: fault.hint, subject: field())
        }
        if meaning == .never {
            throw Refusal(
                .invalidArgument, "\(field()): a vector is brought, and meaning is not to count",
                hint: "leave one of the two out", subject: field())
        }
        return vector
    }

    /// Refused beyond the most, so that nobody takes a part for the whole.
    static func amount(
        _ asked: UInt32, orElse usual: Int, most: Int, _ field: @autoclosure Field
    ) throws(Refusal) -> Int {
        if asked == 0 { return usual }
        if Int(asked) <= most { return Int(asked) }
        throw Refusal(
            .limitExceeded, "\(field()): \(asked) is more than \(most)", hint: "ask for at most \(most)",
            subject: field())
    }
}
