import Foundation
import MembusModel
import MembusWire

// Requests and replies of retrieval, from which the corpora of the wire start.

enum RetrievalSeeds {
    static func requests() throws -> [[UInt8]] {
        let paris = Key(unchecked: "plans/paris")
        let plans = TopicFilter([Topic(unchecked: "plans/")])
        let bodies: [Request.Body] = [
            .search(Search(question: "night train")),
            .search(Search(question: "", vector: QuestionVector([0.6, 0.8], in: "mine"))),
            .search(
                Search(
                    branch: BranchName(unchecked: "trial"), at: 3, question: "\"night train\" tra* author:ada",
                    filter: plans,
                    limit: 7, offset: 2, meaning: .always, explains: true, atLeast: 4, withPassages: true, since: 2)),
            .recall(
                Recall(
                    at: 3, question: "trains", filter: plans, budget: .tokens(200), since: 1, atLeast: 2,
                    meaning: .never)),
            .links(
                GetLinks(
                    at: 3, keys: [paris, Key(unchecked: "n")], direction: .in, relations: ["of", ""], depth: 3,
                    limit: 9,
                    to: Key(unchecked: "people/ada"), atLeast: 2)),
            .query(Query(at: 3, sql: "SELECT * FROM records WHERE key = 'n'", limit: 5, atLeast: 2)),
            .reindex(Reindex()),
        ]
        return try bodies.enumerated().map { number, body in
            try WireCodec.encode(Request(id: UInt64(number + 1), instance: Instance(9), body: body))
        }
    }

    static func replies() -> [[UInt8]] {
        let paris = Key(unchecked: "plans/paris")
        let at = Position(revision: 7, hash: 9)
        let standing = IndexStanding(indexed: 6, embedded: 0.5, usesMeaning: true)
        let hit = SearchHit(
            key: paris, revision: 2, score: 1.25, words: 3.5, cosine: 0.5,
            passage: Passage(text: "night train", number: 1, count: 2), shares: [0.5, 3], kind: .text, author: "ada")
        let bodies: [Reply.Body] = [
            .search(
                SearchPage(
                    at: at, standing: standing, hits: [hit, hit], found: 9,
                    terms: [SearchTerm(term: "train", passages: 4, weight: 0.25)], passages: 12)),
            .search(SearchPage(at: at, standing: standing, isUnchanged: true)),
            .recall(
                Recollection(
                    at: at, standing: standing, block: "plans/paris@2\nnight train",
                    citations: [
                        Citation(key: paris, revision: 2, score: 1, passage: 1),
                        Citation(key: Key(unchecked: "n"), revision: 1, link: (paris, "of")),
                    ], size: 25, leftOut: 3)),
            .links(
                LinkGraph(
                    at: at, indexed: 6,
                    nodes: [
                        .init(key: paris, depth: 0, revision: 2, kind: .text),
                        .init(key: Key(unchecked: "gone"), depth: 1, revision: nil, kind: nil),
                    ], edges: [.init(source: paris, relation: "of", target: Key(unchecked: "gone"), revision: 2)],
                    isCut: true)),
            .query(
                QueryResult(
                    at: at, columns: ["a", "b"],
                    rows: [[.null, .integer(.min)], [.real(-0.5), .text("é")], [.blob(Data([0, 255])), .null]],
                    isCut: true)),
            .reindexed(Reindex.Answer(versions: 12)),
        ]
        return bodies.enumerated().map { number, body in
            WireCodec.encode(
                Reply(id: UInt64(number + 1), lineage: Lineage(7), instance: Instance(9), visible: at, body: body))
        }
    }
}
