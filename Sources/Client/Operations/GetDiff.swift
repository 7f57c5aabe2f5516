import MembusSystem

extension Memory {
    /// What differs between two states, on whatever branches: each key that has other records in them, once, in no order
    /// that means anything. It costs as much as was written between them, whatever they hold.
    ///
    /// ```swift
    /// for try await difference in memory.diff(from: .branch(.main), to: .branch(trial), topics: ["plans/"]) {
    ///     print(difference.key, difference.change, difference.lines ?? [])
    /// }
    /// ```
    /// - Parameters:
    ///   - from: the one state. A branch that it does not name is the connection's.
    ///   - to: the other.
    ///   - topics: prefixes ending in `/`, exact keys, or `/` for everything.
    ///   - keysOnly: values do not travel.
    ///   - pageSize: differences in a page, at most.
    ///   - timeout: of each page; `nil`: the connection's.
    public func diff(
        from: StateName, to: StateName = .now, topics: [String] = ["/"], keysOnly: Bool = false, pageSize: Int = 1000,
        timeout: Duration? = nil
    ) -> Pages<Difference> {
        let (from, to) = (from.on(branch, now: .now), to.on(branch, now: .now))
        return Pages(connection, timeout: timeout) {
            DifferencePages(
                asked: GetDiff(from: from, to: to, filter: try filtered(topics), limit: pageSize, keysOnly: keysOnly))
        }
    }

    /// How two states stand to each other.
    /// - Parameters:
    ///   - from: the one. A branch that it does not name is the connection's.
    ///   - to: the other.
    ///   - timeout: `nil`: the connection's.
    /// - Throws: ``MembusError/refused(_:)``, with ``/MembusModel/Refusal/Code/belowFloor`` if a state is no longer kept, or
    ///   ``/MembusModel/Refusal/Code/unknownBranch``; ``MembusError/timeout(of:outcomeUnknown:last:)``; ``MembusError/closed``;
    ///   `CancellationError`.
    public func compare(_ from: StateName, _ to: StateName = .now, timeout: Duration? = nil) async throws -> Comparison
    {
        let asked = summary(from, to)
        return Comparison(asked, try await connection.ask(asked, timeout: timeout).answer)
    }

    /// How two states stand to each other, with all that differs, in the order of the keys. What compaction overtakes is read
    /// again by itself, if no revision was named.
    package func wholeDiff(
        from: StateName, to: StateName, topics: [String]
    ) async throws -> (compared: Comparison, differences: [Difference]) {
        var overtaken = 0
        while true {
            let compared = try await compare(from, to)
            do {
                let differences = try await diff(from: compared.from, to: compared.to, topics: topics).collect()
                return (compared, differences.sorted { $0.key < $1.key })
            } catch MembusError.refused(let refusal)
                where refusal.code == .belowFloor && from.moment == .now && to.moment == .now
                && overtaken < Paging<DifferencePages>.mostBeginnings
            {
                overtaken += 1
            }
        }
    }

    func summary(_ from: StateName, _ to: StateName) -> GetDiff {
        GetDiff(from: from.on(branch, now: .now), to: to.on(branch, now: .now), filter: .everything, isSummary: true)
    }
}

extension Comparison {
    init(_ asked: GetDiff, _ page: DiffPage) {
        self.init(
            from: .branch(page.fromBranch ?? asked.from.branch, at: page.from.revision),
            to: .branch(page.toBranch ?? asked.to.branch, at: page.to.revision),
            common: (page.standing?.common ?? []).map { .branch($0.branch, at: $0.at) },
            onlyFrom: page.standing?.onlyFrom ?? 0, onlyTo: page.standing?.onlyTo ?? 0)
    }
}

/// A diff in pages, all of the two states that the first was of.
struct DifferencePages: PagedList {
    private(set) var asked: GetDiff
    private let first: GetDiff
    /// What the pages before were of.
    private(set) var states: (from: Token, to: Token)?

    init(asked: GetDiff) {
        self.asked = asked
        first = asked
    }

    var isContinuing: Bool { states != nil }

    /// Only where it names no revision.
    var begunAnew: DifferencePages? {
        first.from.moment == .head && first.to.moment == .head ? DifferencePages(asked: first) : nil
    }

    mutating func take(_ answered: Answered<DiffPage>) throws -> ReadPage<Difference> {
        let page = answered.answer
        let from = Token(lineage: answered.lineage, position: page.from)
        let to = Token(lineage: answered.lineage, position: page.to)
        if let states, states != (from, to) { throw MembusError.historyChanged(now: answered.lineage) }
        states = (from, to)
        asked.from = BranchState(page.fromBranch ?? asked.from.branch, at: from.revision)
        asked.to = BranchState(page.toBranch ?? asked.to.branch, at: to.revision)
        // One that gets no further would never end.
        let isLast = page.next == nil || page.next == asked.cursor
        asked.cursor = page.next
        return ReadPage(elements: page.differences, isLast: isLast, token: to)
    }
}
