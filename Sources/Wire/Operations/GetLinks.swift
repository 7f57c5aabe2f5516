import MembusModel

extension GetLinks: CodedOperation {
    init(_ message: PBGetLinks, _ limits: Limits) throws(Refusal) {
        if message.keys.isEmpty {
            throw Refusal(
                .invalidArgument, "links.keys: nowhere to start", hint: "name the key of a record",
                subject: "links.keys")
        }
        try Parse.check(count: message.keys.count, "links.keys", most: Self.mostKeys, "keysPerRequest")
        var keys: [Key] = []
        for (index, key) in message.keys.enumerated() { keys.append(try Parse.key(key, "links.keys[\(index)]")) }
        let to = message.to.isEmpty ? nil : try Parse.key(message.to, "links.to")
        self.init(
            branch: try Parse.branch(message.branch, "links.branch"),
            at: message.hasAt ? try Parse.revision(message.at, "links.at") : nil, keys: keys,
            direction: try LinkDirection(message.direction), relations: message.relations,
            depth: try Parse.amount(
                message.depth, orElse: to == nil ? 1 : Self.mostSteps, most: Self.mostSteps, "links.depth"),
            limit: try Parse.amount(message.limit, orElse: 1000, most: Self.mostEdges, "links.limit"), to: to,
            atLeast: try Parse.revision(message.atLeast, "links.at_least"))
    }

    var message: PBGetLinks {
        .with {
            $0.branch = branch.text
            if let at { $0.at = at }
            $0.keys = keys.map(\.text)
            $0.direction =
                switch direction {
                case .out: .out
                case .in: .in
                case .both: .both
                }
            $0.relations = relations
            $0.depth = UInt32(clamping: depth)
            $0.limit = UInt32(clamping: limit)
            $0.to = to?.text ?? ""
            $0.atLeast = atLeast
        }
    }

    static func answer(_ message: PBLinkGraph) throws(Refusal) -> LinkGraph {
        LinkGraph(
            at: try Position(message.at, "links.at"), indexed: message.indexed,
            nodes: try message.nodes.map { (node) throws(Refusal) in try LinkGraph.Node(node) },
            edges: try message.edges.map { (edge) throws(Refusal) in try LinkGraph.Edge(edge) }, isCut: message.cut)
    }

    static func message(of graph: LinkGraph) -> PBLinkGraph {
        .with {
            $0.at = PBPosition(graph.at)
            $0.indexed = graph.indexed
            $0.nodes = graph.nodes.map(PBNode.init)
            $0.edges = graph.edges.map(PBLinkEdge.init)
            $0.cut = graph.isCut
        }
    }
}

extension LinkDirection {
    fileprivate init(_ message: PBGetLinks.Direction) throws(Refusal) {
        switch message {
        case .unspecified, .both: self = .both
        case .out: self = .out
        case .in: self = .in
        case .UNRECOGNIZED(let number):
            throw Refusal(
                .invalidArgument, "links.direction: there is no direction \(number)", subject: "links.direction")
        }
    }
}

extension LinkGraph.Node {
    fileprivate init(_ message: PBNode) throws(Refusal) {
        self.init(
            key: try Parse.key(message.key, "node.key"), depth: Int(message.depth),
            revision: message.revision == 0 ? nil : message.revision,
            kind: message.revision == 0 ? nil : Kind(message.kind))
    }
}

extension PBNode {
    fileprivate init(_ node: LinkGraph.Node) {
        self.init()
        key = node.key.text
        depth = UInt32(clamping: node.depth)
        revision = node.revision ?? 0
        kind = node.kind?.name ?? ""
    }
}

extension LinkGraph.Edge {
    fileprivate init(_ message: PBLinkEdge) throws(Refusal) {
        self.init(
            source: try Parse.key(message.source, "edge.source"), relation: message.relation,
            target: try Parse.key(message.target, "edge.target"), revision: message.revision)
    }
}

extension PBLinkEdge {
    fileprivate init(_ edge: LinkGraph.Edge) {
        self.init()
        source = edge.source.text
        relation = edge.relation
        target = edge.target.text
        revision = edge.revision
    }
}
