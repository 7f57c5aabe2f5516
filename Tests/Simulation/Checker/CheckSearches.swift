import MembusModel

// What a search told, held against the state that it says it speaks of. Which records hold a word is said here in the simplest
// way, which is enough for what the worlds write: runs of ASCII letters and digits. What hits are worth is proven elsewhere.

/// The answer to a question of single words, of a vector or of both, told in one page.
package struct Searched: Sendable {
    package var lineage: Lineage
    package var branch: BranchName
    package var at: Position
    package var words: [String]
    package var vector: QuestionVector?
    /// `nil`: refused, because vectors of the space have other dimensions.
    package var page: SearchPage?

    package init(
        lineage: Lineage, branch: BranchName, at: Position, words: [String], vector: QuestionVector?, page: SearchPage?
    ) {
        self.lineage = lineage
        self.branch = branch
        self.at = at
        self.words = words
        self.vector = vector
        self.page = page
    }
}

extension Searched {
    package var question: String {
        (words + (vector.map { ["\($0.space) \($0.values)"] } ?? [])).joined(separator: ", ")
    }
}

extension Check {
    /// Of so many bytes none has two passages.
    private static let shortValue = 300

    /// 23: it finds all that holds one of the words or is near, each as the state has it, and nothing else.
    mutating func take(_ searched: Searched) {
        let at = searched.at.revision
        let who = "the search for \(searched.question) on \(searched.branch) at \(at)"
        guard let run = exists(searched.at, searched.lineage, who), let truth = truth(of: run) else { return }
        let records = truth.state(of: searched.branch, .everything, at: at).filter { !$0.isTheBrokers }
        guard let page = searched.page else { return refused(searched, truth, records, who) }
        let words = searched.words.map { Array($0.utf8) }
        let expected = records.filter { record in
            let texts = record.texts + [Array((truth.commit(record.revision)?.info.agent ?? "").utf8)]
            if words.contains(where: { word in texts.contains { $0.holds(word) } }) { return true }
            return searched.vector.flatMap { truth.cosine(of: record, to: $0) }.map { words.isEmpty || $0 > 1e-9 }
                ?? false
        }
        let hits = page.hits.sorted { $0.key < $1.key }
        if !hits.elementsEqual(expected, by: { $0.key == $1.key && $0.revision == $1.revision }) {
            let found = hits.map { "\($0.key)@\($0.revision)" }
            violated(.retrieval, "\(who) finds \(found), there is \(expected.map { "\($0.key)@\($0.revision)" })")
        }
        compareCounts(searched, page, truth, records, who)
        compareCosines(searched, page, truth, records, who)
    }

    private mutating func compareCounts(
        _ searched: Searched, _ page: SearchPage, _ truth: Truth, _ records: [Record], _ who: String
    ) {
        // Beside words what is near is counted as bytes tell: what is across may be either.
        let across =
            searched.words.isEmpty
            ? 0
            : records.count { record in
                searched.vector.flatMap { truth.cosine(of: record, to: $0) }.map { abs($0) < 0.02 } ?? false
            }
        if abs(page.found - page.hits.count) > across {
            violated(.retrieval, "\(who) finds \(page.found) records, and shows \(page.hits.count)")
        }
        let areShort = records.allSatisfy { $0.value.map { $0.count < Self.shortValue } ?? true }
        if page.passages != records.count && areShort || page.passages < records.count {
            violated(.retrieval, "\(who) is of \(page.passages) passages, there are \(records.count) records")
        }
    }

    private mutating func refused(_ searched: Searched, _ truth: Truth, _ records: [Record], _ who: String) {
        let isRight =
            searched.vector.map { vector in
                records.contains { truth.hasOtherDimensions($0, than: vector) }
                    && records.allSatisfy { truth.cosine(of: $0, to: vector) == nil }
            } ?? false
        if !isRight { violated(.retrieval, "\(who) is refused for its dimensions") }
    }
}

extension Record {
    fileprivate var isTheBrokers: Bool { key.text.utf8.starts(with: ".membus/".utf8) }

    /// What of it is looked through, but for its author.
    fileprivate var texts: [[UInt8]] {
        var texts = [Array(key.text.utf8), Array(kind.name.utf8)]
        for (name, value) in attributes { texts += [Array(name.utf8), Array(value.utf8)] }
        guard let value, kind != .counter else { return texts }
        let bytes = Array(value)
        guard kind == .json else { return texts + [bytes] }
        // Strings and names: nothing in them is escaped.
        let parts = bytes.split(separator: UInt8(ascii: "\""), omittingEmptySubsequences: false)
        return texts + parts.enumerated().filter { $0.offset % 2 == 1 }.map { Array($0.element) }
    }
}

extension [UInt8] {
    /// As a whole word.
    fileprivate func holds(_ word: [UInt8]) -> Bool {
        split { !$0.isOfWord }.contains { $0.elementsEqual(word) }
    }
}

extension UInt8 {
    fileprivate var isOfWord: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
