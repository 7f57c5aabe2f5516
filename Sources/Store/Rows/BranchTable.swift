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
}

/// One branch's part in what another shows: its versions up to this revision.
struct Level: Hashable, Sendable {
    var branch: Int64
    var upTo: Revision
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

/// All branches, and their merges. They are only ever added, so what was loaded stays true.
struct BranchTable: Sendable {
    private(set) var byName: [BranchName: Branch] = [:]
    private(set) var byID: [Int64: Branch] = [:]
    /// In the order in which they were made, which is that of their ids.
    private(set) var all: [Branch] = []

    /// Of each branch that has any, oldest first: with what each of them raised.
    private var merges: [Int64: [(merge: MergedState, raised: [Int64: Revision])]] = [:]
    /// What each of those contains after its last merge.
    private var newest: [Int64: [Int64: Revision]] = [:]
    private var lastMerge: Revision = 0
    /// How many merges there are.
    private(set) var mergeCount = 0

    static func load(_ db: Database) throws -> BranchTable {
        var table = BranchTable()
        try table.loadMissing(db)
        return table
    }

    /// Adds the branches and the merges that were made since. One statement, since every read begins with it.
    mutating func loadMissing(_ db: Database) throws {
        let cursor = try db.rows(
            """
            SELECT id, name, parent, fork_revision, created FROM branches WHERE id > ?1
            UNION ALL
            SELECT revision, NULL, source, source_revision, branch FROM merges WHERE revision > ?2
            """, [largestID, lastMerge])
        var merges: [MergedState] = []
        while let row = try cursor.next() {
            if let name: String = try row[1] {
                add(
                    Branch(
                        id: try row[0], name: BranchName(unchecked: name), parent: try row[2], fork: try row[3],
                        created: try row[4]))
            } else {
                merges.append(
                    MergedState(revision: try row[0], branch: try row[4], source: try row[2], upTo: try row[3]))
            }
        }
        for merge in merges.sorted(by: { $0.revision < $1.revision }) { add(merge) }
    }

    /// - Precondition: it is newer than those before.
    mutating func add(_ merge: MergedState) {
        precondition(merge.revision > lastMerge, "merges are added in the order of their revisions")
        guard let branch = byID[merge.branch], let source = byID[merge.source] else { return }
        lastMerge = merge.revision
        mergeCount += 1
        var contained = contained(in: branch, at: merge.revision)
        let raised = self.contained(in: source, at: merge.upTo)
            .filter { $0.key != branch.id && $0.value > contained[$0.key] ?? 0 }
        contained.merge(raised, uniquingKeysWith: max)
        newest[branch.id] = contained
        merges[branch.id, default: []].append((merge, raised))
    }

    /// Of every branch, up to which revision its commits are contained in a state: what was inherited, what was merged, and
    /// the branch's own.
    func contained(in branch: Branch, at revision: Revision) -> [Int64: Revision] {
        // The branches to look at, up to one whose last merge tells all.
        var line: [(branch: Branch, upTo: Revision)] = []
        var contained: [Int64: Revision] = [:]
        var next: (branch: Branch, upTo: Revision)? = (branch, revision)
        while let (branch, upTo) = next {
            line.append((branch, upTo))
            if let last = merges[branch.id]?.last, last.merge.revision <= upTo {
                contained = newest[branch.id] ?? [:]
                break
            }
            next = branch.parent.flatMap { byID[$0] }.map { ($0, min(upTo, branch.fork)) }
        }
        for (branch, upTo) in line.reversed() {
            for (merge, raised) in merges[branch.id] ?? [] {
                if merge.revision > upTo { break }
                contained.merge(raised, uniquingKeysWith: max)
            }
            if branch.parent == nil || upTo >= branch.created {
                contained[branch.id] = max(upTo, contained[branch.id] ?? 0)
            }
        }
        return contained
    }

    /// Of each branch, up to which revision every branch contains it.
    var containedInAll: [Int64: Revision] {
        var least = Dictionary(all.map { ($0.id, Revision.max) }, uniquingKeysWith: max)
        for branch in all {
            let contained = contained(in: branch, at: .max)
            for id in least.keys { least[id] = min(least[id] ?? 0, contained[id] ?? 0) }
        }
        return least
    }

    /// The newest merge into a branch up to a revision.
    func lastMerge(into branch: Int64, upTo revision: Revision) -> Revision? {
        merges[branch]?.last { $0.merge.revision <= revision }?.merge.revision
    }

    /// Of each branch, the merges into it, oldest first.
    func merges(into branch: Int64) -> [MergedState] { merges[branch]?.map(\.merge) ?? [] }

    mutating func add(_ branch: Branch) {
        byName[branch.name] = branch
        byID[branch.id] = branch
        all.append(branch)
        largestID = max(largestID, branch.id)
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
        while let parent = current.parent.flatMap({ byID[$0] }) {
            upTo = min(upTo, current.fork)
            if upTo == 0 { break }
            levels.append(Level(branch: parent.id, upTo: upTo))
            current = parent
        }
        return levels
    }

    /// For each branch, the revisions at which its descendants, those that merged it and the tags look at it, ascending. What
    /// a branch contains of another is looked at by the next merge of the two, as what they have in common.
    func pins(tags: [(branch: Int64, revision: Revision)]) -> [Int64: [Revision]] {
        var pins: [Int64: Set<Revision>] = [:]
        for branch in byID.values {
            for level in levels(of: branch, at: .max).dropFirst() { pins[level.branch, default: []].insert(level.upTo) }
        }
        var seen: Set<Level> = []
        if mergeCount > 0 {
            for branch in byID.values {
                for (other, upTo) in contained(in: branch, at: .max) where other != branch.id {
                    guard let other = byID[other], seen.insert(Level(branch: other.id, upTo: upTo)).inserted else {
                        continue
                    }
                    for level in levels(of: other, at: upTo) { pins[level.branch, default: []].insert(level.upTo) }
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
