import MembusModel

/// Finds the versions that a revert or a quarantine speaks of.
struct NamedVersions {
    let db: Database
    let branches: BranchTable
    let floor: Revision
    let head: Position
    let walk: ImpactWalk
    /// So many commits, notes and versions are looked at to find what derives from them.
    let mostLookedAt: Int

    /// So many versions are named by one commit.
    private static let most = 100_000

    /// - Parameter isRevert: what was before them must be kept, too.
    func versions(
        of naming: some NamingVersions, on branch: Branch, isRevert: Bool
    ) throws -> Result<Set<VersionName>, Refusal> {
        var versions: Set<VersionName> = []
        for name in naming.versions {
            if let refusal = refusal(of: name.revision, isRevert) { return .failure(refusal) }
            guard try isThere(name) else { return .failure(.didNotWrite(name)) }
            versions.insert(name)
        }
        var revisions = Set(naming.revisions)
        for revision in naming.revisions.sorted() {
            if let refusal = refusal(of: revision, isRevert) { return .failure(refusal) }
        }
        if let author = naming.author {
            if let refusal = Refusal.outside(author.since, floor: floor, head: head.revision) {
                return .failure(refusal)
            }
            revisions.formUnion(try commits(of: author, on: branch))
        }
        if let cascade = naming.cascade {
            return try derived(from: versions, revisions: revisions, cascade)
        }
        for revision in revisions.sorted() {
            let changes = try db.rows(
                "SELECT key FROM changes WHERE position >= ? AND position <= ?",
                [LogCursor(revision: revision, ordinal: 0).position, LogCursor.end(of: revision).position])
            while let row = try changes.next() {
                versions.insert(VersionName(Key(unchecked: try row[0]), at: revision))
            }
            if versions.count > Self.most { return .failure(Self.tooMany) }
        }
        return .success(versions)
    }

    private func derived(
        from versions: Set<VersionName>, revisions: Set<Revision>, _ cascade: Cascade
    ) throws -> Result<Set<VersionName>, Refusal> {
        if versions.isEmpty, revisions.isEmpty { return .success([]) }
        let request = GetImpact(
            versions: versions.sorted(), revisions: revisions.sorted(), excluded: cascade.excluded,
            ownOnly: cascade.ownOnly)
        let state = StoreSnapshot(db: db, branches: branches, floor: floor, visible: head.revision)
        guard let written = try walk.written(request, in: state, looking: mostLookedAt) else {
            return .failure(
                Refusal(
                    .limitExceeded, "what derives from it is among more than \(mostLookedAt) commits and reads",
                    hint: "look with membus impact, then name the commits that it shows", subject: "cascade"))
        }
        // What is only made of it is made again.
        return written.count > Self.most ? .failure(Self.tooMany) : .success(written)
    }

    private static var tooMany: Refusal {
        Refusal(
            .limitExceeded, "more than \(most) versions are named",
            hint: "name fewer commits at once, the newest first", subject: "versions")
    }

    private func isThere(_ name: VersionName) throws -> Bool {
        try db.integer(
            "SELECT 1 FROM changes WHERE position >= ? AND position <= ? AND key = ?",
            [
                LogCursor(revision: name.revision, ordinal: 0).position, LogCursor.end(of: name.revision).position,
                name.key.text,
            ]) == 1
    }

    private func refusal(of revision: Revision, _ isRevert: Bool) -> Refusal? {
        if isRevert, revision <= floor, floor > 0 || revision == 0 {
            return Refusal(
                .belowFloor, "what was there before revision \(revision) is no longer kept: the floor is \(floor)",
                subject: "\(revision)")
        }
        return Refusal.outside(revision, floor: floor, head: head.revision)
    }

    private func commits(of author: Authorship, on branch: Branch) throws -> [Revision] {
        var revisions: [Revision] = []
        for level in branches.levels(of: branch, at: head.revision) {
            let cursor = try db.rows(
                """
                SELECT revision FROM commits WHERE branch = ?1 AND revision > ?2 AND revision <= ?3
                AND (?4 IS NULL OR agent = ?4) AND (?5 IS NULL OR context = ?5) AND session IS NOT NULL
                """, [level.branch, author.since, level.upTo, author.agent, author.context])
            while let row = try cursor.next() { revisions.append(try row[0]) }
        }
        return revisions
    }
}

extension Refusal {
    static func didNotWrite(_ name: VersionName) -> Refusal {
        Refusal(
            .invalidArgument, "revision \(name.revision) did not write key \"\(name.key)\"",
            hint: "see the key's history", subject: name.key.text)
    }
}
