import MembusModel

extension Reader {
    /// A page of the branches, or of the tags.
    package func names(_ request: GetBranches, visible: Revision) throws(Refusal) -> BranchPage {
        try all(NamesRead(request), visible: visible)
    }

    /// How many tags there are, and how many of them lie below the floor.
    package func tagCounts() throws(Refusal) -> (all: Int64, belowFloor: Int64) {
        try read("counting tags", visible: .max) { snapshot in
            (
                try snapshot.db.integer("SELECT count(*) FROM tags") ?? 0,
                try snapshot.db.integer("SELECT count(*) FROM tags WHERE revision < ?", [snapshot.floor]) ?? 0
            )
        }
    }
}

/// A page of the names that states have, on its way.
///
///   1. find    the page's branches, in the order in which they were made
///   2. place   each: its head, its last merge, its open conflicts; and the spans of commits that it or its parent lacks
///   3. count   those spans. Most are of the parent, and overlap: each of its commits is counted once for a page, between two
///              neighbouring ends of spans
package struct NamesRead: StepwiseRead {
    package static let doing = "listing the branches"
    private let request: GetBranches
    private var page: BranchPage?
    private var visible: Revision = 0
    /// So many of the page's branches are placed.
    private var placed = 0
    /// What the parents contain, of as many as the page has.
    private var parents: [Int64: Contained] = [:]
    private var lacks: [Lack] = []
    private var count: SpanCount?

    /// Commits that one of a branch and its parent lacks.
    private struct Lack {
        /// In the page.
        var branch: Int
        var isAhead: Bool
        var span: BranchSpan
    }

    static let mostConflicts: Int64 = 1000
    private static let pageNames = 1000

    package init(_ request: GetBranches) { self.request = request }

    package mutating func step(_ snapshot: StoreSnapshot, looking most: Int) throws -> BranchPage? {
        let after: BranchName?
        switch request.names {
        case .branches(let name): after = name
        case .tags(let name): return try tags(after: name, in: snapshot)
        case .tag(let name):
            guard let tag = try TagRow.tag(snapshot.db, name), tag.created <= snapshot.visible else {
                throw Refusal.unknownTag(name)
            }
            return BranchPage(tags: [try snapshot.info(of: tag)])
        }
        var page: BranchPage
        if let begun = self.page.take() {
            page = begun
        } else {
            visible = snapshot.visible
            page = try branches(after: after, in: snapshot)
        }
        guard request.withFigures else { return page }
        var left = most
        while placed < page.branches.count {
            if left <= 0 {
                self.page = page
                return nil
            }
            page.branches[placed].figures = try place(placed, page.branches[placed], in: snapshot, left: &left)
            placed += 1
        }
        var count = self.count.take() ?? SpanCount(lacks.map(\.span))
        guard try count.run(snapshot.db, left: &left) else {
            (self.page, self.count) = (page, count)
            return nil
        }
        for lack in lacks {
            let commits = count.commits(in: lack.span)
            if lack.isAhead {
                page.branches[lack.branch].figures?.ahead += commits
            } else {
                page.branches[lack.branch].figures?.behind += commits
            }
        }
        return page
    }

    private func branches(after name: BranchName?, in snapshot: StoreSnapshot) throws -> BranchPage {
        let after = try name.map { try snapshot.anyBranch($0).id } ?? 0
        var page = BranchPage()
        let limit = request.limit ?? (request.withFigures ? Self.pageNames : .max)
        for branch in snapshot.branches.all where branch.id > after && branch.created <= snapshot.visible {
            if let deleted = branch.deleted, deleted <= snapshot.visible { continue }
            if page.branches.count >= max(1, limit) {
                page.more = true
                break
            }
            page.branches.append(try snapshot.info(of: branch))
        }
        return page
    }

    private func tags(after name: TagName?, in snapshot: StoreSnapshot) throws -> BranchPage {
        let limit = min(max(1, request.limit ?? Self.pageNames), 10_000)
        let tags = try TagRow.tags(snapshot.db, after: name, most: limit + 1)
        return BranchPage(
            tags: try tags.prefix(limit).filter { $0.created <= snapshot.visible }.map { try snapshot.info(of: $0) },
            more: tags.count > limit)
    }

    // MARK: How a branch stands

    private mutating func place(
        _ index: Int, _ info: BranchInfo, in snapshot: StoreSnapshot, left: inout Int
    ) throws -> BranchFigures {
        let branch = try snapshot.anyBranch(info.name)
        let levels = snapshot.branches.levels(of: branch, at: visible)
        left -= 4 + levels.count
        let reader = VersionReader(db: snapshot.db, branches: snapshot.branches, now: .distant)
        var figures = BranchFigures(
            head: try reader.newestCommit(of: branch.id, upTo: visible), ahead: 0, behind: 0,
            merged: try merged(branch, in: snapshot), openConflicts: 0)
        if figures.head == visible, branch.parent == nil, try reader.branch(of: visible) != branch.id {
            figures.head = 0
        }
        var scan = try RangeScan(snapshot, Self.conflicts, levels: levels, inline: -1)
        while figures.openConflicts < Self.mostConflicts, let record = try scan.next() {
            if ParkedConflict.names(record.key) { figures.openConflicts += 1 }
        }
        left -= scan.work
        guard let parent = branch.parent.flatMap({ snapshot.branches.byID[$0] }) else { return figures }
        let own = Contained(branch, at: visible, among: snapshot.branches)
        let its = parents[parent.id] ?? Contained(parent, at: visible, among: snapshot.branches)
        parents[parent.id] = its
        left -= (own.upTo.pieceCount + its.upTo.pieceCount) / 8
        for span in own.apart(from: its) { lacks.append(Lack(branch: index, isAhead: span.isFirst, span: span)) }
        return figures
    }

    private func merged(_ branch: Branch, in snapshot: StoreSnapshot) throws -> BranchFigures.LastMerge? {
        guard let merge = snapshot.branches.lastMerge(of: branch.id, upTo: visible) else { return nil }
        return BranchFigures.LastMerge(
            into: try snapshot.branches.name(merge.branch), revision: merge.revision, source: merge.upTo)
    }

    private static let conflicts = TopicFilter([Topic(unchecked: ".membus/conflicts/")])
}

/// Counts the commits of many spans of the same branches, each commit once.
private struct SpanCount {
    /// Of each branch, the ends of spans, ascending; and how many commits lie below each, from the first on.
    private var ends: [(branch: Int64, revisions: [Revision], below: [Int64])] = []
    private var places: [Int64: Int] = [:]
    /// Where the counting is: a branch, and how far it is between two neighbouring ends.
    private var branch = 0
    private var segment: (reached: Revision, commits: Int64)?

    init(_ spans: [BranchSpan]) {
        var revisions: [Int64: Set<Revision>] = [:]
        for span in spans { revisions[span.branch, default: []].formUnion([span.after, span.upTo]) }
        for (branch, ends) in revisions.sorted(by: { $0.key < $1.key }) {
            places[branch] = self.ends.count
            self.ends.append((branch, ends.sorted(), [0]))
        }
    }

    /// - Returns: false: there is more to count.
    mutating func run(_ db: Database, left: inout Int) throws -> Bool {
        while branch < ends.count {
            let (id, revisions, below) = ends[branch]
            guard below.count < revisions.count else {
                branch += 1
                continue
            }
            if left <= 0 { return false }
            let (from, to) = (revisions[below.count - 1], revisions[below.count])
            var current = try segment ?? (reached: from, commits: -BareCommits.count(db, on: id, after: from, upTo: to))
            // A row of the index is a tenth of the work that a change is.
            let most = max(100, left * 10)
            let (found, last) =
                try db.first(
                    """
                    SELECT count(*), ifnull(max(revision), 0) FROM (
                      SELECT revision FROM commits WHERE branch = ? AND revision > ? AND revision <= ?
                      ORDER BY revision LIMIT ?)
                    """, [id, current.reached, to, most]
                ) { row -> (Int64, Revision) in (try row[0], try row[1]) } ?? (0, 0)
            left -= 1 + Int(found) / 10
            current.commits += found
            if found == most {
                segment = (last, current.commits)
            } else {
                ends[branch].below.append((below.last ?? 0) + current.commits)
                segment = nil
            }
        }
        return true
    }

    func commits(in span: BranchSpan) -> Int64 {
        guard let place = places[span.branch] else { return 0 }
        let (_, revisions, below) = ends[place]
        guard let first = revisions.firstIndex(of: span.after), let last = revisions.firstIndex(of: span.upTo) else {
            return 0
        }
        return below[last] - below[first]
    }
}

extension StoreSnapshot {
    fileprivate func info(of tag: TagRow.Tag) throws -> TagInfo {
        TagInfo(
            name: tag.name, branch: try branches.name(tag.branch), revision: tag.revision, agent: tag.agent,
            time: tag.time, message: tag.message, created: tag.created, holdsHistory: tag.revision < floor)
    }
}

extension Timestamp {
    /// Nobody asks what has expired.
    fileprivate static let distant = Timestamp(milliseconds: .min)
}
