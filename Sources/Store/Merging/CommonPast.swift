import MembusModel

// The common past of two states is what both contain. Its heads are those of the states in it that no other contains:
//
//   main  ●──●──●──────●     one head: main as of the fork
//            └─trial─●
//
//   main  ●──●──●──×──●      after each has merged the other's state before, two: none of the states that they merged
//            └─trial─●×─●    contains the other
//
// One head is the base of a merge. Of several, each key's base is what a merge of them would have.

extension VersionReader {
    /// The heads of what two states have in common, in the order of their branches.
    func heads(of common: Contained, first: [Level] = []) throws -> [ShownState] {
        var heads: [ShownState] = []
        // Mostly it is one: the newest state of the line that both contain.
        if let likely = common.newest(of: first, among: branches), let branch = branches.byName[likely.branch],
            let revision = likely.at
        {
            heads.append(try state(branch, at: revision))
        }
        var rest: [(branch: Branch, revision: Revision)] = []
        for (id, upTo) in common.upTo.all {
            guard let branch = branches.byID[id], !heads.contains(where: { $0.contained[id] >= upTo }) else { continue }
            // A state is as good as the branch's newest commit.
            let revision = try newestCommit(of: id, upTo: upTo)
            if revision >= branch.created, !heads.contains(where: { $0.contained[id] >= revision }) {
                rest.append((branch, revision))
            }
        }
        // Newest first: a state is never contained in one whose last commit is older.
        for (branch, revision) in rest.sorted(by: { $0.revision > $1.revision })
        where !heads.contains(where: { $0.contained[branch.id] >= revision }) {
            heads.append(ShownState(branch, at: revision, among: branches))
        }
        return heads.filter { head in
            !heads.contains { other in
                other.head != head.head && other.contained[head.branch.id] >= head.revision
            }
        }.sorted { $0.branch.id < $1.branch.id }
    }

    private func state(_ branch: Branch, at revision: Revision) throws -> ShownState {
        ShownState(branch, at: try newestCommit(of: branch.id, upTo: revision), among: branches)
    }

    /// Whether all that a state shows is kept: at the floor and above everything is, below it what some branch contains of
    /// another one, as of that revision.
    func isKept(_ state: ShownState, floor: Revision) throws -> Bool {
        if state.revision >= floor { return true }
        if let known = recent.kept[state.head] { return known }
        let isKept = try isPinned(state)
        recent.kept[state.head] = isKept
        return isKept
    }

    private func isPinned(_ state: ShownState) throws -> Bool {
        // Mostly they know the same of it.
        var seen: Set<Revision> = []
        for branch in branches.all where branch.id != state.branch.id {
            let upTo = branches.contained(in: branch, at: .max)[state.branch.id]
            guard upTo >= state.revision, upTo > 0, seen.insert(upTo).inserted else { continue }
            if try newestCommit(of: state.branch.id, upTo: upTo) == state.revision { return true }
        }
        return false
    }
}
