import FoundationEssentials
import MembusModel

// What a key's history gives without some versions. From the newest version back:
//
//   a version to be left out     as if it had never been written: on with the one before
//   put, deleted, expired        that is it: whole writes stand for themselves
//   incremented, appended,       what was before, cleaned, with the same increment, piece or change made again; a change that
//   patched                      can't be made on it is a conflict
//   made by a merge              as it is if both sides are as they were; else merged again. What somebody decided stands, if
//                                the side that was chosen is as it was
//   restored by a rollback       the restored version's own clean content
//   undone by a revert           what it is without that revert's versions, too
//
// Versions older than the oldest that is left out are as they are: nothing of it can be in them.

struct CleanHistory {
    typealias Content = CommonBase.Content

    let reader: VersionReader
    let key: Key
    /// Below it not everything is kept.
    let floor: Revision
    private let leftOut: Set<VersionName>
    private let oldest: Revision
    private let undone: Undone
    private let policies: PastPolicies
    private let memo: Memo
    private let memos: Memos

    /// What was found out of one key without these versions.
    private final class Memo {
        var contents: [Revision: Content] = [:]
        var merges: [Revision: MergeDeed?] = [:]
        /// What it is made of is asked for after what it is.
        var places: [BranchHead: VersionPlace?] = [:]
        var parts: [BranchHead: [Revision]] = [:]
    }

    /// Of one key: reverts of reverts ask for the same again and again.
    private final class Memos {
        private var all: [Set<VersionName>: Memo] = [:]

        subscript(leftOut: Set<VersionName>) -> Memo {
            if let known = all[leftOut] { return known }
            let memo = Memo()
            all[leftOut] = memo
            return memo
        }
    }

    init(
        _ reader: VersionReader, of key: Key, without leftOut: Set<VersionName>, floor: Revision, _ undone: Undone,
        _ policies: PastPolicies
    ) {
        self.init(reader, of: key, without: leftOut, floor: floor, undone, policies, Memos())
    }

    private init(
        _ reader: VersionReader, of key: Key, without leftOut: Set<VersionName>, floor: Revision, _ undone: Undone,
        _ policies: PastPolicies, _ memos: Memos
    ) {
        self.reader = reader
        self.key = key
        self.leftOut = leftOut
        self.floor = floor
        self.undone = undone
        self.policies = policies
        oldest = leftOut.lazy.map(\.revision).min() ?? .max
        self.memos = memos
        memo = memos[leftOut]
    }

    func isLeftOut(_ version: KeyVersion) -> Bool { leftOut.contains(VersionName(key, at: version.revision)) }

    /// Deeper than this nobody can tell: merges of merges of merges.
    private static let deepest = 200
    /// Versions of one line that are made again.
    private static let mostMadeAgain = 20_000

    func content(on branch: Branch, at revision: Revision) throws -> Content {
        try content(on: branch, at: revision, depth: 0)
    }

    /// Without values: a thousand appends to a large text would take gigabytes.
    private struct MadeAgain {
        var place: LogCursor
        var branch: Branch
        var origin: Origin
    }

    private func content(on branch: Branch, at revision: Revision, depth: Int) throws -> Content {
        if depth > Self.deepest { return .unknown }
        var again: [MadeAgain] = []
        var (branch, revision) = (branch, revision)
        while true {
            let levels = reader.branches.levels(of: branch, at: revision)
            let version = try place(on: branch, at: revision, levels)
            if let agreed = try agreement(on: levels, after: version) {
                return try make(again, on: try self.agreed(agreed, depth))
            }
            // What an older revert left out, below the floor: what was beneath it is no longer kept.
            if oldest <= floor, version?.place.revision ?? 0 <= floor { return .unknown }
            guard let version, let own = reader.branches.byID[version.branch] else {
                return try make(again, on: .known(nil))
            }
            let place = version.place
            if place.revision >= oldest, leftOut.contains(VersionName(key, at: place.revision)) {
                (branch, revision) = (own, place.revision - 1)
                continue
            }
            guard place.revision >= oldest, let origin = try reader.origin(at: place) else {
                return try make(again, on: .known(try reader.version(key, in: levels)?.content))
            }
            switch origin.making {
            case .incremented, .appended, .patched:
                guard again.count < Self.mostMadeAgain else { return .unknown }
                again.append(MadeAgain(place: place, branch: own, origin: origin))
                (branch, revision) = (own, place.revision - 1)
            case .taken, .combined, .kept, .restored, .undone, .marked, .picked:
                if let known = memo.contents[place.revision] { return try make(again, on: known) }
                guard let version = try reader.version(key, in: levels) else { return .unknown }
                let made = try made(version, origin, on: own, depth)
                memo.contents[place.revision] = made
                return try make(again, on: made)
            }
        }
    }

    private func place(on branch: Branch, at revision: Revision, _ levels: [Level]) throws -> VersionPlace? {
        let head = BranchHead(branch.name, at: revision)
        if let known = memo.places[head] { return known }
        let found = try reader.place(key, in: levels)
        memo.places[head] = .some(found)
        return found
    }

    // MARK: Changes made again

    private func make(_ again: [MadeAgain], on start: Content) throws -> Content {
        var content = start
        for change in again.reversed() {
            guard case .known(let present) = content else { return .unknown }
            content = try make(change, on: present)
        }
        return content
    }

    private func make(_ change: MadeAgain, on present: Record?) throws -> Content {
        let amount = change.origin.amount
        switch (change.origin.making, present) {
        case (.incremented, let present?):
            guard let count = present.count else { return .unknown }
            let (sum, overflow) = count.addingReportingOverflow(amount)
            return overflow ? .unknown : .known(present.with(Data(String(sum).utf8), as: present))
        case (.appended, let present?):
            // A long text is not put together for the piece at its end.
            guard present.kind == .text, let piece = try reader.end(of: change.place, bytes: Int(amount)) else {
                return .unknown
            }
            var text = present.value ?? Data()
            text.append(piece)
            return .known(present.with(text, as: present))
        case (_, _): return try makeWhole(change, on: present)
        }
    }

    private func makeWhole(_ change: MadeAgain, on present: Record?) throws -> Content {
        let levels = reader.branches.levels(of: change.branch, at: change.place.revision)
        guard let made = try reader.version(key, in: levels)?.content else { return .known(nil) }
        let amount = change.origin.amount
        switch change.origin.making {
        case .incremented: return .known(made.with(Data(String(amount).utf8), as: nil))
        case .appended:
            guard let value = made.value, amount <= value.count else { return .unknown }
            return .known(made.with(Data(value.suffix(Int(amount))), as: nil))
        case .patched, .taken, .combined, .kept, .restored, .undone, .marked, .picked:
            if let present, present.kind != made.kind { return .unknown }
            let before = try reader.version(
                key, in: reader.branches.levels(of: change.branch, at: change.place.revision - 1))?.content
            return merged(base: before, (present, false), (made, false), by: nil, twice: 0)
        }
    }

    private typealias Side = (record: Record?, hasOnlyAppended: Bool)

    private func merged(
        base: Record?, _ ours: Side, _ theirs: Side, by policy: MergePolicy?, twice: Int64
    ) -> Content {
        let sides = (
            MergeSide(record: ours.record, revision: 0, hasOnlyAppended: ours.hasOnlyAppended),
            MergeSide(record: theirs.record, revision: 0, hasOnlyAppended: theirs.hasOnlyAppended)
        )
        let merged: Record?
        switch ThreeWay.merge(base: base, ours: sides.0, theirs: sides.1, by: policy) {
        case .ours: merged = ours.record
        case .theirs: merged = theirs.record
        case .combined(let content): merged = content.record(of: key)
        case .conflict, .settled: return .unknown
        }
        guard twice != 0, let merged, ours.record != nil, theirs.record != nil, let count = merged.count else {
            return .known(merged)
        }
        let (sum, overflow) = count.addingReportingOverflow(twice)
        return overflow ? .unknown : .known(merged.with(Data(String(sum).utf8), as: merged))
    }

    // MARK: What was made of others

    private func made(_ version: KeyVersion, _ origin: Origin, on own: Branch, _ depth: Int) throws -> Content {
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

    private struct Sides {
        var source: Branch
        var ours: Record?
        var theirs: Record?
        var cleanOurs: Content
        var cleanTheirs: Content
        var oursIsSame: Bool
        var theirsIsSame: Bool
    }

    /// The two sides of a merge, as they were, and cleaned; `nil`: one of them is no longer kept.
    private func sides(of merge: MergeDeed, at revision: Revision, on own: Branch, _ depth: Int) throws -> Sides? {
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

    private func heads(of merge: MergeDeed, at revision: Revision, on own: Branch) -> [ShownState] {
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

    private func cleanBase(
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

    private struct Agreement {
        var merge: MergeDeed
        var revision: Revision
        var branch: Branch
    }

    /// The newest merge on the line, after a version, that found the same content on both sides: nothing was written, and
    /// either side's is the reason for it.
    private func agreement(on levels: [Level], after version: VersionPlace?) throws -> Agreement? {
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

    private func agreed(_ agreement: Agreement, _ depth: Int) throws -> Content {
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

    // MARK: In other words

    /// Whether two records say the same by the policy that a branch had then: elements of a set, say, have no order.
    func agree(_ a: Record?, _ b: Record?, on branch: Branch, at revision: Revision) throws -> Bool {
        if same(a, b) { return true }
        guard let a, let b, a.kind == b.kind else { return false }
        return ThreeWay.agree(
            a, b, by: try policies.policy(for: key, a, b, on: branch, at: revision, reader))
    }

    private func says(
        _ content: Content, _ record: Record?, on branch: Branch, at revision: Revision
    ) throws -> Bool {
        guard case .known(let known) = content else { return false }
        return try agree(known, record, on: branch, at: revision)
    }

    // MARK: What the clean content is made of

    /// The versions that remain of it: of what they were made, so is what comes of them.
    func madeOf(on branch: Branch, at revision: Revision) throws -> [Revision] {
        try madeOf(on: branch, at: revision, depth: 0).sorted()
    }

    private func madeOf(on branch: Branch, at revision: Revision, depth: Int) throws -> [Revision] {
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
    private func madeOf(
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

extension Record {
    /// With another value; all else as the present one has it, if there is one.
    fileprivate func with(_ value: Data, as present: Record?) -> Record {
        let rest = present ?? self
        return Record(
            key: key, revision: 0, kind: kind, content: .inline(value),
            // A mark is of what is left out.
            attributes: present == nil ? rest.attributes.withoutReserved : rest.attributes,
            links: rest.links, owner: rest.owner, expires: rest.expires,
            vectors: value == self.value ? vectors : .none)
    }
}
