import MembusModel

// What a search told, held against the state that it says it speaks of. What words are worth is proven elsewhere.

/// The answer to a question of words, of a vector or of both, told in one page.
package struct Searched: Sendable {
    package var lineage: Lineage
    package var branch: BranchName
    package var at: Position
    package var terms: [SearchedTerm]
    package var filter: TopicFilter
    package var vector: QuestionVector?
    /// `nil`: refused, because vectors of the space have other dimensions.
    package var page: SearchPage?

    package init(
        lineage: Lineage, branch: BranchName, at: Position, terms: [SearchedTerm], filter: TopicFilter,
        vector: QuestionVector?, page: SearchPage?
    ) {
        self.lineage = lineage
        self.branch = branch
        self.at = at
        self.terms = terms
        self.filter = filter
        self.vector = vector
        self.page = page
    }
}

extension Searched {
    package var question: String {
        (terms.map(\.text) + (vector.map { ["\($0.space) \($0.values)"] } ?? [])).joined(separator: ", ")
    }
}

/// The state that an answer speaks of, as far as it is searched.
struct SearchedState {
    let truth: Truth
    let records: [Record]
    private let settings: SearchedSettings
    /// For what is told.
    let who: String

    init(_ truth: Truth, of searched: Searched, who: String) {
        (self.truth, self.who) = (truth, who)
        let all = truth.state(of: searched.branch, .everything, at: searched.at.revision)
        let settings = SearchedSettings(all)
        self.settings = settings
        records = all.filter { !$0.isTheBrokers && !settings.isOff($0) }
    }

    func holds(_ record: Record, anyOf terms: [SearchedTerm]) -> Bool {
        if terms.isEmpty { return false }
        let info = truth.commit(record.revision)?.info
        let text = SearchedText(record, author: info?.agent ?? "", message: info?.message ?? "")
        let fields = settings.fields(of: record)
        return terms.contains { text.holds($0, only: fields) }
    }
}

extension Check {
    /// Of so many bytes none has two passages.
    private static let shortValue = 300

    /// 23: it finds all that holds one of the words or is near, each as the state has it, and nothing else.
    mutating func take(_ searched: Searched) {
        let who = "the search for \(searched.question) on \(searched.branch) at \(searched.at.revision)"
        guard let run = exists(searched.at, searched.lineage, who), let truth = truth(of: run) else { return }
        let state = SearchedState(truth, of: searched, who: who)
        guard let page = searched.page else { return refused(searched, state) }
        let expected = state.records.filter { record in
            guard searched.filter.matches(record.key) else { return false }
            if state.holds(record, anyOf: searched.terms) { return true }
            // With words, what points away is not near.
            let cosine = searched.vector.flatMap { truth.cosine(of: record, to: $0) }
            return cosine.map { searched.terms.isEmpty || $0 > 1e-9 } ?? false
        }
        let hits = page.hits.sorted { $0.key < $1.key }
        if !hits.elementsEqual(expected, by: { $0.key == $1.key && $0.revision == $1.revision }) {
            let found = hits.map { "\($0.key)@\($0.revision)" }
            violated(.retrieval, "\(who) finds \(found), there is \(expected.map { "\($0.key)@\($0.revision)" })")
        }
        compareCounts(searched, page, state)
        compareCosines(searched, page, state)
    }

    private mutating func compareCounts(_ searched: Searched, _ page: SearchPage, _ state: SearchedState) {
        // Beside words what is near is counted as bytes tell: what is across may be either.
        let across =
            searched.terms.isEmpty
            ? 0
            : state.records.count { record in
                searched.vector.flatMap { state.truth.cosine(of: record, to: $0) }.map { abs($0) < 0.02 } ?? false
            }
        if abs(page.found - page.hits.count) > across {
            violated(.retrieval, "\(state.who) finds \(page.found) records, and shows \(page.hits.count)")
        }
        let (told, least) = (page.passages, state.records.count)
        let areShort = state.records.allSatisfy { $0.value.map { $0.count < Self.shortValue } ?? true }
        if told != least && areShort || told < least {
            violated(.retrieval, "\(state.who) is of \(told) passages, there are \(least) records")
        }
    }

    private mutating func refused(_ searched: Searched, _ state: SearchedState) {
        let isRight =
            searched.vector.map { vector in
                state.records.contains { state.truth.hasOtherDimensions($0, than: vector) }
                    && state.records.allSatisfy { state.truth.cosine(of: $0, to: vector) == nil }
            } ?? false
        if !isRight { violated(.retrieval, "\(state.who) is refused for its dimensions") }
    }
}

extension Record { fileprivate var isTheBrokers: Bool { key.text.utf8.starts(with: ".membus/".utf8) } }
