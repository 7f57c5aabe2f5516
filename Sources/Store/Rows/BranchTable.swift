import MembusModel

// A branch is (parent, fork revision); forking copies nothing. A small case:
//
//   r1  main   put a = 1
//   r2  main   put b = 1
//   r3  trial  forked from main at 1
//   r4  main   put a = 2
//   r5  trial  put c = 1
//   r6  trial  delete a
//
//   trial at 5: a = 1 (from main, which it sees up to 1), c = 1; not b, which came after the fork
//   trial at 6: c = 1: its own deletion hides main's a
//   main at 6:  a = 2, b = 1

struct Branch: Hashable, Sendable {
    var id: Int64
    var name: BranchName
    var parent: Int64?
    /// The newest of the parent's revisions that it inherits; 0 for `main`.
    var fork: Revision
    /// The commit that made it; 0 for `main`.
    var created: Revision
    var inherited = InheritedExpiry.asOnParent
    /// The commits that did so; `nil`: it is not.
    var closed: Revision?
    var protected: Revision?
    var deleted: Revision?
    /// The last of its commits that changed one of these; 0: none did.
    var changed: Revision = 0

    /// Whether what has expired is looked for on it.
    var expires: Bool { closed == nil && deleted == nil }
}

/// One branch's part in what another shows: its versions up to this revision.
package struct Level: Hashable, Sendable {
    package var branch: Int64
    package var upTo: Revision
    /// What is shown of it does not expire: a branch that starts in the past came with it.
    package var isFrozen = false

    package init(branch: Int64, upTo: Revision, isFrozen: Bool = false) {
        (self.branch, self.upTo, self.isFrozen) = (branch, upTo, isFrozen)
    }
}

/// A merge that was committed: from its revision on, its branch contains what the source contained.
struct MergedState: Hashable, Sendable {
    /// The commit.
    var revision: Revision
    var branch: Int64
    var source: Int64
    /// The source's.
    var upTo: Revision
}

/// All branches, those that were deleted among them, and their merges. They are only ever added, or changed by a commit.
struct BranchTable: Sendable {
    private(set) var byName: [BranchName: Branch] = [:]
    private(set) var byID: [Int64: Branch] = [:]
    /// In the order in which they were made, which is that of their ids.
    private(set) var all: [Branch] = []

    /// Of each branch that has any, oldest first: with what the branch contains from then on.
    private var merges: [Int64: [(merge: MergedState, contained: BranchVector)]] = [:]
    private var lastMerge: Revision = 0
    /// The last commit that changed a branch.
    private var lastChange: Revision = 0
    /// Of each branch, the newest merge of it into another.
    private var lastMergeOf: [Int64: MergedState] = [:]
    /// Of each branch, those that took it as it was at first hand: its forks, and where it was merged.
    private var takers: [Int64: Set<Int64>] = [:]
    /// How many merges there are.
    private(set) var mergeCount = 0
    /// How often something was added or changed.
    private(set) var changes = 0

    static func load(_ db: Database) throws -> BranchTable {
        var table = BranchTable()
        try table.loadMissing(db)
        return table
    }

    /// Adds the branches and the merges that were made since. One statement, since every read begins with it.
    mutating func loadMissing(_ db: Database) throws {
        let cursor = try db.rows(
            """
            SELECT id, name, parent, fork_revision, created, inherited, closed, protected, deleted, changed
            FROM branches WHERE id > ?1
            UNION ALL
            SELECT id, name, parent, fork_revision, created, inherited, closed, protected, deleted, changed
            FROM branches WHERE changed > 0 AND changed > ?3 AND id <= ?1
            UNION ALL
            SELECT revision, NULL, source, source_revision, branch, 0, NULL, NULL, NULL, 0
            FROM merges WHERE revision > ?2
            """, [largestID, lastMerge, lastChange])
        var merges: [MergedState] = []
        while let row = try cursor.next() {
            if let name: String = try row[1] {
                add(
                    Branch(
                        id: try row[0], name: BranchName(unchecked: name), parent: try row[2], fork: try row[3],
                        created: try row[4],
                        inherited: InheritedExpiry(rawValue: UInt8(try row[5] as Int64)) ?? .frozen,
                        closed: try row[6], protected: try row[7], deleted: try row[8], changed: try row[9]))
            } else {
                merges.append(
                    MergedState(revision: try row[0], branch: try row[4], source: try row[2], upTo: try row[3]))
            }
        }
        for merge in merges.sorted(by: { $0.revision < $1.revision }) { add(merge) }
    }

    /// - Precondition: it is newer than those before.
    /// - Returns: from where on something may have been kept for what the branch contained before.
    @discardableResult
    mutating func add(_ merge: MergedState) -> Revision? {
        precondition(merge.revision > lastMerge, "merges are added in the order of their revisions")
        guard let branch = byID[merge.branch], let source = byID[merge.source] else { return nil }
        lastMerge = merge.revision
        mergeCount += 1
        changes += 1
        let before = contained(in: branch, at: merge.revision)
        var contained = before
        contained.formMax(self.contained(in: source, at: merge.upTo))
        let held = before.differences(from: contained).compactMap { id, upTo, _ in
            upTo > 0 ? byID[id].map { oldestHeldAlone(by: $0, at: upTo) } : nil
        }.min()
        merges[branch.id, default: []].append((merge, contained))
        lastMergeOf[source.id] = merge
        takers[source.id, default: []].insert(branch.id)
        return held
    }

    /// The newest merge of a branch into another, up to a revision at which it is seen.
    func lastMerge(of branch: Int64, upTo revision: Revision) -> MergedState? {
        guard let last = lastMergeOf[branch], last.revision > revision else { return lastMergeOf[branch] }
        return merges.values.joined().map(\.merge).filter { $0.source == branch && $0.revision <= revision }
            .max { $0.revision < $1.revision }
    }

    /// Of every branch, up to which revision its commits are contained in a state: what was inherited, what was merged, and
    /// the branch's own.
    func contained(in branch: Branch, at revision: Revision) -> BranchVector {
        // The branches to look at, up to one with a merge, which tells all before it.
        var line: [(branch: Branch, upTo: Revision)] = []
        var contained = BranchVector()
        var next: (branch: Branch, upTo: Revision)? = (branch, revision)
        while let (branch, upTo) = next {
            line.append((branch, upTo))
            if let known = merges[branch.id]?.last(upTo: upTo) {
                contained = known
                break
            }
            next = branch.parent.flatMap { byID[$0] }.map { ($0, min(upTo, branch.fork)) }
        }
        for (branch, upTo) in line where branch.parent == nil || upTo >= branch.created {
            contained.raise(branch.id, to: upTo)
        }
        return contained
    }

    /// Of each branch, up to which revision every branch contains it.
    var containedInAll: BranchVector {
        var least = BranchVector(all.lazy.map { ($0.id, Revision.max) })
        for branch in all where branch.deleted == nil {
            var contained = contained(in: branch, at: .max)
            contained.set(branch.id, .max)
            least.formMin(contained)
        }
        return least
    }

    /// The newest merge into a branch up to a revision.
    func lastMerge(into branch: Int64, upTo revision: Revision) -> Revision? {
        merges[branch]?.last { $0.merge.revision <= revision }?.merge.revision
    }

    /// The first merge into a branch as of which it contains another one up to a revision.
    func firstMerge(into branch: Int64, containing id: Int64, at upTo: Revision) -> MergedState? {
        guard let merges = merges[branch] else { return nil }
        // What a branch contains only grows.
        var (low, high) = (0, merges.count)
        while low < high {
            let middle = (low + high) / 2
            if merges[middle].contained[id] < upTo { low = middle + 1 } else { high = middle }
        }
        return low < merges.count && merges[low].contained[id] == upTo ? merges[low].merge : nil
    }

    /// Of each branch, the merges into it, oldest first.
    func merges(into branch: Int64) -> [MergedState] { merges[branch]?.map(\.merge) ?? [] }

    /// One that is known already takes its own place: it has changed.
    mutating func add(_ branch: Branch) {
        if byID[branch.id] == nil {
            all.append(branch)
            if let parent = branch.parent { takers[parent, default: []].insert(branch.id) }
        } else if let place = all.firstIndex(where: { $0.id == branch.id }) {
            all[place] = branch
        }
        byName[branch.name] = branch
        byID[branch.id] = branch
        changes += 1
        largestID = max(largestID, branch.id)
        lastChange = max(lastChange, branch.changed)
    }

    private(set) var largestID: Int64 = 0

    func name(_ id: Int64) throws -> BranchName {
        guard let branch = byID[id] else {
            throw StoreError(
                .damaged, "the store names a branch \(id) that it does not hold", hint: "run membus verify")
        }
        return branch.name
    }

    /// Whose versions a read of the branch as of `revision` sees, nearest first: the newest version on the
    /// branch, else the parent's up to the fork, and so on.
    func levels(of branch: Branch, at revision: Revision) -> [Level] {
        var levels = [Level(branch: branch.id, upTo: revision)]
        var upTo = revision
        var current = branch
        // The nearest branch that says so decides.
        var inherited = InheritedExpiry.asOnParent
        while let parent = current.parent.flatMap({ byID[$0] }) {
            upTo = min(upTo, current.fork)
            if upTo == 0 { break }
            if inherited == .asOnParent { inherited = current.inherited }
            levels.append(Level(branch: parent.id, upTo: upTo, isFrozen: inherited == .frozen))
            current = parent
        }
        return levels
    }

    /// Whether a state of a deleted branch may be what two others have in common.
    private func isBase(_ branch: Branch, between count: Int, _ known: Set<Int64>) -> Bool {
        count > 1 && takers[branch.id]?.count(where: known.contains) ?? 0 > 1
    }

    /// For each branch, the revisions at which its descendants, those that merged it and the tags look at it, ascending. What
    /// a branch contains of another is looked at by the next merge of the two, as what they have in common.
    ///
    /// A deleted branch looks at nothing, once the floor has passed its end, when what it held is walked over again. What others contain of it can still be what two of them have in common, but only if
    /// two that somebody still contains took it at first hand: else that of the one that did contains it, and is newer.
    func pins(tags: [(branch: Int64, revision: Revision)], floor: Revision) -> [Int64: [Revision]] {
        var pins: [Int64: Set<Revision>] = [:]
        func looks(_ branch: Branch) -> Bool { branch.deleted.map { $0 > floor } ?? true }
        for branch in byID.values where looks(branch) {
            for level in levels(of: branch, at: .max).dropFirst() { pins[level.branch, default: []].insert(level.upTo) }
        }
        if mergeCount > 0 {
            var looking = 0
            var (taken, union): ([Int64: Set<Revision>], BranchVector.Union) = ([:], .init())
            for branch in byID.values where looks(branch) {
                looking += 1
                union.add(contained(in: branch, at: .max), without: branch.id) { taken[$0, default: []].insert($1) }
            }
            let known = Set(taken.keys).union(byID.values.lazy.filter(looks).map(\.id))
            for (other, revisions) in taken {
                guard let other = byID[other], looks(other) || isBase(other, between: looking, known) else { continue }
                for level in revisions.flatMap({ levels(of: other, at: $0) }) {
                    pins[level.branch, default: []].insert(level.upTo)
                }
            }
        }
        for tag in tags {
            guard let branch = byID[tag.branch] else { continue }
            for level in levels(of: branch, at: tag.revision) { pins[level.branch, default: []].insert(level.upTo) }
        }
        return pins.mapValues { $0.sorted() }
    }
}

extension [(merge: MergedState, contained: BranchVector)] {
    /// What the newest of them up to a revision left; they are in the order of their revisions.
    fileprivate func last(upTo revision: Revision) -> BranchVector? {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if self[middle].merge.revision <= revision { low = middle + 1 } else { high = middle }
        }
        return low > 0 ? self[low - 1].contained : nil
    }
}
