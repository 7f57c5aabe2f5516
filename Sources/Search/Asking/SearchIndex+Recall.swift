import MembusModel
import MembusStore

// A block for a prompt. Passages come best first, each text once, until three quarters of the budget are used; then what their records
// link to, in the order of the links; then the next passages, until nothing fits. Each stands in a paragraph behind `key@revision`.

extension SearchIndex {
    /// - Throws: `Refusal`, or what is wrong with the index.
    package func recall(
        _ recall: Recall, in layers: LayeredState, reader: Reader, visible: Revision
    ) throws -> Recollection {
        let measure: (String) -> Int
        switch recall.budget {
        case .characters: measure = { $0.unicodeScalars.count }
        case .tokens:
            guard let source = meanings?.source, source.tokens(in: "") != nil else {
                throw Refusal(
                    .invalidArgument, "recall: this broker has no model to count tokens by",
                    hint: "fetch one with `membus model fetch`, or give the budget in characters", subject: "unit")
            }
            measure = { source.tokens(in: $0) ?? 0 }
        }
        let question = try Question(recall.question, splitter)
        let state = try searched(layers, reader: reader, visible: visible)
        let (standing, meaning) = try meaning(of: question, recall.meaning, recall.vector, in: state)
        let ranked = try rank(
            question, meaning: meaning, in: state, filter: recall.filter, most: Search.mostHits
        ) { try self.stored($0, withVectors: true, reader: reader, visible: visible).map(\.record) }
        let versions = try stored(ranked.hits.map(\.version), reader: reader, visible: visible)
        let found = zip(ranked.hits, versions).filter { $1.record.revision > recall.since }
        var block = RecallBlock(budget: recall.budget.amount, measure: measure)
        var rest = ArraySlice(Array(found))
        var links: [(source: Key, link: Link)] = []
        while let (hit, stored) = rest.first, block.size < recall.budget.amount * 3 / 4 {
            rest.removeFirst()
            if add(hit, stored, to: &block) {
                links += stored.record.links.map { (stored.record.key, $0) }
            }
        }
        try add(links, since: recall.since, in: state, to: &block, reader: reader, visible: visible)
        for (hit, stored) in rest { _ = add(hit, stored, to: &block) }
        return Recollection(
            at: layers.at, standing: standing, block: block.text,
            citations: block.citations, size: block.size,
            leftOut: block.leftOut + max(0, ranked.found - ranked.hits.count))
    }

    private func add(_ hit: Ranked.Hit, _ stored: StoredVersion, to block: inout RecallBlock) -> Bool {
        let passage = passage(hit.unit, of: hit.version, stored.record)
        let text = passage.text.isEmpty ? shortForm(stored.record) : passage.text
        return block.add(
            text,
            Citation(
                key: stored.record.key, revision: stored.record.revision, score: Double(hit.score) / 10_000,
                passage: passage.number))
    }

    /// Of a record without words: its value, if it is one.
    private func shortForm(_ record: Record) -> String {
        record.kind == .counter || record.kind == .json ? record.text ?? "" : ""
    }

    private func add(
        _ links: [(source: Key, link: Link)], since: Revision, in state: VisibleState, to block: inout RecallBlock,
        reader: Reader, visible: Revision
    ) throws {
        for (source, link) in links.prefix(200) where !block.isFull {
            guard let version = columns.number(of: link.target).flatMap(state.version(of:)),
                let stored = try stored([version], reader: reader, visible: visible).first,
                stored.record.revision > since
            else { continue }
            let passage = passage(columns.units(of: version).lowerBound, of: version, stored.record)
            let text = passage.text.isEmpty ? shortForm(stored.record) : passage.text
            _ = block.add(
                text,
                Citation(key: stored.record.key, revision: stored.record.revision, link: (source, link.relation)))
        }
    }
}

/// The block on its way.
private struct RecallBlock {
    let budget: Int
    let measure: (String) -> Int
    private(set) var text = ""
    private(set) var size = 0
    private(set) var citations: [Citation] = []
    private(set) var leftOut = 0
    private var texts: Set<ByBytes> = []
    private var keys: Set<Key> = []
    /// Nothing worth the while fits any more.
    var isFull: Bool { size + 16 > budget }

    init(budget: Int, measure: @escaping (String) -> Int) { (self.budget, self.measure) = (budget, measure) }

    /// - Returns: whether it is in the block now.
    mutating func add(_ passage: String, _ citation: Citation) -> Bool {
        let body = passage.trimmingEnds
        if body.isEmpty || texts.contains(ByBytes(body)) || keys.contains(citation.key) { return false }
        let source = citation.link.map { "; \($0.relation.escapingControlCharacters) of \($0.source)" } ?? ""
        let paragraph = (text.isEmpty ? "" : "\n\n") + "[\(citation.key)@\(citation.revision)\(source)]\n" + body
        let cost = measure(paragraph)
        guard size + cost <= budget else {
            leftOut += 1
            return false
        }
        text += paragraph
        size += cost
        texts.insert(ByBytes(body))
        keys.insert(citation.key)
        citations.append(citation)
        return true
    }
}

extension String {
    fileprivate var trimmingEnds: String {
        var text = self[...]
        while let last = text.last, last.isWhitespace { text.removeLast() }
        while let first = text.first, first.isWhitespace { text.removeFirst() }
        return String(text)
    }
}
