import MembusModel

// What was made of others: restored, marked, picked, reverted, merged, or agreed upon.

extension CleanHistory {
    func made(_ version: KeyVersion, _ origin: Origin, on own: Branch, _ depth: Int) throws -> Content {
        switch (origin.making, try reader.provenance(of: version.revision).deed) {
        case (.restored, _):
            guard let name = origin.madeOf.first else { return .known(version.content) }
            guard let restored = try reader.version(VersionName(key, at: name)),
                let branch = reader.branches.byID[restored.branch]
            else { return .unknown }
            return try content(on: branch, at: restored.revision, depth: depth + 1)
        case (.marked, _):
            // Marked was what stood there; without it the mark says nothing.
            let before = try reader.version(key, in: reader.branches.levels(of: own, at: version.revision - 1))?.content
            let clean = try content(on: own, at: version.revision - 1, depth: depth + 1)
            return try says(clean, before, on: own, at: version.revision - 1) ? .known(version.content) : clean
        case (_, .pick(let revisions)): return try pickedAgain(version, origin, revisions, on: own, depth)
        case (_, .revert(let versions, _)):
            let without = leftOut.union(versions.filter { $0.key == key })
            return try CleanHistory(reader, of: key, without: without, floor: floor, undone, policies, memos)
                .content(on: own, at: version.revision - 1, depth: depth + 1)
        case (_, .merge(let merge)): return try mergedAgain(version, origin, on: own, merge, depth)
        case (_, _): return .unknown
        }
    }

    /// The changes of the commits that are left, on what was there without what is left out.
    private func pickedAgain(
        _ version: KeyVersion, _ origin: Origin, _ revisions: [Revision], on own: Branch, _ depth: Int
    ) throws -> Content {
        func clean(_ branch: Branch, _ revision: Revision) throws -> (content: Content, isSame: Bool) {
            let was = try reader.version(key, in: reader.branches.levels(of: branch, at: revision))?.content
            let clean = try self.content(on: branch, at: revision, depth: depth + 1)
            return (clean, try says(clean, was, on: own, at: version.revision - 1))
        }
        let start = try clean(own, version.revision - 1)
        var steps: [(before: Content, after: Content)] = []
        var areSame = start.isSame
        for revision in revisions where origin.madeOf.contains(revision) {
            guard let id = try reader.branch(of: revision), let branch = reader.branches.byID[id] else {
                return .unknown
            }
            let (before, after) = (try clean(branch, revision - 1), try clean(branch, revision))
            areSame = areSame && before.isSame && after.isSame
            steps.append((before.content, after.content))
        }
        if areSame { return .known(version.content) }
        var content = start.content
        for step in steps {
            guard case .known(let ours) = content, case .known(let base) = step.before,
                case .known(let theirs) = step.after
            else { return .unknown }
            let policy = try policies.policy(for: key, ours, theirs, on: own, at: version.revision - 1, reader)
            content = merged(base: base, (ours, false), (theirs, false), by: policy, twice: 0)
        }
        return content
    }

    struct Sides {
        var source: Branch
        var ours: Record?
        var theirs: Record?
        var cleanOurs: Content
        var cleanTheirs: Content
        var oursIsSame: Bool
        var theirsIsSame: Bool
    }

    /// The two sides of a merge, as they were, and cleaned; `nil`: one of them is no longer kept.
    func sides(of merge: MergeDeed, at revision: Revision, on own: Branch, _ depth: Int) throws -> Sides? {
        guard let source = reader.branches.byName[merge.source], merge.revision >= floor else { return nil }
        let ours = try reader.version(key, in: reader.branches.levels(of: own, at: revision - 1))?.content
        let theirs = try reader.version(key, in: reader.branches.levels(of: source, at: merge.revision))?.content
        let cleanOurs = try content(on: own, at: revision - 1, depth: depth + 1)
        let cleanTheirs = try content(on: source, at: merge.revision, depth: depth + 1)
        return Sides(
            source: source, ours: ours, theirs: theirs, cleanOurs: cleanOurs, cleanTheirs: cleanTheirs,
            oursIsSame: try says(cleanOurs, ours, on: own, at: revision - 1),
            theirsIsSame: try says(cleanTheirs, theirs, on: own, at: revision - 1))
    }

    private func mergedAgain(
        _ version: KeyVersion, _ origin: Origin, on own: Branch, _ merge: MergeDeed, _ depth: Int
    ) throws -> Content {
        guard let sides = try sides(of: merge, at: version.revision, on: own, depth) else { return .unknown }
        if origin.isSettled, origin.making == .taken ? sides.theirsIsSame : sides.oursIsSame {
            return .known(version.content)
        }
        if sides.oursIsSame, sides.theirsIsSame { return .known(version.content) }
        guard case .known(let ours) = sides.cleanOurs, case .known(let theirs) = sides.cleanTheirs else {
            return .unknown
        }
        let heads = self.heads(of: merge, at: version.revision, on: own)
        let again = try mergedAgain(ours, theirs, merge, heads, at: version.revision, on: own, sides.source, depth)
        if case .known = again { return again }
        // The side that loses nothing stands.
        if sides.oursIsSame, !sides.theirsIsSame, origin.making != .combined,
            try says(base(heads, on: own, at: version.revision - 1), theirs, on: own, at: version.revision - 1)
        {
            return .known(ours)
        }
        return .unknown
    }

    /// What the sides had in common then.
    private func base(_ heads: [ShownState], on own: Branch, at revision: Revision) throws -> Content {
        guard let policies = try policies.policies(on: own, at: revision, reader) else { return .unknown }
        return try CommonBase(reader, policies, undone, floor: floor).content(of: key, heads, beyond: [])
    }

    private func mergedAgain(
        _ ours: Record?, _ theirs: Record?, _ merge: MergeDeed, _ heads: [ShownState], at revision: Revision,
        on own: Branch, _ source: Branch, _ depth: Int
    ) throws -> Content {
        guard case .known(let base) = try cleanBase(heads, on: own, at: revision - 1, depth) else {
            return try agree(ours, theirs, on: own, at: revision - 1) ? .known(ours) : .unknown
        }
        let (a, b) = (
            ShownState(own, at: revision - 1, among: reader.branches),
            ShownState(source, at: merge.revision, among: reader.branches)
        )
        let twice = try undone.onBothSides(key, [a], [b], since: heads)
            .filter { !leftOut.contains(VersionName(key, at: $0.version)) }.reduce(0) { $0 &+ $1.amount }
        var mine: Side = (ours, false)
        var other: Side = (theirs, false)
        if ours?.kind == .text, theirs?.kind == .text, !same(ours, base), !same(theirs, base), !same(ours, theirs) {
            let start = TextStart(
                common: Contained(common: a.contained, b.contained),
                versions: try base == nil ? [] : bases(heads, depth))
            mine.hasOnlyAppended = try hasOnlyAppended(a, since: start, depth)
            other.hasOnlyAppended = try hasOnlyAppended(b, since: start, depth)
        }
        return merged(
            base: base, mine, other,
            by: try policies.policy(for: key, ours, theirs, on: own, at: revision - 1, reader), twice: twice)
    }

    /// What a side was then says nothing: it may be what is left out. So what it is made of without that counts.
    private func hasOnlyAppended(_ side: ShownState, since start: TextStart, _ depth: Int) throws -> Bool {
        let parts = try madeOf(on: side.branch, at: side.revision, depth: depth + 1)
        return try reader.hasOnlyAppended(key, madeOf: parts, since: start)
    }

    private func bases(_ heads: [ShownState], _ depth: Int) throws -> Set<Revision> {
        var versions: Set<Revision> = []
        for (head, version) in try reader.newest(key, in: heads) {
            if let version { versions.insert(version.revision) }
            versions.formUnion(try madeOf(on: head.branch, at: head.revision, depth: depth + 1))
        }
        return versions
    }

    func heads(of merge: MergeDeed, at revision: Revision, on own: Branch) -> [ShownState] {
        let branches = reader.branches
        var common = Contained(own, at: revision - 1, among: branches)
        if let source = branches.byName[merge.source] {
            common = Contained(common: common, Contained(source, at: merge.revision, among: branches))
        }
        return merge.heads.compactMap { head in
            branches.byName[head.branch].map {
                ShownState($0, at: head.revision, upTo: common[$0.id], among: branches)
            }
        }
    }

    func cleanBase(
        _ heads: [ShownState], on own: Branch, at revision: Revision, _ depth: Int
    ) throws -> Content {
        var base: Content = .known(nil)
        for (index, head) in heads.enumerated() {
            guard try reader.isKept(key, in: head, floor: floor) else { return .unknown }
            let clean = try content(on: head.branch, at: head.revision, depth: depth + 1)
            guard case .known(let record) = clean else { return .unknown }
            if index == 0 {
                base = clean
            } else if try !says(base, record, on: own, at: revision) {
                return .unknown
            }
        }
        return base
    }

    // MARK: Agreements

    struct Agreement {
        var merge: MergeDeed
        var revision: Revision
        var branch: Branch
    }

    /// The newest merge on the line, after a version, that found the same content on both sides: nothing was written, and
    /// either side's is the reason for it.
    func agreement(on levels: [Level], after version: VersionPlace?) throws -> Agreement? {
        for level in levels {
            for merge in reader.branches.merges(into: level.branch).reversed() where merge.revision <= level.upTo {
                guard merge.revision >= oldest, merge.revision > version?.place.revision ?? 0 else { break }
                guard let deed = try self.merge(at: merge.revision), deed.agreed.contains(key),
                    let branch = reader.branches.byID[level.branch]
                else { continue }
                return Agreement(merge: deed, revision: merge.revision, branch: branch)
            }
            if version?.branch == level.branch { break }
        }
        return nil
    }

    private func merge(at revision: Revision) throws -> MergeDeed? {
        if let known = memo.merges[revision] { return known }
        let deed: MergeDeed? =
            if case .merge(let merge) = try reader.provenance(of: revision).deed { merge } else { nil }
        memo.merges[revision] = .some(deed)
        return deed
    }

    func agreed(_ agreement: Agreement, _ depth: Int) throws -> Content {
        // Below every version's revision, so that it is none of theirs.
        if let known = memo.contents[-agreement.revision] { return known }
        let content = try agreedAgain(agreement, depth)
        memo.contents[-agreement.revision] = content
        return content
    }

    private func agreedAgain(_ agreement: Agreement, _ depth: Int) throws -> Content {
        guard
            let sides = try sides(of: agreement.merge, at: agreement.revision, on: agreement.branch, depth)
        else { return .unknown }
        if sides.oursIsSame, sides.theirsIsSame { return .known(sides.ours) }
        guard case .known(let ours) = sides.cleanOurs, case .known(let theirs) = sides.cleanTheirs else {
            return .unknown
        }
        return try mergedAgain(
            ours, theirs, agreement.merge,
            heads(of: agreement.merge, at: agreement.revision, on: agreement.branch), at: agreement.revision,
            on: agreement.branch, sides.source, depth)
    }

}
