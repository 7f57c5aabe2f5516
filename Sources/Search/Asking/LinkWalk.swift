import MembusModel
import MembusStore

// Links, both ways, as one state shows them. Outwards they stand in the records; inwards the index knows who links to a key.
//
//   starts ─▶ level by level: the edges of all records of a level, each edge once ─▶ the next level: keys not yet seen
//   paths: the same until the target is reached; then backwards from it, along edges that came nearer
//
// The walk ends at its depth, or with its limit of edges; what is cut says so.

struct LinkWalk {
    private let index: SearchIndex
    private let state: VisibleState
    private let request: GetLinks
    private let reader: Reader
    private let visible: Revision

    private var depths: [Key: Int] = [:]
    private var order: [Key] = []
    private var edges: [LinkGraph.Edge] = []
    private var seen: Set<LinkGraph.Edge> = []
    private var records: [Key: Record] = [:]
    private var isCut = false

    init(_ request: GetLinks, in state: VisibleState, of index: SearchIndex, _ reader: Reader, visible: Revision) {
        (self.request, self.state, self.index, self.reader, self.visible) = (request, state, index, reader, visible)
    }

    mutating func graph(at position: Position) throws -> LinkGraph {
        for key in request.keys where depths.updateValue(0, forKey: key) == nil { order.append(key) }
        var level = order
        var depth = 0
        while depth < request.depth, !level.isEmpty, !isCut, request.to.map({ depths[$0] == nil }) ?? true {
            depth += 1
            level = try step(from: level, depth)
        }
        try read(order)
        if let to = request.to { keepPaths(to: to) }
        let nodes = order.map { key in
            LinkGraph.Node(
                key: key, depth: depths[key] ?? 0, revision: records[key]?.revision, kind: records[key]?.kind)
        }
        return LinkGraph(
            at: position, indexed: index.indexed.revision,
            nodes: nodes.sorted { ($0.depth, $0.key) < ($1.depth, $1.key) },
            edges: edges, isCut: isCut)
    }

    /// - Returns: the keys that were reached first by it.
    private mutating func step(from level: [Key], _ depth: Int) throws -> [Key] {
        var found: [LinkGraph.Edge] = []
        try read(level)
        for key in level {
            if request.direction != .in, let record = records[key] { found += wanted(record, to: nil) }
            if request.direction != .out { found += try sources(of: key, most: request.limit + 1) }
            // What is beyond the limit is not looked at.
            if edges.count + found.count > 2 * request.limit + 1, Set(found).subtracting(seen).count > request.limit {
                break
            }
        }
        var next: [Key] = []
        for edge in found where seen.insert(edge).inserted {
            if edges.count == request.limit {
                isCut = true
                break
            }
            edges.append(edge)
            for key in [edge.source, edge.target] where depths[key] == nil {
                depths[key] = depth
                order.append(key)
                next.append(key)
            }
        }
        return next
    }

    private func wanted(_ record: Record, to target: Key?) -> [LinkGraph.Edge] {
        record.links.filter { link in
            (target == nil || link.target == target)
                && (request.relations.isEmpty || request.relations.contains { $0.hasSameBytes(as: link.relation) })
        }.map {
            LinkGraph.Edge(source: record.key, relation: $0.relation, target: $0.target, revision: record.revision)
        }
    }

    private mutating func read(_ keys: [Key]) throws {
        let missing = keys.filter { records[$0] == nil }
        let versions = missing.compactMap { index.columns.number(of: $0).flatMap(state.version(of:)) }
        for version in try index.stored(versions, reader: reader, visible: visible) {
            records[version.record.key] = version.record
        }
    }

    /// The links to a key, in the order in which their records were written; not many more than asked for.
    private mutating func sources(of key: Key, most: Int) throws -> [LinkGraph.Edge] {
        var versions: [UInt32] = []
        try index.source.read(TermNames.target(key.text)) { posting, _ in
            guard state.shows(posting.unit) else { return }
            let version = index.columns.versionOf[Int(posting.unit)]
            if versions.last != version { versions.append(version) }
        }
        var found: [LinkGraph.Edge] = []
        for start in stride(from: 0, to: versions.count, by: 500) where found.count < most {
            let piece = Array(versions[start..<min(start + 500, versions.count)])
            for stored in try index.stored(piece, reader: reader, visible: visible) {
                records[stored.record.key] = stored.record
                found += wanted(stored.record, to: key)
            }
        }
        return found
    }

    /// Only what lies on a shortest path: backwards from the target, edges that lead one step nearer to a start.
    private mutating func keepPaths(to target: Key) {
        guard depths[target] != nil else {
            (order, edges) = ([], [])
            return
        }
        // By the end that is reached: the other end, and the edge.
        var reaching: [Key: [(from: Key, edge: LinkGraph.Edge)]] = [:]
        for edge in edges {
            if request.direction != .in { reaching[edge.target, default: []].append((edge.source, edge)) }
            if request.direction != .out { reaching[edge.source, default: []].append((edge.target, edge)) }
        }
        var kept: Set<Key> = [target]
        var keptEdges: Set<LinkGraph.Edge> = []
        var rest = [target]
        while let key = rest.popLast() {
            for (from, edge) in reaching[key] ?? [] where depths[from] == (depths[key] ?? 0) - 1 {
                keptEdges.insert(edge)
                if kept.insert(from).inserted { rest.append(from) }
            }
        }
        order = order.filter(kept.contains)
        edges = edges.filter(keptEdges.contains)
    }
}

extension SearchIndex {
    /// - Throws: `Refusal`, or what is wrong with the index.
    package func links(_ request: GetLinks, in layers: LayeredState, reader: Reader, visible: Revision) throws
        -> LinkGraph
    {
        let state = states.state(layers.levels, isHead: layers.isHead, columns)
        var walk = LinkWalk(request, in: state, of: self, reader, visible: visible)
        return try walk.graph(at: layers.at)
    }
}
