import FoundationEssentials
import MembusModel

// A pick makes the changes of commits again: of each key that a commit changed, what was there before it is the base, what it
// left is theirs, and ours is what the target shows, or what the commits picked before it have made of that. Policies are the
// target's. Nothing else comes along: what the target does not contain, it does not contain afterwards. What a cascade has undone
// on the target, or what derives from that, is a conflict.

extension WorkPlanner {
    func plan(_ pick: Pick) throws -> Planning {
        let target = state(of: try branches.writable(pick.branch))
        let reader = reader
        var picker = Picker(
            reader: reader, target: target, policies: try policies(in: target.levels), limits: limits,
            resolutions: Dictionary(pick.resolutions.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first }),
            undone: UndoneOnPurpose(cascades: cascades, by: self, in: target))
        var changes = 0
        for revision in pick.revisions {
            let source = try source(of: revision)
            // What is contained is there, whatever became of it.
            if revision <= target.contained[source.id] { continue }
            if pick.sameReads { try picker.compareReads(of: revision, from: source) }
            let keys = try keys(of: revision)
            changes += keys.count
            if changes > Self.mostChanges {
                return .refused(
                    Refusal(
                        .limitExceeded, "more than \(Self.mostChanges) changes are to be picked",
                        hint: "pick fewer commits at once", subject: "revisions"))
            }
            for key in keys where !key.isRule && !key.isParkedConflict {
                try picker.pick(key, of: revision, from: source)
            }
        }
        var plan = MergePlan(limits: limits, inSteps: "pick fewer commits at once")
        for (key, effect) in picker.effects {
            if let refusal = plan.add(effect, of: key) { return .refused(refusal) }
        }
        let names = pick.revisions.prefix(8).map { "\($0)" }.joined(separator: " ")
        return .planned(
            PlannedWork(
                plan: plan, deed: .pick(pick.revisions), branch: target.branch, context: pick.context,
                message: pick.message.isEmpty ? "pick \(names)\(pick.revisions.count > 8 ? " …" : "")" : pick.message,
                touches: pick.sameReads ? .any : .keys(Set(picker.effects.map(\.0)))))
    }

    /// The branch of a commit that can be picked.
    private func source(of revision: Revision) throws -> Branch {
        if revision <= floor, floor > 0 || revision == 0 {
            throw Refusal(
                .belowFloor, "what was there before revision \(revision) is no longer kept: the floor is \(floor)",
                subject: "\(revision)")
        }
        if let refusal = Refusal.outside(revision, floor: floor, head: head.revision) { throw refusal }
        guard let info = try reader.commit(revision), let branch = branches.byName[info.branch] else {
            throw Refusal(
                .invalidArgument, "revision \(revision) is no commit that is kept", subject: "\(revision)")
        }
        let what: String? =
            switch try reader.provenance(of: revision).deed {
            case .merge: "a merge"
            case .rollback: "a rollback"
            case .revert: "a revert"
            case .quarantine: "a quarantine"
            case .fork, .branch, .tag, .pick, nil: info.session == nil ? "a commit of the broker's own" : nil
            }
        if let what {
            throw Refusal(
                .invalidArgument, "revision \(revision) is \(what), which can't be picked",
                hint: "pick commits that agents have made, or merge the branch", subject: "\(revision)")
        }
        return branch
    }

    private func keys(of revision: Revision) throws -> [Key] {
        var keys: [Key] = []
        let cursor = try db.rows(
            "SELECT key FROM changes WHERE position >= ? AND position <= ? ORDER BY position",
            [LogCursor(revision: revision, ordinal: 0).position, LogCursor.end(of: revision).position])
        while let row = try cursor.next() { keys.append(Key(unchecked: try row[0])) }
        return keys
    }
}

private struct Picker {
    let reader: VersionReader
    let target: ShownState
    let policies: MergePolicies
    let limits: Limits
    let resolutions: [Key: Resolution]
    private let undone: UndoneOnPurpose

    /// What the commits so far have made of a key.
    private struct Made {
        var content: Record?
        var madeOf: [Revision]
        var isSettled: Bool
        var isChanged: Bool
        var conflict: MergeConflict?

        mutating func take(_ record: Record?, of revision: Revision) {
            content = record
            madeOf.append(revision)
            isChanged = true
        }
    }
    private var made: [Key: Made] = [:]
    private var present: [Key: KeyVersion?] = [:]
    private var order: [Key] = []
    private var otherReads: [MergeConflict] = []

    init(
        reader: VersionReader, target: ShownState, policies: MergePolicies, limits: Limits,
        resolutions: [Key: Resolution], undone: UndoneOnPurpose
    ) {
        self.reader = reader
        self.target = target
        self.policies = policies
        self.limits = limits
        self.resolutions = resolutions
        self.undone = undone
    }

    mutating func pick(_ key: Key, of revision: Revision, from source: Branch) throws {
        let ours = try shown(key)
        var here = made[key] ?? Made(content: ours?.present, madeOf: [], isSettled: false, isChanged: false)
        if made[key] == nil { order.append(key) }
        defer { made[key] = here }
        // One conflict of a key at a time: what follows builds on how it is settled.
        if here.conflict != nil { return }
        let before = try reader.version(key, in: reader.branches.levels(of: source, at: revision - 1))
        let theirs = try reader.version(key, in: reader.branches.levels(of: source, at: revision))
        let hasOnlyAppended = try theirs.map { try reader.origin(of: $0.record)?.making == .appended } ?? false
        let kind = here.content?.kind ?? theirs?.present?.kind
        let result = ThreeWay.merge(
            base: before?.content,
            ours: MergeSide(record: here.content, revision: ours?.revision ?? 0, isExpired: ours?.isGone ?? false),
            theirs: MergeSide(
                record: theirs?.present, revision: revision, isExpired: theirs?.isGone ?? false,
                hasOnlyAppended: hasOnlyAppended),
            by: kind.flatMap { policies.policy(for: key, kind: $0) })
        if let revert = try undoing(result, of: key, ours, theirs) {
            return try settle(key, .undone, before, ours, theirs, &here, undoneBy: revert)
        }
        switch result {
        case .ours: break
        case .theirs, .settled(.theirs): here.take(theirs?.present, of: revision)
        case .combined(let content) where content.fits(limits): here.take(content.record(of: key), of: revision)
        case .settled(.ours): here.isSettled = true
        case .combined: try settle(key, .bothChanged, before, ours, theirs, &here)
        case .conflict(let kind): try settle(key, kind, before, ours, theirs, &here)
        }
        if case .settled = result { here.isSettled = true }
    }

    /// By which revert it is undone here, or what it derives from: it does not come back unasked. A conflict is somebody's
    /// decision in any case.
    private func undoing(
        _ result: ThreeWay.Result, of key: Key, _ ours: KeyVersion?, _ theirs: KeyVersion?
    ) throws -> Revision? {
        switch result {
        case .ours, .settled(.ours), .conflict: return nil
        case .theirs, .settled, .combined: break
        }
        guard let theirs, let revert = try undone.revert(of: [VersionName(key, at: theirs.revision)]) else {
            return nil
        }
        return resolution(of: key, ours, theirs)?.choice == .theirs ? nil : revert
    }

    /// What somebody has decided of these very versions.
    private func resolution(of key: Key, _ ours: KeyVersion?, _ theirs: KeyVersion?) -> Resolution? {
        guard let resolution = resolutions[key], resolution.ours == ours?.revision ?? 0,
            resolution.theirs == theirs?.revision ?? 0
        else { return nil }
        return resolution
    }

    private func settle(
        _ key: Key, _ kind: MergeConflictKind, _ before: KeyVersion?, _ ours: KeyVersion?, _ theirs: KeyVersion?,
        _ here: inout Made, undoneBy: Revision? = nil
    ) throws {
        let revision = theirs?.revision ?? 0
        guard let resolution = resolution(of: key, ours, theirs) else {
            here.conflict = MergeConflict(
                key: key, kind: kind, base: try told(before), ours: try told(ours), theirs: try told(theirs),
                undoneBy: undoneBy)
            return
        }
        here.isSettled = true
        switch resolution.choice {
        case .ours: break
        case .theirs: here.take(theirs?.present, of: revision)
        case .base: here.take(before?.content, of: revision)
        case .put(let put): here.take(MergedContent(put, at: reader.now).record(of: key), of: revision)
        case .delete: here.take(nil, of: revision)
        }
    }

    private func told(_ version: KeyVersion?) throws -> MergeVersion? {
        try version.map { MergeVersion($0.record, by: try reader.commit($0.revision)) }
    }

    private mutating func shown(_ key: Key) throws -> KeyVersion? {
        if let known = present[key] { return known }
        let version = try reader.version(key, in: target.levels)
        present[key] = .some(version)
        return version
    }

    /// Of each key, in the order in which they were changed.
    var effects: [(Key, MergePlanner.Effect)] {
        otherReads.map { ($0.key, .conflict($0)) }
            + order.compactMap { key in
                guard let made = made[key] else { return nil }
                if let conflict = made.conflict { return (key, .conflict(conflict)) }
                let ours = present[key] ?? nil
                if !made.isChanged { return (key, .agreed) }
                if same(made.content, ours?.present) { return (key, .agreed) }
                return (
                    key,
                    .written(
                        MergePlanner.Writing(
                            key: key, present: ours?.revision ?? 0, content: made.content.map { MergedContent($0) },
                            making: .picked, madeOf: made.madeOf + (ours.map { [$0.revision] } ?? []),
                            isSettled: made.isSettled))
                )
            }
    }

    // MARK: Reads

    /// What a commit is on record to have read, or required, has to be there in the same version, or as what was picked from
    /// that version.
    mutating func compareReads(of revision: Revision, from source: Branch) throws {
        var reads: [VersionName] = []
        let row = try reader.db.first("SELECT preconditions, reads FROM commits WHERE revision = ?", [revision]) {
            (preconditions: try CommitRow.preconditions(try $0[0]), reads: try CommitRow.reads(try $0[1]))
        }
        // What its context had read before is not what it read.
        for read in row?.reads ?? [] where read.isOwn {
            switch read.subject {
            case .key(let key): reads.append(VersionName(key, at: read.version))
            case .topic(let topic):
                let branch = read.branch.flatMap { reader.branches.byName[$0] } ?? source
                try compareList(
                    of: topic, on: branch, at: read.cut > 0 ? read.cut : revision - 1, with: &reads)
            }
        }
        let preconditions = row?.preconditions ?? []
        for precondition in preconditions {
            switch precondition {
            case .at(let key, let version): reads.append(VersionName(key, at: version))
            case .absent(let key): reads.append(VersionName(key, at: 0))
            case .unchanged(let topic, let since): try compareList(of: topic, on: source, at: since, with: &reads)
            case .sound: break
            }
        }
        for read in reads where try !isThere(read) {
            let there = try shown(read.key)
            otherReads.append(
                MergeConflict(
                    key: read.key, kind: .otherRead, base: try told(try reader.version(read)), ours: try told(there)))
        }
    }

    /// What a topic showed has to be there, and nothing else.
    private mutating func compareList(
        of topic: Topic, on branch: Branch, at revision: Revision, with reads: inout [VersionName]
    ) throws {
        let levels = reader.branches.levels(of: branch, at: revision)
        let read = try reader.versions(of: topic, in: levels, most: Self.mostListed).filter { $0.content != nil }
        reads += read.map { VersionName($0.record.key, at: $0.revision) }
        let keys = Set(read.map(\.record.key))
        for there in try reader.versions(of: topic, in: target.levels, most: Self.mostListed)
        where there.present != nil && !keys.contains(there.record.key) && made[there.record.key] == nil {
            otherReads.append(
                MergeConflict(key: there.record.key, kind: .otherRead, base: nil, ours: try told(there)))
        }
    }
    private static let mostListed = 10_000

    private mutating func isThere(_ read: VersionName) throws -> Bool {
        // What an earlier one of these commits wrote.
        if made[read.key]?.madeOf.last == read.revision { return true }
        guard let there = try shown(read.key) else {
            return try read.revision == 0 || reader.version(read)?.content == nil
        }
        if there.revision == read.revision { return true }
        // Whichever deletion it was.
        if try read.revision == 0 || reader.version(read)?.content == nil { return there.present == nil }
        guard let origin = try reader.origin(of: there.record), origin.making == .picked else { return false }
        return origin.madeOf.contains(read.revision)
    }
}

extension MergedContent {
    /// Whether a transaction could put it.
    fileprivate func fits(_ limits: Limits) -> Bool {
        value.count <= limits.valueBytes && annotationBytes <= limits.annotationBytes
    }
}
