import Membus

// Commits and what they follow, drawn from the newest down. A lane stands for a line that is on its way to a commit:
//
//   *      a commit; its first parent goes on in its lane
//   |\     a second parent begins a lane beside it, and the lanes to the right make room
//   | *
//   |/     lanes on the way to the same commit come together just above it
//   *      a commit that follows nothing, or nothing that is kept, ends its lane
//
// Invariants: each commit has one row; from its row, following the edges to each of its parents leads to that one's row, or
// off the end. Lanes move by one column a row.

struct CommitGraph {
    /// A lane's way over one row.
    struct Edge: Hashable {
        var from: Int
        var to: Int
        /// The commit that it is on its way to.
        var parent: Revision
    }

    enum Row: Hashable {
        /// The other lanes pass it.
        case commit(Revision, column: Int, passing: [Edge])
        case edges([Edge])

        var text: String {
            var places: [Int: Character] = [:]
            let edges: [Edge]
            switch self {
            case .commit(_, let column, let passing):
                places[2 * column] = "*"
                edges = passing
            case .edges(let moving): edges = moving
            }
            for edge in edges {
                switch edge.to - edge.from {
                case 0: if places[2 * edge.from] == nil { places[2 * edge.from] = "|" }
                case 1: places[2 * edge.from + 1] = "\\"
                default: places[2 * edge.from - 1] = "/"
                }
            }
            return String((0...(places.keys.max() ?? 0)).map { places[$0] ?? " " })
        }
    }

    /// What each is on its way to.
    private(set) var lanes: [Revision] = []

    /// The rows of the next commit. They come in the order of their revisions, the newest first.
    mutating func rows(of commit: Revision, following parents: [Revision]) -> [Row] {
        var rows: [Row] = []
        let column = lanes.firstIndex(of: commit) ?? lanes.count
        if column == lanes.count { lanes.append(commit) }
        while let other = lanes.lastIndex(of: commit), other > column { rows += join(other, into: column) }
        rows.append(.commit(commit, column: column, passing: straight(but: column)))
        guard let first = parents.first else {
            rows += end(column)
            return rows
        }
        lanes[column] = first
        for (place, parent) in parents.dropFirst().enumerated() { rows.append(branchOff(parent, column + place)) }
        return rows
    }

    private func straight(but column: Int? = nil) -> [Edge] {
        lanes.indices.filter { $0 != column }.map { Edge(from: $0, to: $0, parent: lanes[$0]) }
    }

    /// Over the lanes between, one column a row; those to the right close up with the last.
    private mutating func join(_ lane: Int, into column: Int) -> [Row] {
        let parent = lanes[lane]
        var rows: [Row] = []
        for place in stride(from: lane, to: column, by: -1) {
            var edges = straight(but: lane)
            let isLast = place == column + 1
            if isLast { for index in edges.indices where edges[index].from > lane { edges[index].to -= 1 } }
            edges.append(Edge(from: place, to: place - 1, parent: parent))
            rows.append(.edges(edges))
        }
        lanes.remove(at: lane)
        return rows
    }

    private mutating func branchOff(_ parent: Revision, _ column: Int) -> Row {
        var edges = straight()
        for index in edges.indices where edges[index].from > column { edges[index].to += 1 }
        edges.append(Edge(from: column, to: column + 1, parent: parent))
        lanes.insert(parent, at: column + 1)
        return .edges(edges)
    }

    private mutating func end(_ column: Int) -> [Row] {
        let isRightmost = column == lanes.count - 1
        lanes.remove(at: column)
        if isRightmost { return [] }
        // The lanes are in their new places.
        return [.edges(lanes.indices.map { Edge(from: $0 < column ? $0 : $0 + 1, to: $0, parent: lanes[$0]) })]
    }
}
