import Foundation
import MembusModel

extension Samples {
    mutating func retrievalRequests() -> [Request.Body] {
        [
            .search(
                Search(
                    branch: branch(), question: "", limit: 3, meaning: pick([.always, .whereComplete]),
                    vector: QuestionVector([0.1, -2, 1e-30], in: someText()))),
            .recall(Recall(question: someText(), vector: QuestionVector([1], in: someText()))),
            .search(
                Search(
                    branch: branch(), at: maybe { $0.revision() }, question: someText(), filter: filter(),
                    limit: pick([1, 10, 1000]), offset: small(), meaning: pick(Meaning.allCases), explains: flag(),
                    atLeast: revision(), withPassages: flag(), since: maybe { $0.positive() })),
            .recall(
                Recall(
                    branch: branch(), at: maybe { $0.revision() }, question: someText(), filter: filter(),
                    budget: pick([.characters(1), .characters(1_000_000), .tokens(1000)]), since: revision(),
                    atLeast: revision(), meaning: pick(Meaning.allCases))),
            .links(
                GetLinks(
                    branch: branch(), at: maybe { $0.revision() }, keys: [key()] + list { $0.key() },
                    direction: pick(LinkDirection.allCases), relations: list { $0.text() }, depth: pick([1, 2, 16]),
                    limit: pick([1, 1000, 10_000]), to: maybe { $0.key() }, atLeast: revision())),
            .query(
                Query(
                    branch: branch(), at: maybe { $0.revision() }, sql: text(), limit: pick([1, 10_000, 100_000]),
                    atLeast: revision())),
            .reindex(Reindex()),
        ]
    }

    mutating func retrievalReplies() -> [Reply.Body] {
        [
            .search(
                SearchPage(
                    at: position(), standing: standing(), hits: list { $0.hit() }, found: small(),
                    terms: list { SearchTerm(term: $0.text(), passages: $0.small(), weight: $0.number()) },
                    passages: small(), isUnchanged: flag(), usesSettings: flag())),
            .recall(
                Recollection(
                    at: position(), standing: standing(), block: text(), citations: list { $0.citation() },
                    size: small(), leftOut: small())),
            .links(
                LinkGraph(
                    at: position(), indexed: revision(), nodes: list { $0.node() },
                    edges: list {
                        .init(source: $0.key(), relation: $0.text(), target: $0.key(), revision: $0.revision())
                    }, isCut: flag())),
            .query(
                QueryResult(
                    at: position(), columns: list { $0.text() }, rows: list { $0.list { $0.cell() } }, isCut: flag())),
            .reindexed(Reindex.Answer(versions: revision())),
        ]
    }

    mutating func indexFigures() -> IndexFigures {
        IndexFigures(
            revision: revision(), versions: revision(), passages: revision(), bytes: revision(),
            model: maybe { $0.someText() }, embedded: revision(), fault: maybe { $0.someText() },
            making: maybe { $0.revision() })
    }

    private mutating func number() -> Double { pick([0, 1, -0.25, 1.2345e-9, .greatestFiniteMagnitude]) }

    private mutating func standing() -> IndexStanding {
        IndexStanding(indexed: revision(), embedded: number(), usesMeaning: flag())
    }

    private mutating func hit() -> SearchHit {
        SearchHit(
            key: key(), revision: revision(), score: number(), words: number(), cosine: number(),
            passage: maybe { Passage(text: $0.text(), number: $0.small(), count: $0.small()) },
            shares: list { $0.number() }, kind: Kind(someText()), author: text())
    }

    private mutating func citation() -> Citation {
        Citation(
            key: key(), revision: revision(), score: number(), passage: small(),
            link: maybe { (source: $0.key(), relation: $0.text()) })
    }

    private mutating func node() -> LinkGraph.Node {
        let isThere = flag()
        return LinkGraph.Node(
            key: key(), depth: small(), revision: isThere ? positive() : nil, kind: isThere ? Kind(someText()) : nil)
    }

    private mutating func cell() -> QueryResult.Cell {
        pick([.null, .integer(pick([.min, 0, .max])), .real(number()), .text(text()), .blob(data())])
    }
}
