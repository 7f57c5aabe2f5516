import MembusModel

extension Check {
    /// 5: a diff is of the two states that it names, and tells every key that differs in them, once.
    mutating func take(_ diffed: Diffed) {
        let who = "the diff by agent \(diffed.agent) of \(diffed.filter) from \(diffed.from) to \(diffed.to)"
        // The older one may be of a history, too, that a restored copy went on from, without the newer one.
        let isForward = diffed.fromState.revision <= diffed.toState.revision
        let (older, newer) = isForward ? (diffed.fromState, diffed.toState) : (diffed.toState, diffed.fromState)
        guard let run = exists(newer.position, newer.lineage, who), let truth = truth(of: run) else { return }
        guard truth.holds(older.position) else {
            return violated(.oneState, "\(who): its states are of two histories")
        }
        func state(_ branch: BranchName, _ token: Token) -> [Key: Record] {
            Dictionary(
                truth.state(of: branch, diffed.filter, at: token.revision).map { ($0.key, $0) },
                uniquingKeysWith: { first, _ in first })
        }
        let before = state(diffed.from, diffed.fromState)
        let after = state(diffed.to, diffed.toState)
        var told: Set<Key> = []
        for difference in diffed.differences {
            let key = difference.key
            if !told.insert(key).inserted { violated(.oneState, "\(who): \(key) is told twice") }
            if difference.from != before[key] || difference.to != after[key] {
                violated(.oneState, "\(who): \(key) is told as \(difference), which it is not in its states")
            }
        }
        for key in Set(before.keys).union(after.keys) {
            let isSame = before[key].map { old in after[key].map { old.saysTheSame(as: $0) } ?? false } ?? false
            if isSame == told.contains(key) {
                violated(.oneState, "\(who): \(key) \(isSame ? "is told, and the same" : "differs, and is not told")")
            }
        }
    }
}
