import FoundationEssentials
import MembusModel

// What a merge writes, key by key, in one state of the file:
//
//   1. candidates   keys that were changed by commits which the source contains and the target does not
//   2. base         what both sides had in common: of each key, in the heads of the common past (CommonPast)
//   3. merge        by content, by the key's policy: ThreeWay
//   4. settle       a conflict by what somebody has decided, else it is the answer
//
// Nothing is written for a key on which both sides agree, or which only the target has changed. A conflict that was settled
// for ours is written, with the same content: a later merge the other way round would not see the decision otherwise.
//
// The rules are those of an executable model, whose looser readings each broke on random histories.

struct MergePlanner {
    let reader: VersionReader
    let target: ShownState
    let source: ShownState
    let heads: [ShownState]
    private let common: Contained
    /// What both contain, but no head shows.
    private let beyond: [BranchSpan]
    private let limits: Limits
    private let commonBase: CommonBase
    private let policies: MergePolicies
    private let resolutions: [Key: Resolution]
    /// What reverts have left out, that either side contains.
    private let undone: Undone
    /// Of the target.
    let parked: ParkedConflicts
    private let undoneOnPurpose: UndoneOnPurpose

    init(
        _ reader: VersionReader, target: ShownState, source: ShownState, policies: MergePolicies,
        resolutions: [Resolution], parked: ParkedConflicts, undone: UndoneOnPurpose, floor: Revision, limits: Limits
    ) throws {
        self.reader = reader
        self.limits = limits
        self.target = target
        self.source = source
        self.policies = policies
        self.resolutions = Dictionary(resolutions.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        common = Contained(common: target.contained, source.contained)
        heads = try reader.heads(of: common, first: target.levels)
        beyond = reader.beyond(heads, in: common, floor: floor)
        self.undone = Undone(db: reader.db)
        commonBase = CommonBase(reader, policies, self.undone, floor: floor)
        self.parked = parked
        undoneOnPurpose = undone
    }

    /// Of what only the source contains.
    var spans: [BranchSpan] { source.contained.apart(from: target.contained).filter(\.isFirst) }

    enum Effect {
        /// Both sides have one version, or only ours was changed.
        case nothing
        /// Both have changed it in the same way.
        case agreed
        case written(Writing)
        case conflict(MergeConflict)
    }

    /// A version to be written.
    struct Writing {
        var key: Key
        /// What is there now: the revision of its newest version, a deletion's included; 0: there never was one.
        var present: Revision
        /// `nil`: its deletion.
        var content: MergedContent?
        /// `nil`: it is put, or deleted, as a whole.
        var making: Origin.Making?
        var madeOf: [Revision]
        var isSettled: Bool

        static func deletion(of key: Key, at present: Revision) -> Writing {
            Writing(key: key, present: present, content: nil, making: nil, madeOf: [], isSettled: false)
        }
    }

    func effect(on key: Key) throws -> Effect {
        let ours = try reader.version(key, in: target.levels)
        let theirs = try reader.version(key, in: source.levels)
        if let ours, let theirs, ours.revision == theirs.revision, ours.branch == theirs.branch { return .nothing }
        let open = parked[key, source.branch.name]?.conflict
        let base = try open.map { try self.base(of: $0) } ?? commonBase.content(of: key, heads, beyond: beyond)
        let result = try merged(key, base, ours, theirs, over: open)
        let effect = try effect(of: result, on: key, base, ours, theirs)
        // A conflict is somebody's decision in any case.
        if result.isConflict { return effect }
        var brought: [Revision] = []
        if case .written(let writing) = effect { brought = writing.madeOf }
        // A counter that stands where it stood may have moved to and fro: what was undone holds back the rest.
        if let theirs, theirs.content?.kind == .counter, !target.contained.contains(theirs) {
            brought.append(theirs.revision)
        }
        brought.removeAll { $0 == ours?.revision }
        guard !brought.isEmpty,
            let revert = try undoneOnPurpose.revert(of: brought.map { VersionName(key, at: $0) })
        else { return effect }
        // Whoever lets theirs in wants what would have come of it else, our part included.
        if let resolution = resolution(of: key, ours, theirs), resolution.choice == .theirs { return effect }
        return try decided(key, .undone, base, ours, theirs, undoneBy: revert)
    }

    /// A key whose conflict was left for later keeps the base of then.
    private func base(of conflict: ParkedConflict) throws -> CommonBase.Content {
        guard let side = conflict.base else {
            // A base that was made of several stands nowhere.
            return conflict.kind == .bothCreated || conflict.kind == .undone ? .known(nil) : .unknown
        }
        guard let branch = reader.branches.byName[side.branch],
            let version = try reader.version(
                conflict.conflict, in: [Level(branch: branch.id, upTo: side.revision)]),
            version.revision == side.revision
        else { return .unknown }
        return .known(version.content)
    }

    // MARK: One key

    private func merged(
        _ key: Key, _ base: CommonBase.Content, _ ours: KeyVersion?, _ theirs: KeyVersion?, over parked: ParkedConflict?
    ) throws -> ThreeWay.Result {
        let (mine, other) = (ours?.present, theirs?.present)
        let bothCount = mine?.kind == .counter && other?.kind == .counter
        let twice = bothCount ? try undone.twice(key, [target], [source], since: heads) : 0
        guard case .known(let common) = base else {
            if twice == 0 {
                // No one base, but a side whose version the other contains has not changed.
                let oursIsKnown = try isKnown(key, ours, of: target, in: source)
                let theirsIsKnown = try isKnown(key, theirs, of: source, in: target)
                if oursIsKnown != theirsIsKnown {
                    return theirsIsKnown || ThreeWay.agree(mine, other, by: policy(of: key, ours, theirs))
                        ? .ours : .theirs
                }
            }
            if !bothCount, ThreeWay.agree(mine, other, by: policy(of: key, ours, theirs)) { return .ours }
            return byRule(key, .noBase, ours, theirs)
        }
        // A counter that was moved and came back has changed all the same: against a deletion that is a conflict.
        if let common, common.kind == .counter, (mine == nil) != (other == nil) {
            let isOurs = mine != nil
            if let there = isOurs ? ours : theirs, !(isOurs ? source : target).contained.contains(there) {
                if (isOurs ? theirs : ours)?.isGone ?? false { return isOurs ? .ours : .theirs }
                return byRule(key, isOurs ? .changedAndDeleted : .deletedAndChanged, ours, theirs)
            }
        }
        let start = try start(of: key, common, mine, other, over: parked)
        let result = ThreeWay.merge(
            base: common, ours: try side(ours, other: theirs, since: start),
            theirs: try side(theirs, other: ours, since: start), by: policy(of: key, ours, theirs))
        if twice != 0, let corrected = counted(result, plus: twice, mine, other) {
            if let mine, same(corrected.record(of: key), mine) { return .ours }
            return .combined(corrected)
        }
        return result
    }

    /// Whether one side's version is contained in the other. Where a side has none, on its line there never was one; but it may
    /// contain others' deletions, which wrote nothing where there was nothing, or which all contain by now, so that they are
    /// forgotten, but not an older state of the other.
    private func isKnown(
        _ key: Key, _ version: KeyVersion?, of side: ShownState, in other: ShownState
    ) throws -> Bool {
        if let version { return other.contained.contains(version) }
        let own = side.contained.apart(from: other.contained).filter(\.isFirst)
        return try reader.hasLostNothing(of: key, in: own) && !reader.isChanged(key, in: own)
    }

    private func policy(of key: Key, _ ours: KeyVersion?, _ theirs: KeyVersion?) -> MergePolicy? {
        (ours?.present?.kind ?? theirs?.present?.kind).flatMap { policies.policy(for: key, kind: $0) }
    }

    /// A conflict that the values cannot tell: only a policy that takes a side settles it.
    private func byRule(
        _ key: Key, _ kind: MergeConflictKind, _ ours: KeyVersion?, _ theirs: KeyVersion?
    ) -> ThreeWay.Result {
        switch policy(of: key, ours, theirs) {
        case .ours: .settled(.ours)
        case .theirs: .settled(.theirs)
        case .newest: .settled((ours?.revision ?? 0) >= (theirs?.revision ?? 0) ? .ours : .theirs)
        case .counter, .json, .text, .set, .ask, nil: .conflict(kind)
        }
    }

    /// A sum from which both sides had taken the same increments off: once too often.
    private func counted(
        _ result: ThreeWay.Result, plus amount: Int64, _ ours: Record?, _ theirs: Record?
    ) -> MergedContent? {
        let merged: MergedContent?
        switch result {
        case .combined(let content): merged = content
        case .ours, .settled(.ours): merged = ours.map { MergedContent($0) }
        case .theirs, .settled(.theirs): merged = theirs.map { MergedContent($0) }
        case .conflict: merged = nil
        }
        return merged?.adding(amount)
    }

    /// Where both sides began with a text, if each has changed it in its own way: nothing else hangs on that.
    private func start(
        of key: Key, _ base: Record?, _ ours: Record?, _ theirs: Record?, over parked: ParkedConflict?
    ) throws -> TextStart? {
        guard ours?.kind == .text, theirs?.kind == .text, !same(ours, base), !same(theirs, base), !same(ours, theirs)
        else { return nil }
        let parkedBase = parked.map { Set([$0.base?.revision].compactMap(\.self)) }
        return TextStart(common: common, versions: try parkedBase ?? reader.bases(of: key, in: heads, base))
    }

    private func side(_ version: KeyVersion?, other: KeyVersion?, since start: TextStart?) throws -> MergeSide {
        MergeSide(
            record: version?.present, revision: version?.revision ?? 0, isExpired: version?.isGone ?? false,
            hasOnlyAppended: try start.map { try reader.hasOnlyAppended(version, beside: other, since: $0) } ?? false)
    }

    // MARK: What comes of it

    private func effect(
        of result: ThreeWay.Result, on key: Key, _ base: CommonBase.Content, _ ours: KeyVersion?, _ theirs: KeyVersion?
    ) throws -> Effect {
        let (mine, other) = (ours?.present, theirs?.present)
        switch result {
        case .conflict(let kind): return try decided(key, kind, base, ours, theirs)
        case .combined(let content):
            // What no transaction could put is somebody's to decide.
            if content.value.count > limits.valueBytes || content.annotationBytes > limits.annotationBytes {
                return try decided(key, .bothChanged, base, ours, theirs)
            }
            return .written(
                Writing(
                    key: key, present: ours?.revision ?? 0, content: content, making: .combined,
                    madeOf: [ours, theirs].compactMap { $0?.revision }, isSettled: false))
        case .ours:
            guard case .known(let common) = base else { return .agreed }
            if same(mine, other) || same(other, common) { return .agreed }
            // In other words, maybe.
            let policy = self.policy(of: key, ours, theirs)
            if ThreeWay.agree(other, common, by: policy) || ThreeWay.agree(mine, other, by: policy) { return .agreed }
            return .written(kept(key, ours, isSettled: false))
        case .theirs:
            if sayTheSame(mine, other, by: policy(of: key, ours, theirs)) { return .agreed }
            return .written(taken(key, base, ours, theirs, isSettled: false))
        case .settled(.ours): return same(mine, other) ? .agreed : .written(kept(key, ours, isSettled: true))
        case .settled(.theirs):
            return same(mine, other) ? .agreed : .written(taken(key, base, ours, theirs, isSettled: true))
        }
    }

    /// In other words, maybe: whoever merges those has nothing new, and is not made of what the other is made of.
    private func sayTheSame(_ mine: Record?, _ other: Record?, by policy: MergePolicy?) -> Bool {
        mine?.vectors == other?.vectors && ThreeWay.agree(mine, other, by: policy)
    }

    private func kept(_ key: Key, _ ours: KeyVersion?, isSettled: Bool) -> Writing {
        Writing(
            key: key, present: ours?.revision ?? 0, content: ours?.present.map { MergedContent($0) }, making: .kept,
            madeOf: ours.map { [$0.revision] } ?? [], isSettled: isSettled)
    }

    private func taken(
        _ key: Key, _ base: CommonBase.Content, _ ours: KeyVersion?, _ theirs: KeyVersion?, isSettled: Bool
    ) -> Writing {
        // A copy where ours had nothing of its own, else a combination all the same.
        var isCopy = isSettled || ours?.present == nil
        if case .known(let common) = base {
            isCopy = isCopy || ThreeWay.agree(ours?.present, common, by: policy(of: key, ours, theirs))
        }
        let madeOf = isCopy ? [theirs] : [theirs, ours]
        return Writing(
            key: key, present: ours?.revision ?? 0, content: theirs?.present.map { MergedContent($0) },
            making: .taken, madeOf: madeOf.compactMap { $0?.revision }, isSettled: isSettled)
    }

    /// A conflict: what somebody has decided of these very versions; else it is told.
    private func decided(
        _ key: Key, _ kind: MergeConflictKind, _ base: CommonBase.Content, _ ours: KeyVersion?, _ theirs: KeyVersion?,
        undoneBy: Revision? = nil
    ) throws -> Effect {
        let common: Record? = if case .known(let record) = base { record } else { nil }
        guard let resolution = resolution(of: key, ours, theirs) else {
            return .conflict(
                MergeConflict(
                    key: key, kind: kind, base: try common.map { try told($0) },
                    ours: try ours.map { try told($0.record) }, theirs: try theirs.map { try told($0.record) },
                    undoneBy: undoneBy))
        }
        let content: MergedContent?
        switch resolution.choice {
        case .ours: return .written(kept(key, ours, isSettled: true))
        case .theirs: return .written(taken(key, base, ours, theirs, isSettled: true))
        case .base: content = common.map { MergedContent($0) }
        case .put(let put): content = MergedContent(put, at: reader.now)
        case .delete: content = nil
        }
        return .written(
            Writing(
                key: key, present: ours?.revision ?? 0, content: content, making: .combined,
                madeOf: [ours, theirs].compactMap { $0?.revision }, isSettled: true))
    }

    /// What somebody has decided of these very versions.
    private func resolution(of key: Key, _ ours: KeyVersion?, _ theirs: KeyVersion?) -> Resolution? {
        guard let resolution = resolutions[key], resolution.ours == ours?.revision ?? 0,
            resolution.theirs == theirs?.revision ?? 0
        else { return nil }
        return resolution
    }

    private func told(_ record: Record) throws -> MergeVersion {
        MergeVersion(record, by: record.revision == 0 ? nil : try reader.commit(record.revision))
    }
}

extension ThreeWay.Result {
    fileprivate var isConflict: Bool { if case .conflict = self { true } else { false } }
}

/// Whether both say the same; who said it, and when, does not count.
func same(_ a: Record?, _ b: Record?) -> Bool {
    switch (a, b) {
    case (nil, nil): true
    case (let a?, let b?): a.saysTheSame(as: b)
    case (_, _): false
    }
}

extension Contained {
    func contains(_ version: KeyVersion) -> Bool { version.revision <= self[version.branch] }
}

extension MergedContent {
    /// Of a counter; `nil`: it is none, or that is more than one holds.
    func adding(_ amount: Int64) -> MergedContent? {
        guard let text = String(data: value, encoding: .utf8), let count = Int64(text) else { return nil }
        let (sum, overflow) = count.addingReportingOverflow(amount)
        if overflow { return nil }
        var content = self
        content.value = Data(String(sum).utf8)
        return content
    }

    init(_ record: Record) {
        self.init(
            kind: record.kind, value: record.value ?? Data(), attributes: record.attributes, links: record.links,
            owner: record.owner, expires: record.expires, vectors: record.vectors)
    }

    /// The author is its owner.
    init(_ put: Put, at now: Timestamp) {
        self.init(
            kind: put.kind, value: put.value, attributes: put.attributes, links: put.links, owner: "",
            expires: put.expiry.end(from: now), vectors: put.vectors)
    }

    /// As a version that nobody wrote.
    func record(of key: Key, revision: Revision = 0, ordinal: UInt32 = 0, owner: String? = nil) -> Record {
        Record(
            key: key, revision: revision, ordinal: ordinal, kind: kind, content: .inline(value),
            attributes: attributes, links: links, owner: self.owner.isEmpty ? owner ?? "" : self.owner,
            expires: expires, vectors: vectors)
    }
}
