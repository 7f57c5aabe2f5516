import Membus

/// Links, for people: a tree by indentation, in which each link stands once.
struct LinkText {
    private struct End {
        let edge: Int
        let other: Key
        let leadsAway: Bool
    }

    private let graph: LinkGraph
    private let starts: [Key]
    private let nodes: [Key: LinkGraph.Node]
    /// Of each key, in the order of the edges.
    private let ends: [Key: [End]]
    private let shown: (Key) -> String

    /// - Parameter shown: makes a key harmless to whoever reads it.
    init(_ graph: LinkGraph, starts: [Key], shown: @escaping (Key) -> String) {
        self.graph = graph
        self.starts = starts
        self.shown = shown
        nodes = Dictionary(graph.nodes.map { ($0.key, $0) }) { first, _ in first }
        var ends: [Key: [End]] = [:]
        for (index, edge) in graph.edges.enumerated() {
            ends[edge.source, default: []].append(End(edge: index, other: edge.target, leadsAway: true))
            // One that links to itself stands once.
            if edge.source == edge.target { continue }
            ends[edge.target, default: []].append(End(edge: index, other: edge.source, leadsAway: false))
        }
        self.ends = ends
    }

    var lines: [String] {
        var (lines, drawn, told) = ([String](), Set<Int>(), Set<Key>())
        // Once each, though somebody named it twice.
        for start in starts where told.insert(start).inserted {
            lines.append(name(start))
            draw(below: start, 1, &lines, &drawn, &told)
        }
        return lines
    }

    /// No deeper than the broker went: one step for each.
    private func draw(
        below key: Key, _ depth: Int, _ lines: inout [String], _ drawn: inout Set<Int>, _ told: inout Set<Key>
    ) {
        for end in ends[key] ?? [] where drawn.insert(end.edge).inserted {
            let relation = graph.edges[end.edge].relation.escapingControlCharacters
            let way = end.leadsAway ? "\(relation) → " : "← \(relation) "
            let isNew = !told.contains(end.other) && !starts.contains(end.other)
            let line = String(repeating: "  ", count: depth) + way + name(end.other)
            lines.append(isNew ? line : line + "  (shown)")
            // What is nearer to a start, or as near, is drawn from there.
            guard isNew, self.depth(of: end.other) == self.depth(of: key) + 1 else { continue }
            told.insert(end.other)
            draw(below: end.other, depth + 1, &lines, &drawn, &told)
        }
    }

    private func depth(of key: Key) -> Int { nodes[key]?.depth ?? 0 }

    private func name(_ key: Key) -> String {
        guard let node = nodes[key], let revision = node.revision else { return "\(shown(key))  (no record)" }
        return "\(shown(key))@\(revision)" + (node.kind.map { "  \($0.name.escapingControlCharacters)" } ?? "")
    }

    /// The same in Graphviz's language; keys without a record are dashed.
    var dot: [String] {
        var lines = ["digraph links {", "  rankdir=LR; node [shape=box];"]
        for node in graph.nodes {
            lines.append("  \(Self.quoted(node.key.text))\(node.revision == nil ? " [style=dashed]" : "");")
        }
        for edge in graph.edges {
            let ends = "\(Self.quoted(edge.source.text)) -> \(Self.quoted(edge.target.text))"
            lines.append("  \(ends) [label=\(Self.quoted(edge.relation))];")
        }
        return lines + ["}"]
    }

    /// Anything may stand in a name. Of control characters Graphviz is shown the name.
    static func quoted(_ text: String) -> String {
        let escaped = text.escapingControlCharacters.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
        return "\"" + escaped + "\""
    }
}
