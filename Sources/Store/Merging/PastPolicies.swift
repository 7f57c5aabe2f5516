import MembusModel

/// The policies of targets when something was merged into them: whoever merges it again does so by the same.
final class PastPolicies {
    private var known: [BranchHead: MergePolicies] = [:]

    /// Those that combine what both sides say; what takes a side was settled then. `nil`: the usual one of the kind.
    func policy(
        for key: Key, _ ours: Record?, _ theirs: Record?, on branch: Branch, at revision: Revision,
        _ reader: VersionReader
    ) throws -> MergePolicy? {
        guard let kind = ours?.kind ?? theirs?.kind else { return nil }
        return try policies(on: branch, at: revision, reader)?.policy(for: key, kind: kind)?.combining
    }

    /// `nil`: they can't be understood.
    func policies(on branch: Branch, at revision: Revision, _ reader: VersionReader) throws -> MergePolicies? {
        let head = BranchHead(branch.name, at: revision)
        if let known = known[head] { return known }
        let levels = reader.branches.levels(of: branch, at: revision)
        let found = try? MergePolicies(records: try reader.records(of: MergePolicies.topic, in: levels, most: 1000))
        known[head] = found
        return found
    }
}

extension MergePolicy {
    /// `nil`: it takes a side.
    var combining: MergePolicy? {
        switch self {
        case .counter, .json, .text, .set, .ask: self
        case .newest, .ours, .theirs: nil
        }
    }
}
