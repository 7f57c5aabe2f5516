import FoundationEssentials
import MembusModel

// A revert gives each key what its history gives without the versions that it leaves out (CleanHistory): one commit. Where
// the newest version is one of them, or made of one, a version is written even with equal content: whoever reads it from then
// on has not read the bad one.

extension Batch {
    /// So many versions are left out by one revert.
    private static let mostLeftOut = 100_000

    mutating func execute(_ revert: Revert, by author: Author) throws -> WriteResult {
        if let refusal = FreeText.refusal(revert.context, "context") ?? FreeText.refusal(revert.message, "message")
            ?? revert.resolutions.refusal
        {
            return .refused(refusal)
        }
        let state = writer.state
        guard let branch = state.branches.byName[revert.branch] else { return .refused(.unknownBranch(revert.branch)) }
        let leftOut: Set<VersionName>
        switch try versions(of: revert, on: branch) {
        case .success(let versions): leftOut = versions
        case .failure(let refusal): return .refused(refusal)
        }
        let reader = VersionReader(db: db, branches: state.branches, now: now)
        let undone = Undone(db: db)
        let named = Dictionary(grouping: leftOut, by: \.key)
        let resolutions = Dictionary(revert.resolutions.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        var plan = MergePlan(limits: writer.limits, inSteps: "revert fewer commits at once, the newest first")
        for key in named.keys.sorted() where !key.isRule || revert.versions.contains(where: { $0.key == key }) {
            let history = CleanHistory(
                reader, of: key, without: Set(named[key] ?? []), floor: state.floor, undone)
            guard let effect = try effect(of: history, on: branch, resolutions[key]) else { continue }
            if let refusal = plan.add(effect, of: key) { return .refused(refusal) }
        }
        if plan.conflictCount > 0 { return unsettled(plan) }
        if plan.writings.isEmpty { return .outcome(.held(state.head)) }
        return .outcome(
            .committed(
                try write(
                    plan.writings, .revert(leftOut.sorted()), on: branch, by: author, context: revert.context,
                    message: revert.message.isEmpty ? "revert" : revert.message)))
    }

    private func effect(
        of history: CleanHistory, on branch: Branch, _ resolution: Resolution?
    ) throws -> MergePlanner.Effect? {
        let head = writer.state.head.revision
        let reader = history.reader
        let present = try reader.version(history.key, in: reader.branches.levels(of: branch, at: head))
        guard case .known(let clean) = try history.content(on: branch, at: head) else {
            return try decided(history.key, present, resolution, reader)
        }
        // What has expired does not return.
        let content = clean.flatMap { $0.isOver(by: now) ? nil : $0 }
        let isTouched =
            try present.map {
                try history.isLeftOut($0)
                    || history.isMadeOfLeftOut(
                        LogCursor(revision: $0.revision, ordinal: $0.record.ordinal))
            } ?? false
        if same(content, present?.present), !isTouched { return nil }
        return .written(
            MergePlanner.Writing(
                key: history.key, content: content.map { MergedContent($0) }, making: .undone,
                madeOf: try history.madeOf(on: branch, at: head), isSettled: false))
    }

    /// A key whose clean content nobody can tell.
    private func decided(
        _ key: Key, _ present: KeyVersion?, _ resolution: Resolution?, _ reader: VersionReader
    ) throws -> MergePlanner.Effect? {
        let content: MergedContent?
        switch resolution?.ours == present?.revision ?? 0 ? resolution?.choice : nil {
        case .ours: return nil
        case .put(let put): content = MergedContent(put, at: now)
        case .delete: content = nil
        case .theirs, .base, nil:
            let ours = try present.map { MergeVersion($0.record, by: try reader.commit($0.revision)) }
            return .conflict(MergeConflict(key: key, kind: .noBase, ours: ours))
        }
        return .written(
            MergePlanner.Writing(key: key, content: content, making: .undone, madeOf: [], isSettled: true))
    }

    // MARK: What is meant

    private func versions(of revert: Revert, on branch: Branch) throws -> Result<Set<VersionName>, Refusal> {
        var versions: Set<VersionName> = []
        for name in revert.versions {
            if let refusal = try refusal(of: name.revision) { return .failure(refusal) }
            let there = try db.integer(
                "SELECT 1 FROM changes WHERE position >= ? AND position <= ? AND key = ?",
                [
                    LogCursor(revision: name.revision, ordinal: 0).position, LogCursor.end(of: name.revision).position,
                    name.key.text,
                ])
            guard there == 1 else {
                return .failure(
                    Refusal(
                        .invalidArgument, "revision \(name.revision) did not write key \"\(name.key)\"",
                        hint: "see the key's history", subject: name.key.text))
            }
            versions.insert(name)
        }
        var revisions = Set(revert.revisions)
        for revision in revert.revisions.sorted() {
            if let refusal = try refusal(of: revision) { return .failure(refusal) }
        }
        if let author = revert.author {
            if let refusal = Refusal.outside(
                author.since, floor: writer.state.floor, head: writer.state.head.revision)
            {
                return .failure(refusal)
            }
            revisions.formUnion(try commits(of: author, on: branch))
        }
        for revision in revisions.sorted() {
            let changes = try db.rows(
                "SELECT key FROM changes WHERE position >= ? AND position <= ?",
                [LogCursor(revision: revision, ordinal: 0).position, LogCursor.end(of: revision).position])
            while let row = try changes.next() {
                versions.insert(VersionName(Key(unchecked: try row[0]), at: revision))
            }
            if versions.count > Self.mostLeftOut {
                return .failure(
                    Refusal(
                        .limitExceeded, "more than \(Self.mostLeftOut) versions are to be reverted",
                        hint: "revert fewer commits at once, the newest first", subject: "revert"))
            }
        }
        return .success(versions)
    }

    /// What was before a version must be kept, too.
    private func refusal(of revision: Revision) throws -> Refusal? {
        let (floor, head) = (writer.state.floor, writer.state.head.revision)
        if revision <= floor, floor > 0 || revision == 0 {
            return Refusal(
                .belowFloor, "what was there before revision \(revision) is no longer kept: the floor is \(floor)",
                subject: "\(revision)")
        }
        return Refusal.outside(revision, floor: floor, head: head)
    }

    private func commits(of author: Authorship, on branch: Branch) throws -> [Revision] {
        var revisions: [Revision] = []
        for level in writer.state.branches.levels(of: branch, at: writer.state.head.revision) {
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
