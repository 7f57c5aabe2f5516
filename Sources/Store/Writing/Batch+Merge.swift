import FoundationEssentials
import MembusModel

// A merge is decided where it is committed, by the thread that commits: nothing can come in between, and what it was decided
// from is the state that it is written in. So there is no plan that could be out of date; what it may cost others is bounded
// by how many changes it looks at. What is larger comes in steps: the source as of an earlier revision first.

extension Batch {
    /// So many changes of the source are looked at.
    static let mostMerged = 200_000

    mutating func execute(_ merge: Merge, by author: Author) throws -> WriteResult {
        if let refusal = FreeText.refusal(merge.context, "context") ?? FreeText.refusal(merge.message, "message")
            ?? merge.resolutions.refusal
        {
            return .refused(refusal)
        }
        let state = writer.state
        guard let target = state.branches.byName[merge.target] else { return .refused(.unknownBranch(merge.target)) }
        guard let source = state.branches.byName[merge.source] else { return .refused(.unknownBranch(merge.source)) }
        let at = merge.at ?? state.head.revision
        if let refusal = Refusal.outside(at, floor: state.floor, head: state.head.revision) { return .refused(refusal) }
        if at < source.created {
            return .refused(
                Refusal(
                    .invalidArgument, "branch \"\(source.name)\" was made by revision \(source.created), after \(at)",
                    hint: "name a later revision of it, or its parent", subject: source.name.text))
        }
        let planner: MergePlanner
        switch try self.planner(of: merge, from: source, at: at, into: target) {
        case .success(let made): planner = made
        case .failure(let refusal): return .refused(refusal)
        }
        let spans = planner.spans
        if try !spans.contains(where: { try planner.reader.hasCommits(in: $0) }) { return .outcome(.held(state.head)) }
        guard let keys = try planner.reader.changedKeys(in: spans, most: Self.mostMerged) else {
            return .refused(.tooMuchToMerge(merge.source))
        }
        var plan = MergePlan(
            limits: writer.limits, inSteps: "merge it in steps: the source as of an earlier revision first")
        for key in keys where merge.carriesRules || !key.isRule {
            if let refusal = plan.add(try planner.effect(on: key), of: key) { return .refused(refusal) }
        }
        if plan.conflictCount > 0 { return unsettled(plan) }
        return .outcome(try commit(plan, planner, merge, by: author))
    }

    private func planner(
        of merge: Merge, from source: Branch, at: Revision, into target: Branch
    ) throws -> Result<MergePlanner, Refusal> {
        let state = writer.state
        let reader = VersionReader(db: db, branches: state.branches, now: now)
        let ours = ShownState(target, at: state.head.revision, among: state.branches)
        let theirs = ShownState(
            source, at: try reader.newestCommit(of: source.id, upTo: at), among: state.branches)
        let policies: MergePolicies
        switch try reader.policies(in: ours.levels) {
        case .success(let records):
            do throws(Refusal) { policies = try MergePolicies(records: records) } catch { return .failure(error) }
        case .failure(let refusal): return .failure(refusal)
        }
        return .success(
            try MergePlanner(
                reader, target: ours, source: theirs, policies: policies, resolutions: merge.resolutions,
                floor: state.floor, limits: writer.limits))
    }

    func unsettled(_ plan: MergePlan) -> WriteResult {
        .outcome(
            .unsettled(plan.conflicts, unlisted: plan.conflictCount - plan.conflicts.count, at: writer.state.head))
    }

    private mutating func commit(
        _ plan: MergePlan, _ planner: MergePlanner, _ merge: Merge, by author: Author
    ) throws -> Outcome {
        let deed = MergeDeed(
            source: merge.source, revision: planner.source.revision, heads: planner.heads.map(\.head),
            agreed: plan.agreed)
        let position = try write(
            plan.writings, .merge(deed), on: planner.target.branch, by: author, context: merge.context,
            message: merge.message.isEmpty ? "merge \(merge.source)@\(planner.source.revision)" : merge.message)
        return .merged(
            position,
            MergeReport(
                source: planner.source.revision, written: plan.writings.count, agreed: plan.agreed.count,
                settled: plan.writings.count(where: \.isSettled)))
    }

    /// Commits versions that were made of others.
    mutating func write(
        _ writings: [MergePlanner.Writing], _ deed: Deed, on branch: Branch, by author: Author, context: String,
        message: String
    ) throws -> Position {
        let revision = writer.state.head.revision + 1
        var records: [Record] = []
        var provenance = Provenance(deed: deed)
        records.reserveCapacity(writings.count)
        for (ordinal, writing) in writings.enumerated() {
            let ordinal = UInt32(ordinal)
            records.append(
                writing.content?.record(of: writing.key, revision: revision, ordinal: ordinal, owner: author.agent)
                    ?? .deletion(of: writing.key, revision: revision, ordinal: ordinal))
            provenance.origins.append(
                Origin(ordinal: ordinal, writing.making, of: writing.madeOf, isSettled: writing.isSettled))
        }
        return try append(
            info(author, on: branch.name, context: context, message: message), on: branch, fork: nil,
            preconditions: [], reads: [], records: records, provenance: provenance)
    }

    /// What later merges go by, beside the commit.
    mutating func remember(_ deed: Deed, of revision: Revision, on branch: Branch) throws {
        switch deed {
        case .merge(let merge):
            guard let source = writer.state.branches.byName[merge.source] else {
                throw StoreError(
                    .damaged, "revision \(revision) merges a branch \"\(merge.source)\" that is not there",
                    hint: "run membus verify")
            }
            let merged = MergedState(
                revision: revision, branch: branch.id, source: source.id, upTo: merge.revision)
            try db.run(
                "INSERT INTO merges(revision, branch, source, source_revision) VALUES(?, ?, ?, ?)",
                [revision, branch.id, source.id, merge.revision])
            writer.state.branches.add(merged)
        case .rollback: break
        case .revert(let versions):
            try Undone.remember(versions, of: revision, on: branch.id, in: db)
        }
    }
}

/// What is to be written, as far as it is known, and what is in its way.
struct MergePlan {
    private let limits: Limits
    private(set) var writings: [MergePlanner.Writing] = []
    private(set) var agreed: [Key] = []
    /// The first of them.
    private(set) var conflicts: [MergeConflict] = []
    private(set) var conflictCount = 0
    private var bytes = 0
    private var room = ConflictRoom()

    /// How to do less at once.
    private let inSteps: String

    init(limits: Limits, inSteps: String) {
        self.limits = limits
        self.inSteps = inSteps
    }

    /// - Returns: why no such commit can be made.
    mutating func add(_ effect: MergePlanner.Effect, of key: Key) -> Refusal? {
        switch effect {
        case .nothing: return nil
        case .agreed: agreed.append(key)
        case .conflict(let conflict):
            conflictCount += 1
            if conflicts.count < MergeConflict.mostListed { conflicts.append(conflict.within(&room)) }
        case .written(let writing): return add(writing)
        }
        return nil
    }

    mutating func add(_ writing: MergePlanner.Writing) -> Refusal? {
        writings.append(writing)
        if let content = writing.content {
            bytes += writing.key.text.utf8.count + content.value.count + content.annotationBytes
            if let refusal = limits.refusal(valueOf: content.value.count, under: writing.key) { return refusal }
        }
        if writings.count > limits.mergedKeys {
            return Refusal(
                .limitExceeded, "it would change more than \(limits.mergedKeys) keys, the limit mergedKeys",
                hint: inSteps,
                subject: "mergedKeys")
        }
        if bytes > limits.mergedBytes {
            return Refusal(
                .limitExceeded, "it would write more than \(limits.mergedBytes) bytes, the limit mergedBytes",
                hint: inSteps, subject: "mergedBytes")
        }
        return nil
    }
}

extension MergeConflict {
    fileprivate func within(_ room: inout ConflictRoom) -> MergeConflict {
        func fitted(_ version: MergeVersion?) -> MergeVersion? {
            version.map { room.takes($0.record) ? $0 : MergeVersion($0.record.announced, by: $0.commit) }
        }
        return MergeConflict(
            key: key, kind: kind, base: fitted(base), ours: fitted(ours), theirs: fitted(theirs))
    }
}

extension [Resolution] {
    /// Why one of them can't be written.
    var refusal: Refusal? {
        for resolution in self {
            guard case .put(let put) = resolution.choice else { continue }
            if let refusal = FreeText.refusal(put.kind.name, "kind of \"\(resolution.key)\"")
                ?? put.refusal(under: resolution.key)
            {
                return refusal
            }
        }
        return nil
    }
}

extension VersionReader {
    /// The records that say how to merge.
    func policies(in levels: [Level]) throws -> Result<[Record], Refusal> {
        let range = KeyRange(MergePolicies.topic)
        var keys: Set<Key> = []
        for level in levels {
            let cursor = try db.rows(
                "SELECT DISTINCT key FROM changes WHERE branch = ? AND key >= ? AND key < ? LIMIT ?",
                [level.branch, range.from, range.below, Self.mostPolicies + 1])
            while let row = try cursor.next() { keys.insert(Key(unchecked: try row[0])) }
        }
        guard keys.count <= Self.mostPolicies else {
            return .failure(
                Refusal(
                    .limitExceeded, "there are more than \(Self.mostPolicies) records under \(MergePolicies.topic)",
                    hint: "use fewer, for longer topics", subject: MergePolicies.topic.text))
        }
        return .success(try keys.sorted().compactMap { try version($0, in: levels)?.present })
    }

    private static let mostPolicies = 1000
}

extension Refusal {
    static func tooMuchToMerge(_ source: BranchName) -> Refusal {
        Refusal(
            .limitExceeded, "a merge of \"\(source)\" would look at more than \(Batch.mostMerged) changes",
            hint: "merge it in steps, as of an earlier revision first", subject: source.text)
    }
}
