import MembusModel

// What a search told, held against the state that it says it speaks of. Which records hold a word is said here in the simplest
// way, which is enough for what the worlds write: runs of ASCII letters and digits. What hits are worth is proven elsewhere.

/// The answer to a question of single words, told in one page.
package struct Searched: Sendable {
    package var lineage: Lineage
    package var branch: BranchName
    package var at: Position
    package var words: [String]
    package var hits: [(key: Key, revision: Revision)]
    package var found: Int
    /// Of the state.
    package var passages: Int

    package init(
        lineage: Lineage, branch: BranchName, at: Position, words: [String], hits: [(key: Key, revision: Revision)],
        found: Int, passages: Int
    ) {
        self.lineage = lineage
        self.branch = branch
        self.at = at
        self.words = words
        self.hits = hits
        self.found = found
        self.passages = passages
    }
}

extension Check {
    /// Of so many bytes none has two passages.
    private static let shortValue = 300

    /// 23: it finds all that holds one of the words, each as the state has it, and nothing else.
    mutating func take(_ searched: Searched) {
        let at = searched.at.revision
        let who = "the search for \(searched.words) on \(searched.branch) at \(at)"
        guard let run = exists(searched.at, searched.lineage, who), let truth = truth(of: run) else { return }
        let records = truth.state(of: searched.branch, .everything, at: at).filter { !$0.isTheBrokers }
        let words = searched.words.map { Array($0.utf8) }
        let expected = records.filter { record in
            let texts = record.texts + [Array((truth.commit(record.revision)?.info.agent ?? "").utf8)]
            return words.contains { word in texts.contains { $0.holds(word) } }
        }
        let hits = searched.hits.sorted { $0.key < $1.key }
        if !hits.elementsEqual(expected, by: { $0.key == $1.key && $0.revision == $1.revision }) {
            let found = hits.map { "\($0.key)@\($0.revision)" }
            violated(.retrieval, "\(who) finds \(found), there is \(expected.map { "\($0.key)@\($0.revision)" })")
        }
        if searched.found != hits.count {
            violated(.retrieval, "\(who) finds \(searched.found) records, and shows \(hits.count)")
        }
        let areShort = records.allSatisfy { $0.value.map { $0.count < Self.shortValue } ?? true }
        if searched.passages != records.count && areShort || searched.passages < records.count {
            violated(.retrieval, "\(who) is of \(searched.passages) passages, there are \(records.count) records")
        }
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
