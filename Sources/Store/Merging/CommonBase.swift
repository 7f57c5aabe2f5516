import MembusModel

// What the sides of a merge had in common under a key: what the head of their common past has. Of several heads, it is what a
// merge of them would have, by the target's policies:
//
//   1. versions that another head has superseded drop out (CommonPast)
//   2. where all that are left say the same, that is it; but counters are summed
//   3. else they are merged one by one, each with those before over what they have in common, found in the same way
//
// A conflict, or a version that compaction may have dropped, and there is none.

struct CommonBase {
    enum Content {
        /// `nil`: nothing.
        case known(Record?)
        /// Of several heads no one content can be made.
        case unknown
    }

    private let reader: VersionReader
    private let policies: MergePolicies
    private let undone: Undone
    private let floor: Revision
    private let memo = Memo()

    /// Of one key: criss-crosses ask for the same again and again.
    private final class Memo {
        var known: [[BranchHead]: Content] = [:]
    }

    init(_ reader: VersionReader, _ policies: MergePolicies, _ undone: Undone, floor: Revision) {
        self.reader = reader
        self.policies = policies
        self.undone = undone
        self.floor = floor
    }

    /// - Parameter beyond: what both contain, but no head shows.
    func content(of key: Key, _ heads: [ShownState], beyond: [BranchSpan]) throws -> Content {
        memo.known = [:]
        return try base(of: key, heads, beyond, depth: 0)
    }

    private func base(
        of key: Key, _ heads: [ShownState], _ beyond: [BranchSpan], depth: Int
    ) throws -> Content {
        // A newer one than any head shows may be gone.
        if try !reader.hasLostNothing(of: key, in: beyond) { return .unknown }
        if heads.count < 2 { return try newBase(of: key, heads, depth: depth) }
        let names = heads.map { BranchHead($0.branch.name, at: $0.upTo) }
        if let base = memo.known[names] { return base }
        let base = try newBase(of: key, heads, depth: depth)
        memo.known[names] = base
        return base
    }

    private func newBase(of key: Key, _ heads: [ShownState], depth: Int) throws -> Content {
        guard let first = heads.first else { return .known(nil) }
        if try !heads.allSatisfy({ try reader.isKept(key, in: $0, floor: floor) }) { return .unknown }
        if heads.count == 1 { return .known(try reader.version(key, in: first.levels)?.content) }
        // Criss-cross in criss-cross in …: what lies so deep nobody can tell.
        if depth == 16 { return .unknown }
        let kept = try reader.newest(key, in: heads)
        guard let start = kept.first else { return .known(nil) }
        var merged = start.version?.content
        // In other words, maybe.
        let usual = (merged?.kind).flatMap { policies.policy(for: key, kind: $0) }?.combining
        if merged?.kind != .counter,
            kept.allSatisfy({ ThreeWay.agree($0.version?.content, start.version?.content, by: usual) })
        {
            return .known(merged)
        }
        var mergedHeads = [start.state]
        var parts = [start.version]
        for (head, version) in kept.dropFirst() {
            var common: Contained?
            for other in mergedHeads {
                let both = Contained(common: other.contained, head.contained)
                common = common.map { Contained(either: $0, both) } ?? both
            }
            let older = try reader.heads(of: common ?? head.contained)
            let gone = reader.beyond(older, in: common ?? head.contained, floor: floor)
            guard case .known(let base) = try base(of: key, older, gone, depth: depth + 1) else { return .unknown }
            let isText = version?.content?.kind == .text
            let start = TextStart(
                common: common ?? head.contained, versions: try isText ? reader.bases(of: key, in: older, base) : [])
            let sides = (
                MergeSide(
                    record: merged, revision: 0,
                    hasOnlyAppended: try parts.allSatisfy {
                        try reader.hasOnlyAppended($0, beside: version, since: start)
                    }),
                MergeSide(
                    record: version?.content, revision: 0,
                    hasOnlyAppended: try reader.hasOnlyAppended(version, beside: parts.last ?? nil, since: start))
            )
            parts.append(version)
            let kind = merged?.kind ?? version?.content?.kind
            let policy = kind.flatMap { policies.policy(for: key, kind: $0) }?.combining
            switch ThreeWay.merge(base: base, ours: sides.0, theirs: sides.1, by: policy) {
            case .ours: break
            case .theirs: merged = version?.content
            case .combined(let content): merged = content.record(of: key)
            case .conflict, .settled: return .unknown
            }
            if let content = merged, content.kind == .counter {
                let twice = try undone.twice(key, mergedHeads, [head], since: older)
                if twice != 0 { merged = MergedContent(content).adding(twice)?.record(of: key) }
            }
            mergedHeads.append(head)
        }
        return .known(merged)
    }
}
