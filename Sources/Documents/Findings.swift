import FoundationEssentials
import MembusModel

// What retrieval answers, as JSON. Names are the protocol's.

extension JSONValue {
    /// All in one object.
    package static func search(_ page: SearchPage) -> JSONValue {
        standing(page) + ["hits": .array(page.hits.map { .hit($0) })]
    }

    /// What is told of a page besides its hits.
    package static func standing(_ page: SearchPage) -> JSONValue {
        var shown =
            state(page.at, page.standing) + ["found": JSONValue(page.found), "records": JSONValue(page.passages)]
        if !page.terms.isEmpty { shown = shown + ["terms": .array(page.terms.map(term))] }
        if page.usesSettings { shown = shown + ["settings": true] }
        return page.isUnchanged ? shown + ["unchanged": true] : shown
    }

    package static func hit(_ hit: SearchHit) -> JSONValue {
        var shown: JSONValue = [
            "key": .string(hit.key.text), "revision": .integer(hit.revision), "score": .number(hit.score),
            "words": .number(hit.words), "cosine": .number(hit.cosine), "kind": .string(hit.kind.name),
            "author": .string(hit.author),
        ]
        if let passage = hit.passage {
            shown =
                shown + [
                    "passage": [
                        "text": .string(passage.text), "number": JSONValue(passage.number),
                        "count": JSONValue(passage.count),
                    ]
                ]
        }
        if hit.usesSettings { shown = shown + ["settings": true] }
        return hit.shares.isEmpty ? shown : shown + ["shares": .array(hit.shares.map { .number($0) })]
    }

    private static func term(_ term: SearchTerm) -> JSONValue {
        ["term": .string(term.term), "passages": JSONValue(term.passages), "weight": .number(term.weight)]
    }

    private static func state(_ at: Position, _ standing: IndexStanding) -> JSONValue {
        [
            "at": .position(at), "indexed": .integer(standing.indexed), "embedded": .number(standing.embedded),
            "meaning": .bool(standing.usesMeaning),
        ]
    }

    package static func recollection(_ recollection: Recollection) -> JSONValue {
        state(recollection.at, recollection.standing) + [
            "block": .string(recollection.block), "citations": .array(recollection.citations.map(citation)),
            "size": JSONValue(recollection.size), "left_out": JSONValue(recollection.leftOut),
        ]
    }

    private static func citation(_ citation: Citation) -> JSONValue {
        let shown: JSONValue = [
            "key": .string(citation.key.text), "revision": .integer(citation.revision),
            "score": .number(citation.score), "passage": JSONValue(citation.passage),
        ]
        guard let link = citation.link else { return shown }
        return shown + ["linked_from": .string(link.source.text), "relation": .string(link.relation)]
    }

    /// Nodes without a record have neither revision nor kind.
    package static func links(_ graph: LinkGraph) -> JSONValue {
        ["at": .position(graph.at), "indexed": .integer(graph.indexed)] + parts(graph)
    }

    /// The same without the state that it is of.
    package static func parts(_ graph: LinkGraph) -> JSONValue {
        [
            "nodes": .array(graph.nodes.map(node)), "edges": .array(graph.edges.map(edge)), "cut": .bool(graph.isCut),
        ]
    }

    private static func node(_ node: LinkGraph.Node) -> JSONValue {
        var shown: JSONValue = ["key": .string(node.key.text), "depth": JSONValue(node.depth)]
        if let revision = node.revision { shown = shown + ["revision": .integer(revision)] }
        if let kind = node.kind { shown = shown + ["kind": .string(kind.name)] }
        return shown
    }

    private static func edge(_ edge: LinkGraph.Edge) -> JSONValue {
        [
            "source": .string(edge.source.text), "relation": .string(edge.relation),
            "target": .string(edge.target.text), "revision": .integer(edge.revision),
        ]
    }

    package static func indexFigures(_ figures: IndexFigures) -> JSONValue {
        [
            "revision": .integer(figures.revision), "versions": .integer(figures.versions),
            "passages": .integer(figures.passages), "bytes": .integer(figures.bytes),
            "model": figures.model.map { .string($0) } ?? .null, "embedded": .integer(figures.embedded),
            "fault": figures.fault.map { .string($0) } ?? .null,
            "making": figures.making.map { .integer($0) } ?? .null,
        ]
    }
}

extension JSONValue {
    package static func rows(_ result: QueryResult) -> JSONValue {
        [
            "at": .position(result.at), "columns": .array(result.columns.map { .string($0) }),
            "rows": .array(result.rows.map { .array($0.map { .cell($0) }) }), "cut": .bool(result.isCut),
        ]
    }

    /// Bytes are an object, so that nobody takes them for a text.
    package static func cell(_ cell: QueryResult.Cell) -> JSONValue {
        switch cell {
        case .null: .null
        case .integer(let value): .integer(value)
        case .real(let value): .number(value)
        case .text(let value): .string(value)
        case .blob(let value): ["base64": .string(value.base64EncodedString())]
        }
    }

    /// The shortest text that stands for it. JSON has none for infinity: 9e999 is read as such. What is no number is `null`.
    package static func number(_ value: Double) -> JSONValue {
        let text = value.isInfinite ? (value < 0 ? "-9e999" : "9e999") : "\(value)"
        return WrittenJSON(Data(text.utf8)).map { .written($0) } ?? .null
    }
}
