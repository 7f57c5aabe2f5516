import MembusModel

// Which versions the clean content of a key is made of.

extension CleanHistory {
    /// The versions that remain of it: of what they were made, so is what comes of them.
    func madeOf(on branch: Branch, at revision: Revision) throws -> [Revision] {
        try madeOf(on: branch, at: revision, depth: 0).sorted()
    }

    func madeOf(on branch: Branch, at revision: Revision, depth: Int) throws -> [Revision] {
        if depth > Self.deepest { return [] }
        let head = BranchHead(branch.name, at: revision)
        if let known = memo.parts[head] { return known }
        let parts = Array(Set(try findParts(on: branch, at: revision, depth: depth)))
        memo.parts[head] = parts
        return parts
    }

    private func findParts(on branch: Branch, at revision: Revision, depth: Int) throws -> [Revision] {
        var (branch, revision) = (branch, revision)
        // What was made of one version alone, and has something in it that is left out, has it by that one.
        var isKnownToHaveIt = false
        while true {
            let levels = reader.branches.levels(of: branch, at: revision)
            let version = try place(on: branch, at: revision, levels)
            if let agreed = try agreement(on: levels, after: version),
                let made = try madeOf(
                    agreed.merge, at: agreed.revision, on: agreed.branch, choice: nil, ifOther: true, depth)
            {
                return made
            }
            guard let version, let own = reader.branches.byID[version.branch] else { return [] }
            let name = VersionName(key, at: version.place.revision)
            if leftOut.contains(name) {
                (branch, revision, isKnownToHaveIt) = (own, name.revision - 1, false)
                continue
            }
            guard let origin = try reader.origin(at: version.place) else { return [name.revision] }
            let isUndone = origin.making == .undone
            // Nothing of what is left out can be in it, or have made way for it.
            if name.revision < oldest { return isUndone ? origin.madeOf : [name.revision] }
            // What an undo came down to is found out again: it may have been another revert that made it nothing.
            if try !isUndone && !isKnownToHaveIt && !isMadeOfLeftOut(version.place)
                && !comesToSomethingElse(on: own, at: name.revision, depth)
            {
                return [name.revision]
            }
            switch (origin.making, try reader.provenance(of: name.revision).deed) {
            case (.incremented, _), (.appended, _), (.patched, _), (.marked, _):
                (branch, revision, isKnownToHaveIt) = (own, name.revision - 1, true)
            case (.restored, _):
                guard let older = try origin.madeOf.first.flatMap({ try reader.place(of: VersionName(key, at: $0)) }),
                    let line = reader.branches.byID[older.branch]
                else { return [] }
                return try madeOf(on: line, at: older.place.revision, depth: depth + 1)
            case (_, .revert(let versions, _)):
                let without = leftOut.union(versions.filter { $0.key == key })
                return try CleanHistory(reader, of: key, without: without, floor: floor, undone, policies, memos)
                    .madeOf(on: own, at: name.revision - 1, depth: depth + 1)
            case (_, .merge(let merge)):
                let choice = origin.isSettled ? origin.making : nil
                return try madeOf(merge, at: name.revision, on: own, choice: choice, ifOther: false, depth)
                    ?? remaining(of: origin)
            case (_, _):
                // What was picked, onto what was there.
                return try remaining(of: origin) + madeOf(on: own, at: name.revision - 1, depth: depth + 1)
            }
        }
    }

    /// Whether a version says something else without what is left out. So may one that is not made of any of it: what follows
    /// a deletion names nothing of what was deleted.
    private func comesToSomethingElse(on own: Branch, at revision: Revision, _ depth: Int) throws -> Bool {
        guard case .known(let clean) = try content(on: own, at: revision, depth: depth + 1) else { return false }
        let was = try reader.version(key, in: reader.branches.levels(of: own, at: revision))?.content
        return try !agree(clean, was, on: own, at: revision)
    }

    /// Those of the versions that it was made of which have nothing in them that is left out.
    private func remaining(of origin: Origin) throws -> [Revision] {
        try origin.madeOf.filter { revision in
            let name = VersionName(key, at: revision)
            guard let older = try reader.place(of: name) else { return false }
            return try !leftOut.contains(name) && !isMadeOfLeftOut(older.place)
        }
    }

    /// What a merge's two sides, cleaned, were made of: of both, or of the one that differs from what they had in common.
    /// - Parameters:
    ///   - choice: which side somebody decided for.
    ///   - ifOther: only if one of the sides is not as it was.
    /// - Returns: `nil`: it is not known, or not asked for.
    func madeOf(
        _ merge: MergeDeed, at revision: Revision, on own: Branch, choice: Origin.Making?, ifOther: Bool, _ depth: Int
    ) throws -> [Revision]? {
        guard let sides = try sides(of: merge, at: revision, on: own, depth) else { return nil }
        if ifOther, sides.oursIsSame, sides.theirsIsSame { return nil }
        func ours() throws -> [Revision] { try madeOf(on: own, at: revision - 1, depth: depth + 1) }
        func theirs() throws -> [Revision] { try madeOf(on: sides.source, at: merge.revision, depth: depth + 1) }
        if choice == .taken, sides.theirsIsSame { return try theirs() }
        if choice == .kept, sides.oursIsSame { return try ours() }
        guard case .known(let mine) = sides.cleanOurs, case .known(let other) = sides.cleanTheirs else {
            return try ours() + theirs()
        }
        let base = try cleanBase(heads(of: merge, at: revision, on: own), on: own, at: revision - 1, depth)
        if try says(base, other, on: own, at: revision - 1) { return try ours() }
        if try says(base, mine, on: own, at: revision - 1) { return try theirs() }
        return try ours() + theirs()
    }

    /// Whether something that is left out is in it, directly or through others.
    func isMadeOfLeftOut(_ version: LogCursor) throws -> Bool {
        var left = [version]
        var seen: Set<Revision> = []
        while let place = left.popLast() {
            guard place.revision >= oldest, let origin = try reader.origin(at: place) else { continue }
            for revision in origin.madeOf where revision >= oldest && seen.insert(revision).inserted {
                let name = VersionName(key, at: revision)
                if leftOut.contains(name) { return true }
                if let older = try reader.place(of: name) { left.append(older.place) }
            }
        }
        return false
    }
}
