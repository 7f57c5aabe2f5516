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
    let leftOut: Set<VersionName>
    let oldest: Revision
    let undone: Undone
    let policies: PastPolicies
    let memo: Memo
    let memos: Memos

    /// What was found out of one key without these versions.
    final class Memo {
        var contents: [Revision: Content] = [:]
        var merges: [Revision: MergeDeed?] = [:]
        /// What it is made of is asked for after what it is.
        var places: [BranchHead: VersionPlace?] = [:]
        var parts: [BranchHead: [Revision]] = [:]
    }

    /// Of one key: reverts of reverts ask for the same again and again.
    final class Memos {
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

    init(
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
    static let deepest = 200
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

    func content(on branch: Branch, at revision: Revision, depth: Int) throws -> Content {
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

    func place(on branch: Branch, at revision: Revision, _ levels: [Level]) throws -> VersionPlace? {
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

    typealias Side = (record: Record?, hasOnlyAppended: Bool)

    func merged(
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

    // MARK: In other words

    /// Whether two records say the same by the policy that a branch had then: elements of a set, say, have no order.
    func agree(_ a: Record?, _ b: Record?, on branch: Branch, at revision: Revision) throws -> Bool {
        if same(a, b) { return true }
        guard let a, let b, a.kind == b.kind else { return false }
        return ThreeWay.agree(
            a, b, by: try policies.policy(for: key, a, b, on: branch, at: revision, reader))
    }

    func says(
        _ content: Content, _ record: Record?, on branch: Branch, at revision: Revision
    ) throws -> Bool {
        guard case .known(let known) = content else { return false }
        return try agree(known, record, on: branch, at: revision)
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
