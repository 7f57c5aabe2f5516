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

/// All branches. They are only ever added, so what was loaded stays true.
struct BranchTable: Sendable {
    private(set) var byName: [BranchName: Branch] = [:]
    private(set) var byID: [Int64: Branch] = [:]
    /// In the order in which they were made, which is that of their ids.
    private(set) var all: [Branch] = []

    static func load(_ db: Database) throws -> BranchTable {
        var table = BranchTable()
        try table.loadMissing(db)
        return table
    }

    /// Adds the branches that were made since.
    mutating func loadMissing(_ db: Database) throws {
        let cursor = try db.rows(
            "SELECT id, name, parent, fork_revision, created FROM branches WHERE id > ? ORDER BY id", [largestID])
        while let row = try cursor.next() {
            add(
                Branch(
                    id: try row[0], name: BranchName(unchecked: try row[1]), parent: try row[2], fork: try row[3],
                    created: try row[4]))
        }
    }

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

    /// For each branch, the revisions at which its descendants and the tags look at it, ascending.
    func pins(tags: [(branch: Int64, revision: Revision)]) -> [Int64: [Revision]] {
        var pins: [Int64: Set<Revision>] = [:]
        for branch in byID.values {
            for level in levels(of: branch, at: .max).dropFirst() { pins[level.branch, default: []].insert(level.upTo) }
        }
        for tag in tags {
            guard let branch = byID[tag.branch] else { continue }
            for level in levels(of: branch, at: tag.revision) { pins[level.branch, default: []].insert(level.upTo) }
        }
        return pins.mapValues { $0.sorted() }
    }
}
