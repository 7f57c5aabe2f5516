import MembusMeaning
import MembusModel

// A question that brings a vector is compared with what agents sent:
//
//   all visible vectors of the space ─▶ their bytes compared, each version by its nearest ─▶ those that may be on the page
//     ─▶ theirs read in full, and compared exactly
//
// How far bytes may be off is known of each vector, so that nothing that belongs on the page is left out.

/// What a question means, as far as it counts.
enum QuestionMeaning {
    case none
    case made(QuantizedVector)
    case brought(QuestionVector)
}

/// A version that is near to a question.
struct Near {
    var version: UInt32
    /// The nearest passage.
    var unit: UInt32
    var cosine: Double
    /// How far the cosine may be off.
    var slack = 0.0
}

extension [Near] {
    /// What the others are told by; 1 if nothing is near, but for what rounding makes of nothing.
    var largest: Double {
        let largest = reduce(0) { Swift.max($0, $1.cosine) }
        return largest > 1e-9 ? largest : 1
    }
}

extension SearchIndex {
    /// How much of a state has vectors of a question's space.
    /// - Throws: `invalidArgument`: vectors of that name have other dimensions.
    func standing(of brought: QuestionVector, in state: VisibleState) throws -> IndexStanding {
        let name = SpaceName(brought.space, brought.values.count)
        guard sent.takes(name) else {
            throw Refusal(
                .limitExceeded,
                "vector: the index compares vectors of \(SpaceFiles.most) spaces, and space "
                    + "\"\(brought.space.escapingControlCharacters)\" came after those",
                hint:
                    "name one space for each model, not for each record; `membus reindex` forgets those that are in no version any more",
                subject: "space")
        }
        let all = state.versionCount
        let have = count(of: name, in: state)
        if have == 0 {
            let others = sent.spaces.keys.filter { $0.name == name.name }.sorted { $0.dimensions < $1.dimensions }
            for other in others where count(of: other, in: state) > 0 {
                throw Refusal(
                    .invalidArgument,
                    "vector: space \"\(brought.space.escapingControlCharacters)\" has vectors of \(other.dimensions) "
                        + "dimensions, this one has \(name.dimensions)",
                    hint: "make the question's vector by the model that made those", subject: "vector")
            }
        }
        return IndexStanding(
            indexed: indexed.revision, embedded: all == 0 ? 0 : Double(have) / Double(all), usesMeaning: have > 0)
    }

    private func count(of space: SpaceName, in state: VisibleState) -> Int {
        var (count, last) = (0, UInt32.max)
        for version in sent.spaces[space]?.versions ?? [] where version != last {
            last = version
            if state.version(of: columns.keyOf[Int(version)]) == version { count += 1 }
        }
        return count
    }

    /// Each version in scope that has vectors, by rising version, by its nearest one, as near as bytes tell.
    func nearest(to brought: QuestionVector, in state: VisibleState, _ scope: [Bool]?) throws -> [Near] {
        let name = SpaceName(brought.space, brought.values.count)
        guard let space = sent.spaces[name], let question = QuantizedVector(brought.values) else { return [] }
        var (versions, rows): ([UInt32], [UInt32]) = ([], [])
        for (version, row) in zip(space.versions, space.rows) {
            let key = columns.keyOf[Int(version)]
            guard state.version(of: key) == version, scope?[Int(key)] ?? true else { continue }
            versions.append(version)
            rows.append(row)
        }
        let file = try sent.files.file(of: name)
        let cosines = file.withScan { $0.cosines(to: question, rows: rows) }
        var nearest: [Near] = []
        nearest.reserveCapacity(versions.count)
        for (index, version) in versions.enumerated() {
            let slack = Double(file.slacks[Int(rows[index])] + question.slack) * 1.001 + 1e-6
            let near = Near(
                version: version, unit: columns.units(of: version).lowerBound, cosine: Double(cosines[index]),
                slack: slack)
            guard let last = nearest.last, last.version == version else {
                nearest.append(near)
                continue
            }
            nearest[nearest.count - 1].cosine = max(last.cosine, near.cosine)
            nearest[nearest.count - 1].slack = max(last.slack, near.slack)
        }
        return nearest
    }

    /// What may be on the page, with the cosines of the vectors themselves, and how many there are in all, as far as bytes tell. With
    /// words, what points away from the question is not near.
    func exactly(
        _ nearest: [Near], to brought: QuestionVector, beside hits: [Ranked.Hit], _ words: WordRanking, _ most: Int,
        _ records: ([UInt32]) throws -> [Record]
    ) throws -> (nearest: [Near], found: Int) {
        let wordScores = Dictionary(
            uniqueKeysWithValues: hits.map { ($0.version, ($0.row?.score ?? 0) / words.best) })
        var onPage = Page(nearest, wordScores, most).candidates.map { nearest[$0] }
        // A record may have megabytes of vectors.
        for start in stride(from: 0, to: onPage.count, by: 32) {
            try check()
            let end = min(start + 32, onPage.count)
            for (place, record) in zip(start..<end, try records(onPage[start..<end].map(\.version))) {
                onPage[place].cosine = record.cosine(to: brought)
                onPage[place].slack = 0
            }
        }
        if words.terms.isEmpty { return (onPage, nearest.count) }
        let others = nearest.reduce(0) { $1.cosine > 0 && wordScores[$1.version] == nil ? $0 + 1 : $0 }
        return (onPage.filter { $0.cosine > 0 }, hits.count + others)
    }
}

/// Which of the near ones may be on a page, or be the nearest of all.
private struct Page {
    let candidates: [Int]

    init(_ nearest: [Near], _ words: [UInt32: Double], _ most: Int) {
        // The nearest lies between these.
        let nearestAtLeast = max(nearest.reduce(0) { max($0, $1.cosine - $1.slack) }, 0)
        let largest = nearest.reduce(0) { max($0, $1.cosine + $1.slack) }
        func scores(_ near: Near) -> (low: Double, high: Double) {
            let own = words[near.version] ?? 0
            let (low, high) = (near.cosine - near.slack, near.cosine + near.slack)
            guard nearestAtLeast > 1e-6 else { return (own + min(low, low / max(largest, 1e-9)) / 2, .infinity) }
            return (
                own + min(low / nearestAtLeast, low / largest) / 2, own + max(high / nearestAtLeast, high / largest) / 2
            )
        }
        let bounds = nearest.map(scores)
        // Words alone are on the page, too.
        var lows = bounds.map(\.low)
        if !words.isEmpty {
            let near = Set(nearest.map(\.version))
            lows += words.lazy.filter { !near.contains($0.key) }.map(\.value)
        }
        let least = lows.leastOfBest(most)
        // Scores are rounded.
        let threshold = least - 0.0002
        candidates = nearest.indices.filter {
            bounds[$0].high >= threshold || nearest[$0].cosine + nearest[$0].slack >= nearestAtLeast
        }
    }
}

extension [Double] {
    /// The least of the best so many; of fewer, none is too little. Mostly few are wanted of many.
    fileprivate func leastOfBest(_ wanted: Int) -> Double {
        if count < wanted { return -.infinity }
        if wanted > 1000 { return sorted(by: >)[wanted - 1] }
        // Rising.
        var best: [Double] = []
        for number in self {
            if best.count >= wanted {
                guard number > best[0] else { continue }
                best.removeFirst()
            }
            var (low, high) = (0, best.count)
            while low < high {
                let middle = (low + high) / 2
                if best[middle] < number { low = middle + 1 } else { high = middle }
            }
            best.insert(number, at: low)
        }
        return best.first ?? -.infinity
    }
}

extension Record {
    /// Of its nearest vector.
    fileprivate func cosine(to question: QuestionVector) -> Double {
        guard let space = vectors.space(question.space), space.dimensions == question.values.count else { return 0 }
        let own = question.values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        return (0..<space.count).reduce(-1.0) { best, index in
            var (dot, squares) = (0.0, 0.0)
            for (a, b) in zip(space[index], question.values) {
                dot += Double(a) * Double(b)
                squares += Double(a) * Double(a)
            }
            return max(best, dot / (squares.squareRoot() * own))
        }
    }
}
