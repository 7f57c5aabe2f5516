import MembusModel

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

    /// - Parameter parked: the conflict about the key that was left for later: it is over, or another takes its place.
    /// - Returns: why no such commit can be made.
    mutating func add(
        _ effect: MergePlanner.Effect, of key: Key, over parked: ParkedConflicts.Open? = nil
    ) -> Refusal? {
        switch effect {
        case .nothing: return nil
        case .agreed: agreed.append(key)
        case .conflict(let conflict):
            conflictCount += 1
            if conflicts.count < MergeConflict.mostListed { conflicts.append(conflict.within(&room)) }
        case .written(let writing): if let refusal = add(writing) { return refusal }
        }
        guard let parked else { return nil }
        if let claim = parked.claim, let refusal = add(.deletion(of: parked.conflict.claim, at: claim)) {
            return refusal
        }
        return add(.deletion(of: parked.conflict.key, at: parked.revision))
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
            key: key, kind: kind, base: fitted(base), ours: fitted(ours), theirs: fitted(theirs), undoneBy: undoneBy)
    }
}
