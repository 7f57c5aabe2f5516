"""The links of a state, over plain dictionaries: what lies some steps away from where one starts."""

from membus_protos import bus


class Graph:
    """records: key -> Record of the protocol."""

    def __init__(self, records):
        self.records = records
        self.edges = {(key, link.relation, link.target, record.revision)
                      for key, record in records.items() for link in record.links}

    def steps(self, key, direction, relations):
        """(edge, the key at its other end)"""
        for edge in self.edges:
            source, relation, target, _ = edge
            if relations and relation not in relations:
                continue
            if source == key and direction != bus.GetLinks.IN:
                yield edge, target
            if target == key and direction != bus.GetLinks.OUT:
                yield edge, source

    def around(self, starts, direction, depth, relations):
        """-> ({key: steps from the nearest start}, the edges that were followed)"""
        depths, followed, edge_of_search = dict.fromkeys(starts, 0), set(), list(starts)
        for step in range(depth):
            found = []
            for key in edge_of_search:
                for edge, other in self.steps(key, direction, relations):
                    followed.add(edge)
                    if other not in depths:
                        depths[other] = step + 1
                        found.append(other)
            edge_of_search = found
        return depths, followed


def has_shape_of(told, graph, starts, direction, depth, relations):
    """What a broker told is what the graph says. Edges between the outermost nodes may be told or not."""
    depths, followed = graph.around(starts, direction, depth, relations)
    edges = {(edge.source, edge.relation, edge.target, edge.revision) for edge in told.edges}
    assert len(edges) == len(told.edges), "an edge is told twice"
    assert {node.key: node.depth for node in told.nodes} == depths
    assert followed <= edges, f"missing: {followed - edges}"
    assert all(source in depths and target in depths for source, _, target, _ in edges)
    assert edges <= graph.edges and (not relations or {relation for _, relation, _, _ in edges} <= set(relations))
    for node in told.nodes:
        record = graph.records.get(node.key)
        assert (node.revision, node.kind) == ((record.revision, record.kind) if record else (0, "")), node
    assert [(node.depth, node.key) for node in told.nodes] == sorted((node.depth, node.key) for node in told.nodes)
