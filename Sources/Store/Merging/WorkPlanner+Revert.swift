import FoundationEssentials
import MembusModel

// A revert gives each key what its history gives without the versions that it leaves out (CleanHistory): one commit. Where
// the newest version is one of them, or made of one, a version is written even with equal content: whoever reads it from then
// on has not read the bad one. A cascade leaves out all that derives from what is named, too.

extension WorkPlanner {
    private var named: NamedVersions {
        NamedVersions(
            db: db, branches: branches, floor: floor, head: head, walk: walk, mostLookedAt: mostLookedAt)
    }

    /// Whatever an author writes on the branch counts.
    private func touches(_ naming: some NamingVersions, _ keys: some Sequence<Key>) -> PlanTouches {
        naming.author.map { _ in .any } ?? .keys(Set(keys))
    }

    func plan(_ revert: Revert) throws -> Planning {
        let branch = try branches.present(revert.branch)
        let leftOut: Set<VersionName>
        switch try named.versions(of: revert, on: branch, isRevert: true) {
        case .success(let versions): leftOut = versions
        case .failure(let refusal): return .refused(refusal)
        }
        let reader = reader
        let undone = Undone(db: db)
        let named = Dictionary(grouping: leftOut, by: \.key)
        let resolutions = Dictionary(revert.resolutions.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        var plan = MergePlan(limits: limits, inSteps: "revert fewer commits at once, the newest first")
        let isNamed = { (key: Key) in revert.versions.contains { $0.key == key } }
        for key in named.keys.sorted() where isNamed(key) || !key.isRule {
            // What somebody has settled stays so, whatever he had read.
            if revert.cascade != nil, key.isParkedConflict, !isNamed(key) { continue }
            let history = CleanHistory(reader, of: key, without: Set(named[key] ?? []), floor: floor, undone, past)
            guard let effect = try effect(of: history, without: leftOut, on: branch, resolutions[key]) else { continue }
            if let refusal = plan.add(effect, of: key) { return .refused(refusal) }
        }
        return .planned(
            PlannedWork(
                plan: plan, deed: .revert(leftOut.sorted(), cascades: revert.cascade != nil), branch: branch,
                context: revert.context, message: revert.message.isEmpty ? "revert" : revert.message,
                touches: touches(revert, named.keys)))
    }

    private func effect(
        of history: CleanHistory, without leftOut: Set<VersionName>, on branch: Branch, _ resolution: Resolution?
    ) throws -> MergePlanner.Effect? {
        let reader = history.reader
        let present = try reader.version(history.key, in: branches.levels(of: branch, at: head.revision))
        guard case .known(let clean) = try history.content(on: branch, at: head.revision) else {
            // A revert that left out the same has had somebody decide.
            if let present, let origin = try reader.origin(of: present.record), origin.isSettled,
                case .revert(let before, _) = try reader.provenance(of: present.revision).deed,
                leftOut.isSubset(of: before)
            {
                return nil
            }
            return try decided(history.key, present, resolution, reader)
        }
        // What has expired does not return.
        let content = clean.flatMap { $0.isOver(by: now) ? nil : $0 }
        let isTouched = try present.map { try history.isTouched($0) } ?? false
        if !isTouched, try history.agree(content, present?.present, on: branch, at: head.revision) { return nil }
        return .written(
            MergePlanner.Writing(
                key: history.key, present: present?.revision ?? 0, content: content.map { MergedContent($0) },
                making: .undone, madeOf: try history.madeOf(on: branch, at: head.revision), isSettled: false))
    }

    /// A key whose clean content nobody can tell.
    private func decided(
        _ key: Key, _ present: KeyVersion?, _ resolution: Resolution?, _ reader: VersionReader
    ) throws -> MergePlanner.Effect? {
        let content: MergedContent?
        switch resolution?.ours == present?.revision ?? 0 ? resolution?.choice : nil {
        case .ours: return nil
        case .put(let put): content = MergedContent(put, at: now)
        case .delete:
            if present?.present == nil { return nil }
            content = nil
        case .theirs, .base, nil:
            let ours = try present.map { MergeVersion($0.record, by: try reader.commit($0.revision)) }
            return .conflict(MergeConflict(key: key, kind: .noBase, ours: ours))
        }
        return .written(
            MergePlanner.Writing(
                key: key, present: present?.revision ?? 0, content: content, making: .undone, madeOf: [],
                isSettled: true))
    }

    // MARK: Quarantine

    /// What the branch shows of what is named, or of what was made of it, is written again with a mark.
    func plan(_ quarantine: Quarantine) throws -> Planning {
        let branch = try branches.present(quarantine.branch)
        let bad: Set<VersionName>
        switch try named.versions(of: quarantine, on: branch, isRevert: false) {
        case .success(let versions): bad = versions
        case .failure(let refusal): return .refused(refusal)
        }
        let reader = reader
        let undone = Undone(db: db)
        let levels = branches.levels(of: branch, at: head.revision)
        let named = Dictionary(grouping: bad, by: \.key)
        var plan = MergePlan(limits: limits, inSteps: "quarantine fewer commits at once")
        for key in named.keys.sorted() {
            guard let present = try reader.version(key, in: levels), let record = present.present,
                record.attributes[Quarantine.attribute] == nil,
                try CleanHistory(reader, of: key, without: Set(named[key] ?? []), floor: floor, undone, past)
                    .isTouched(present)
            else { continue }
            var content = MergedContent(record)
            content.attributes[Quarantine.attribute] = quarantine.reason
            let writing = MergePlanner.Writing(
                key: key, present: present.revision, content: content, making: .marked, madeOf: [present.revision],
                isSettled: false)
            if let refusal = plan.add(writing) { return .refused(refusal) }
        }
        return .planned(
            PlannedWork(
                plan: plan, deed: .quarantine(bad.sorted()), branch: branch, context: quarantine.context,
                message: quarantine.message.isEmpty ? "quarantine: \(quarantine.reason)" : quarantine.message,
                touches: touches(quarantine, named.keys)))
    }
}

extension CleanHistory {
    /// Whether a version is left out, or something that is left out is in it.
    func isTouched(_ version: KeyVersion) throws -> Bool {
        try isLeftOut(version)
            || isMadeOfLeftOut(LogCursor(revision: version.revision, ordinal: version.record.ordinal))
    }
}
