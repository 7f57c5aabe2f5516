import MembusMeaning
import MembusModel
import MembusStore

// A question's way: terms ─▶ what the state shows of their postings ─▶ words ranked ─▶ the best passage of each record ─▶ a page.

/// What a question found, before it is cut to a page.
struct Ranked {
    struct Hit {
        var version: UInt32
        /// The best passage.
        var unit: UInt32
        /// `nil`: it holds none of the words.
        var row: WordRanking.Row?
        var cosine: Double
        /// Rounded to four digits, as an integer.
        var score: Int
    }

    var hits: [Hit]
    var found: Int
    var terms: [FoundPostings]
    var words: WordRanking
}

extension SearchIndex {
    /// - Throws: `Refusal` for a broken question, or what is wrong with the index.
    package func search(_ search: Search, in layers: LayeredState, reader: Reader, visible: Revision) throws
        -> SearchPage
    {
        let question = try Question(search.question, splitter)
        let state = try searched(layers, reader: reader, visible: visible)
        let (standing, meaning) = try meaning(of: question, search.meaning, search.vector, in: state)
        let ranked = try rank(
            question, meaning: meaning, in: state, filter: search.filter, most: search.offset + search.limit
        ) { try self.stored($0, withVectors: true, reader: reader, visible: visible).map(\.record) }
        var page = SearchPage(at: layers.at, standing: standing, found: ranked.found, passages: state.unitCount)
        if search.explains {
            page.usesSettings = state.rules?.isUsed ?? false
            page.terms = zip(ranked.terms, ranked.words.weights).map {
                SearchTerm(term: $0.name, passages: $0.entries.count, weight: $1)
            }
        }
        page.hits = try told(
            ranked.hits.dropFirst(search.offset), of: search, ranked, in: state, reader: reader, visible: visible)
        return page
    }

    /// Whether meaning takes part, and by which vector.
    func meaning(
        of question: Question, _ wish: Meaning, _ brought: QuestionVector?, in state: VisibleState
    ) throws -> (IndexStanding, QuestionMeaning) {
        if let brought { return (try standing(of: brought, in: state), .brought(brought)) }
        let (have, all) = coverage(of: state)
        var standing = IndexStanding(indexed: indexed.revision, embedded: all == 0 ? 0 : Double(have) / Double(all))
        guard wish == .always || wish == .whereComplete && all > 0 && have == all else {
            return (standing, .none)
        }
        guard meanings != nil else {
            if isMeaningAwaited { throw MeaningIsAwaited() }
            if let fault = meaningFault {
                throw Refusal(
                    .invalidArgument, "meaning: \(fault.message)", hint: "\(fault.hint); or search by words",
                    subject: "meaning")
            }
            throw Refusal(
                .invalidArgument, "this broker has no model to search by meaning with",
                hint: "fetch one with `membus model fetch`, or search by words", subject: "meaning")
        }
        if question.text.isEmpty { return (standing, .none) }
        let vector: QuantizedVector?
        do { vector = try meanings?.vector(of: question.text) } catch is Refusal where wish == .whereComplete {
            return (standing, .none)
        }
        standing.usesMeaning = vector != nil
        return (standing, vector.map { .made($0) } ?? .none)
    }

    /// The best, and those that are as good as the last of them.
    /// - Parameter records: of versions, in their order: what is told exactly is read.
    func rank(
        _ question: Question, meaning: QuestionMeaning, in state: VisibleState, filter: TopicFilter, most: Int,
        records: ([UInt32]) throws -> [Record]
    ) throws -> Ranked {
        let scope = scopes.keys(in: filter, columns)
        var terms = try question.terms.map { try source.find($0, in: state, columns) }
        if terms.count > Question.mostTerms {
            let kept = terms.indices.sorted { (terms[$0].entries.count, $0) < (terms[$1].entries.count, $1) }
                .prefix(Question.mostTerms).sorted()
            terms = kept.map { terms[$0] }
        }
        let words = WordRanking(terms, in: state, scope: scope, columns, lengths: try lengths(in: state), &rowNumbers)
        var hits = hits(of: words)
        var found: Int?
        switch meaning {
        case .none: break
        case .made(let vector): add(nearest(to: vector, in: state, scope), to: &hits, words)
        case .brought(let vector):
            let near = try exactly(
                nearest(to: vector, in: state, scope), to: vector, beside: hits, words, most, records)
            add(near.nearest, to: &hits, words)
            found = near.found
        }
        let all = found ?? hits.count
        keepBest(&hits, most, byCosine: terms.isEmpty)
        return Ranked(hits: hits, found: all, terms: terms, words: words)
    }

    /// Of each version its best passage, by words alone.
    private func hits(of words: WordRanking) -> [Ranked.Hit] {
        var best: [UInt32: WordRanking.Row] = [:]
        var hits: [Ranked.Hit] = []
        hits.reserveCapacity(words.rows.count)
        let top = words.best
        for row in words.rows {
            if columns.units(of: row.version).count > 1 {
                if let other = best[row.version], (other.score, row.unit) >= (row.score, other.unit) { continue }
                best[row.version] = row
            } else {
                hits.append(hit(row, top))
            }
        }
        for row in best.values { hits.append(hit(row, top)) }
        return hits
    }

    private func hit(_ row: WordRanking.Row, _ top: Double) -> Ranked.Hit {
        Ranked.Hit(
            version: row.version, unit: row.unit, row: row, cosine: 0, score: Self.rounded(row.score / top))
    }

    static func rounded(_ score: Double) -> Int {
        score.isFinite ? Int((min(max(score, -1e9), 1e9) * 10_000).rounded(.toNearestOrEven)) : 0
    }

    /// The nearest passage of each version in scope, by rising version.
    private func nearest(
        to meaning: QuantizedVector, in state: VisibleState, _ scope: [Bool]?
    ) -> [Near] {
        guard let meanings else { return [] }
        var (units, rows): ([UInt32], [UInt32]) = ([], [])
        units.reserveCapacity(state.unitCount)
        rows.reserveCapacity(state.unitCount)
        state.eachUnit { unit in
            guard let row = meanings.row(of: unit) else { return }
            if let scope, !scope[Int(columns.keyOf[Int(columns.versionOf[Int(unit)])])] { return }
            units.append(unit)
            rows.append(row)
        }
        let cosines = meanings.vectors.withScan { $0.cosines(to: meaning, rows: rows) }
        var nearest: [Near] = []
        nearest.reserveCapacity(units.count)
        for (unit, cosine) in zip(units, cosines) where cosine > 0 {
            let version = columns.versionOf[Int(unit)]
            let near = Near(version: version, unit: unit, cosine: Double(cosine))
            if let last = nearest.last, last.version == version {
                if near.cosine > last.cosine { nearest[nearest.count - 1] = near }
            } else {
                nearest.append(near)
            }
        }
        return nearest
    }

    /// Half as much as words, each over its best.
    private func add(_ nearest: [Near], to hits: inout [Ranked.Hit], _ words: WordRanking) {
        if nearest.isEmpty { return }
        let largest = nearest.largest
        hits.sort { $0.version < $1.version }
        var all: [Ranked.Hit] = []
        all.reserveCapacity(hits.count + nearest.count)
        var next = 0
        for near in nearest {
            while next < hits.count, hits[next].version < near.version {
                all.append(hits[next])
                next += 1
            }
            var hit = Ranked.Hit(
                version: near.version, unit: near.unit, row: nil, cosine: near.cosine, score: 0)
            if next < hits.count, hits[next].version == near.version {
                (hit.unit, hit.row) = (hits[next].unit, hits[next].row)
                next += 1
            }
            hit.score = Self.rounded(
                (hit.row?.score ?? 0) / words.best + Self.meaning * hit.cosine / largest)
            all.append(hit)
        }
        all += hits[next...]
        hits = all
    }

    static let meaning = 0.5

    /// Best first, then by key; where only a vector was brought, what is told of it has more digits than a score.
    private func keepBest(_ hits: inout [Ranked.Hit], _ most: Int, byCosine: Bool) {
        if hits.count > most {
            var counts = [Int](repeating: 0, count: 15_002)
            for hit in hits { counts[min(max(hit.score, 0), 15_001)] += 1 }
            var (left, least) = (most, 15_001)
            while least > 0, left > counts[least] {
                left -= counts[least]
                least -= 1
            }
            hits.removeAll { min(max($0.score, 0), 15_001) < least }
        }
        hits.sort { a, b in
            if a.score != b.score { return a.score > b.score }
            if byCosine, a.cosine != b.cosine { return a.cosine > b.cosine }
            return columns.precedes(columns.keyOf[Int(a.version)], columns.keyOf[Int(b.version)])
        }
        if hits.count > most { hits.removeLast(hits.count - most) }
    }

    // MARK: What is told

    private func told(
        _ hits: ArraySlice<Ranked.Hit>, of search: Search, _ ranked: Ranked, in state: VisibleState, reader: Reader,
        visible: Revision
    ) throws -> [SearchHit] {
        let versions = try stored(hits.map(\.version), reader: reader, visible: visible)
        return zip(hits, versions).map { hit, stored in
            SearchHit(
                key: stored.record.key, revision: stored.record.revision, score: Double(hit.score) / 10_000,
                words: hit.row?.score ?? 0, cosine: hit.cosine,
                passage: search.withPassages ? passage(hit.unit, of: hit.version, stored.record) : nil,
                shares: search.explains ? hit.row.map(ranked.words.shares) ?? ranked.terms.map { _ in 0 } : [],
                usesSettings: search.explains && state.isSet(columns.keyOf[Int(hit.version)]),
                kind: stored.record.kind, author: stored.agent)
        }
    }

    /// Versions that a state shows are kept; one that is not was overtaken by compaction.
    /// - Parameter withVectors: they are large, and seldom wanted.
    func stored(
        _ versions: [UInt32], withVectors: Bool = false, reader: Reader, visible: Revision
    ) throws -> [StoredVersion] {
        let places = versions.map { columns.place(of: $0) }
        return try reader.versions(at: places, withVectors: withVectors, visible: visible).map { version in
            guard let version else {
                throw Refusal(.busy, "compaction overtook the search", hint: "ask again", subject: "search")
            }
            return version
        }
    }

    /// As it was cut when it was indexed.
    func passage(_ unit: UInt32, of version: UInt32, _ record: Record) -> Passage {
        let units = columns.units(of: version)
        let body = RecordText(StoredText(record: record, author: "", message: "")).body
        let parts = body.withUnsafeBufferPointer { Passages.cut($0, splitter.split($0)) }
        let number = Int(unit - units.lowerBound)
        let text = number < parts.count ? String(decoding: body[parts[number].bytes], as: UTF8.self) : ""
        return Passage(text: text, number: number, count: parts.count)
    }
}
