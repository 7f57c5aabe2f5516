import Foundation
import MembusModel

// Vectors that came along, by plain arithmetic: which versions have them, and how near they are to a question's.

extension Check {
    /// 14: what brings a value from elsewhere brings the vectors along that it has there, and what makes one has none. (Of
    /// transactions it is known what they write.)
    mutating func checkVectors(in truth: Truth) {
        var known: [Key: [Data: Set<Vectors>]] = [:]
        for commit in truth.commits {
            let work = Check.op(of: commit).flatMap { works[$0] }
            for record in commit.records {
                guard let value = record.value, !record.isDeleted else { continue }
                let vectors = truth.vectors(of: record)
                let elsewhere = known[record.key]?[value] ?? [.none]
                if let work, !work.isTransaction, !elsewhere.contains(vectors) {
                    violated(
                        .replayedOutcomes,
                        "\(commit.info.message) wrote \(record) with vectors \(vectors), its value has \(elsewhere)")
                }
                known[record.key, default: [:]][value, default: []].insert(vectors)
            }
        }
    }

    /// 23: each hit is as near as the nearest of its vectors, and they stand in the order of their scores: of words, and half as much
    /// of meaning, each over its best.
    mutating func compareCosines(_ searched: Searched, _ page: SearchPage, _ state: SearchedState) {
        guard let vector = searched.vector else { return }
        let versions = Dictionary(uniqueKeysWithValues: state.records.map { ($0.key, $0) })
        for hit in page.hits {
            let cosine = versions[hit.key].flatMap { state.truth.cosine(of: $0, to: vector) } ?? 0
            // With words, what points away is not near.
            let expected = searched.terms.isEmpty ? cosine : max(cosine, 0)
            if abs(hit.cosine - expected) > 1e-6 {
                violated(.retrieval, "\(state.who) tells a cosine of \(hit.cosine) for \(hit.key), it has \(expected)")
            }
        }
        let bestWords = page.hits.map(\.words).max().flatMap { $0 > 0 ? $0 : nil } ?? 1
        let bestCosine = page.hits.map(\.cosine).max().flatMap { $0 > 1e-9 ? $0 : nil } ?? 1
        for hit in page.hits {
            let score = hit.words / bestWords + 0.5 * hit.cosine / bestCosine
            if abs(hit.score - score) > 0.000_051 {
                violated(.retrieval, "\(state.who) tells a score of \(hit.score) for \(hit.key), it has \(score)")
            }
        }
        for (hit, next) in zip(page.hits, page.hits.dropFirst()) where !hit.precedes(next, searched) {
            violated(.retrieval, "\(state.who) shows \(hit.key) (\(hit.score)) before \(next.key) (\(next.score))")
        }
    }
}

extension SearchHit {
    /// Where only a vector was brought, equal scores stand by their cosines.
    fileprivate func precedes(_ other: SearchHit, _ searched: Searched) -> Bool {
        if score != other.score { return score > other.score }
        if searched.terms.isEmpty, cosine != other.cosine { return cosine > other.cosine }
        return key < other.key
    }
}

extension Truth {
    /// Of its nearest vector; `nil`: it has none of that space.
    func cosine(of record: Record, to question: QuestionVector) -> Double? {
        let space = vectors(of: record).spaces.first {
            $0.name == question.space && $0.dimensions == question.values.count
        }
        guard let space else { return nil }
        func product(_ a: some Sequence<Float>, _ b: some Sequence<Float>) -> Double {
            zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        }
        let own = product(question.values, question.values)
        return (0..<space.count).map { index in
            let vector = space[index]
            return product(vector, question.values) / (product(vector, vector) * own).squareRoot()
        }.max()
    }

    /// Whether it has vectors of the space, but none that the question can be compared with.
    func hasOtherDimensions(_ record: Record, than question: QuestionVector) -> Bool {
        vectors(of: record).spaces.contains { $0.name == question.space && $0.dimensions != question.values.count }
    }
}

extension Work { fileprivate var isTransaction: Bool { if case .transaction = self { true } else { false } } }
