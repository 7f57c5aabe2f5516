import Membus
import MembusDocuments

extension LogCommand {
    /// The commits that --branch contains, or all, with what they follow drawn beside them.
    func showGraph(_ memory: Memory, from state: NamedState) async throws {
        let pages = try memory.log(
            branch: nil, through: state.revision, withParents: true, pageSize: min(limit ?? 1000, 1000))
        var graph = CommitGraph()
        // What is still to come; a commit comes after all that follow it.
        var wanted: Set<Revision> = []
        var (shown, last, hasBegun) = (0, Revision?.none, false)
        for try await commit in pages {
            // A large one comes in pieces.
            if commit.info.revision == last { continue }
            last = commit.info.revision
            let isHead = !hasBegun && commit.info.branch == state.branch
            guard allBranches || isHead || wanted.remove(commit.info.revision) != nil else { continue }
            hasBegun = hasBegun || isHead
            wanted.formUnion(commit.parents)
            try show(commit, graph.rows(of: commit.info.revision, following: commit.parents))
            shown += 1
            if shown == limit { return }
        }
        try await tellOfFloor(memory)
    }

    private func show(_ commit: Commit, _ rows: [CommitGraph.Row]) throws {
        let output = Output.standard
        if options.json {
            return try output.line(
                JSONValue.commit(commit.info) + ["parents": .array(commit.parents.map { .integer($0) })])
        }
        for row in rows {
            guard case .commit = row else {
                try output.line(output.style.dim(row.text))
                continue
            }
            let info = commit.info
            let what = info.message.isEmpty ? "" : "  \(info.message.escapingControlCharacters)"
            try output.line(
                "\(row.text)  \(output.style.bold("\(info.revision)"))  "
                    + "\(Human.name(info.branch.text, onTerminal: output.isTerminal))  "
                    + "\(info.agent.escapingControlCharacters)\(what)")
        }
    }
}
