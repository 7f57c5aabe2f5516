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
            heads.append(ShownState(branch, at: revision, upTo: common[branch.id], among: branches))
        }
        return heads.filter { head in
            !heads.contains { other in
                other.head != head.head && other.contained[head.branch.id] >= head.revision
            }
        }.sorted { $0.branch.id < $1.branch.id }
    }

    private func state(_ branch: Branch, at revision: Revision) throws -> ShownState {
        ShownState(
            branch, at: try newestCommit(of: branch.id, upTo: revision), upTo: revision, among: branches)
    }

    /// What a common past has beyond its heads: nothing, or commits of which compaction has left nothing.
    func beyond(_ heads: [ShownState], in common: Contained, floor: Revision) -> [BranchSpan] {
        if floor == 0 { return [] }
        return common.upTo.all.compactMap { id, upTo in
            let shown = heads.lazy.map { $0.contained[id] }.max() ?? 0
            if shown >= min(upTo, floor) { return nil }
            return BranchSpan(branch: id, after: shown, upTo: upTo, isFirst: true)
        }
    }

    /// What heads show under a key: each version once, without those that another head has superseded.
    func newest(_ key: Key, in heads: [ShownState]) throws -> [(state: ShownState, version: KeyVersion?)] {
        let all = try heads.map { (state: $0, version: try version(key, in: $0.levels)) }
        var kept: [(state: ShownState, version: KeyVersion?)] = []
        for (head, version) in all {
            let isSuperseded = all.contains { other in
                guard other.state.head != head.head, let newer = other.version,
                    newer.revision != version?.revision
                else { return false }
                return (version.map { other.state.contained.contains($0) } ?? true) && !head.contained.contains(newer)
            }
            if isSuperseded || kept.contains(where: { $0.version?.revision == version?.revision }) { continue }
            kept.append((head, version))
        }
        return kept.isEmpty ? Array(all.prefix(1)) : kept
    }

    /// Whether what a state shows under a key is what it showed. At the floor and above everything is kept, below it what some
    /// branch contains of another one, as of that revision.
    func isKept(_ key: Key, in state: ShownState, floor: Revision) throws -> Bool {
        if state.upTo >= floor { return true }
        let pin = nearestPin(of: state)
        if pin == state.upTo { return true }
        let found = try place(key, in: state.levels)
        // What a later state shows, too, was not replaced before it. A deletion that hides nothing may be gone.
        if let found, !found.isDeletion, let pin,
            try place(key, in: branches.levels(of: state.branch, at: pin)) == found
        {
            return true
        }
        return try hasLostNothing(of: key, on: state.levels, after: found?.place)
    }

    /// Whether nothing that ever happened to a key on these levels was dropped, after a place or at all.
    func hasLostNothing(of key: Key, on levels: [Level], after place: LogCursor? = nil) throws -> Bool {
        try StoreSnapshot(db: db, branches: branches, floor: 0, visible: .max).keepsAll(
            of: TopicFilter([Topic(unchecked: key.text)]), on: levels,
            after: place ?? LogCursor(revision: 0, ordinal: 0))
    }

    func hasLostNothing(of key: Key, in spans: [BranchSpan]) throws -> Bool {
        try spans.allSatisfy { span in
            try hasLostNothing(
                of: key, on: [Level(branch: span.branch, upTo: span.upTo)], after: .end(of: span.after))
        }
    }

    /// The first revision from a state's on at which others have looked at its branch ever since they took it.
    private func nearestPin(of state: ShownState) -> Revision? {
        let head = BranchHead(state.branch.name, at: state.upTo)
        if let known = recent.pins[head] { return known }
        let nearest = findNearestPin(of: state)
        recent.pins[head] = .some(nearest)
        return nearest
    }

    private func findNearestPin(of state: ShownState) -> Revision? {
        let id = state.branch.id
        if state.upTo > 0, branches.hasBeenLookedAt(id, at: state.upTo) { return state.upTo }
        var later: Set<Revision> = []
        for branch in branches.all where branch.id != id && branch.deleted == nil {
            let upTo = [branches.contained(in: branch, at: .max)[id], branches.shown(of: id, by: branch) ?? 0]
            later.formUnion(upTo.filter { $0 > state.upTo })
        }
        // Mostly it is the first; with thousands of branches each takes its time.
        return later.sorted().prefix(8).first { branches.hasBeenLookedAt(id, at: $0) }
    }
}
