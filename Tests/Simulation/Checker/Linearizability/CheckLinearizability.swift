import MembusModel

extension Check {
    // MARK: Invariant 11: the whole history is linearizable

    /// Much more than any history of some hundred operations took.
    static let searchLimit = 2_000_000

    /// This verdict alone.
    package static func unorderable(_ history: History) -> [Violation] {
        var check = Check(history)
        check.checkLinearizability()
        return check.violations
    }

    /// By a search for an order that knows nothing of revisions but that they differ. The order that they claim is
    /// tried first, as any other would be.
    ///
    /// A lineage that an old copy of its store was put back into has lost what was acknowledged since: no order
    /// accounts for that. Its runs are judged one by one, by revisions (``Run``).
    mutating func checkLinearizability() {
        let log = OperationLog(history)
        for lineage in log.lineages where !history.isCopiedBack(lineage) {
            let memory = MemoryHistory(of: lineage, in: log, history)
            let verdict = linearizability(
                of: memory.operations, by: memory.model, witness: memory.claimed, limit: Self.searchLimit)
            switch verdict {
            case .linearizable: continue
            case .unknown(let steps):
                violated(
                    .linearizable, "whether lineage \(lineage) is linearizable was not found out in \(steps) steps")
            case .violated(let longest, let stuck):
                index = memory.operations[stuck].outcome?.returned ?? index
                violated(.linearizable, memory.story(longest, stuck))
            }
        }
    }

    /// The number that a commit's message names.
    static func op(of commit: Commit) -> Int? {
        commit.info.message.hasPrefix("op ") ? Int(commit.info.message.dropFirst(3)) : nil
    }

    /// Whether the broker's word means that the transaction never takes effect. A refusal of the request's form
    /// is about this sending only.
    static func refuses(_ failure: Refusal) -> Bool {
        let others: [Refusal.Code] = [.numberForgotten, .numberReused, .malformed]
        return failure.code.remedy == .fixRequest && !others.contains(failure.code)
    }
}

extension MemoryHistory {
    func story(_ longest: [Int], _ stuck: Int) -> String {
        let before = longest.suffix(6).map { labels[$0] + answer(of: $0) }.joined(separator: "; ")
        return "not linearizable: no order of its operations has a place for \(labels[stuck])\(answer(of: stuck)); "
            + "the longest orders \(longest.count) before it, at last: \(before)"
    }

    private func answer(of operation: Int) -> String {
        switch operations[operation].outcome?.response {
        case .committed(let name): ", committed as \(name)"
        case .held: ", held"
        case .conflict: ", in conflict"
        case .found(let seen): ", which found \(seen.map { $0.map { "\($0.name)" } ?? "nothing" })"
        case nil: ", whose outcome is unknown"
        }
    }
}
