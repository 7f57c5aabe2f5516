import MembusModel

/// One history: the sequence of commits recovered from a store, and the state after each of them.
package struct Truth: Sendable {
    package let lineage: Lineage
    /// The commit of revision R stands at R - 1.
    package private(set) var commits: [Commit] = []
    package private(set) var branches: [BranchName: BranchInfo] = [:]
    /// Of each key on each branch, in the order of history, deletions included.
    private var versions: [BranchName: [Key: [Record]]] = [:]
    /// What came with them. It stays with the broker, so that the versions here are as everybody else sees them.
    private var sent: [Place: Vectors] = [:]

    private struct Place: Hashable {
        var revision: Revision
        var ordinal: UInt32
        init(of record: Record) { (revision, ordinal) = (record.revision, record.ordinal) }
    }

    package init(lineage: Lineage, branches: [BranchInfo] = []) {
        self.lineage = lineage
        know(branches)
    }

    package var head: Position { commits.last?.info.position ?? .origin }

    package mutating func know(_ list: [BranchInfo]) {
        for branch in list { branches[branch.name] = branch }
    }

    /// - Returns: false if it is not the next one.
    package mutating func append(_ commit: Commit) -> Bool {
        guard commit.info.revision == head.revision + 1 else { return false }
        var commit = commit
        for (index, record) in commit.records.enumerated() where !record.vectors.isEmpty {
            sent[Place(of: record)] = record.vectors
            commit.records[index] = record.withoutVectors
        }
        commits.append(commit)
        for record in commit.records {
            versions[commit.info.branch, default: [:]][record.key, default: []].append(record)
        }
        return true
    }

    /// The same history up to a revision, under another name.
    package func prefix(_ revision: Revision, as lineage: Lineage) -> Truth {
        var prefix = Truth(lineage: lineage, branches: branches.values.filter { $0.created <= revision })
        for commit in commits.prefix(Int(revision)) { _ = prefix.append(commit) }
        prefix.sent = sent.filter { $0.key.revision <= revision }
        return prefix
    }

    package func commit(_ revision: Revision) -> Commit? {
        revision >= 1 && revision <= Int64(commits.count) ? commits[Int(revision) - 1] : nil
    }

    package func holds(_ position: Position) -> Bool {
        position.revision == 0 ? position == .origin : commit(position.revision)?.info.hash == position.hash
    }

    /// Whether it is the one, or beyond what was harvested of a history that goes on.
    package func mayHold(_ position: Position) -> Bool { position.revision > head.revision || holds(position) }

    /// What a version came with.
    package func vectors(of record: Record) -> Vectors { sent[Place(of: record)] ?? .none }

    // MARK: States

    /// The newest version at a revision, deletions included.
    package func newest(_ key: Key, on branch: BranchName, at revision: Revision) -> Record? {
        if let found = versions[branch]?[key]?.newest(at: revision) { return found }
        guard let info = branches[branch], let parent = info.parent else { return nil }
        return newest(key, on: parent, at: min(revision, info.forkRevision))
    }

    package func record(_ key: Key, on branch: BranchName, at revision: Revision) -> Record? {
        newest(key, on: branch, at: revision).flatMap { $0.isDeleted ? nil : $0 }
    }

    /// All records that the filter matches, in the order of their keys.
    package func state(of branch: BranchName, _ filter: TopicFilter, at revision: Revision) -> [Record] {
        keys(of: branch).filter(filter.matches).sorted().compactMap { record($0, on: branch, at: revision) }
    }

    private func keys(of branch: BranchName) -> Set<Key> {
        let own = Set(versions[branch].map { Array($0.keys) } ?? [])
        return branches[branch]?.parent.map { own.union(keys(of: $0)) } ?? own
    }

    /// What a stream says of (after, upTo], in order.
    package func changes(on branch: BranchName, _ filter: TopicFilter, after: Revision, upTo: Revision) -> [Record] {
        guard after < upTo else { return [] }
        return commits[max(0, Int(after))..<min(commits.count, Int(upTo))].filter { $0.info.branch == branch }
            .flatMap { $0.records.filter { filter.matches($0.key) } }
    }

    /// A version on the branch of a key of the topic that came after the revision.
    package func changed(_ topic: Topic, on branch: BranchName, since: Revision, at revision: Revision) -> [Record] {
        let filter = TopicFilter([topic])
        var found = changes(on: branch, filter, after: since, upTo: revision)
        if let info = branches[branch], let parent = info.parent, since < info.forkRevision {
            found += changed(topic, on: parent, since: since, at: min(revision, info.forkRevision))
        }
        return found
    }
}

extension [Record] {
    /// The last one up to a revision, of versions in the order of history.
    fileprivate func newest(at revision: Revision) -> Record? {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if self[middle].revision <= revision { low = middle + 1 } else { high = middle }
        }
        return low > 0 ? self[low - 1] : nil
    }
}

extension Record {
    fileprivate var withoutVectors: Record {
        Record(
            key: key, revision: revision, ordinal: ordinal, isDeleted: isDeleted, kind: kind, content: content,
            attributes: attributes, links: links, owner: owner, expires: expires)
    }

    /// Whether this is the version that the truth has, with its value or announced.
    func tells(_ truth: Record) -> Bool {
        self == truth || (value == nil && self == truth.announced)
    }
}
