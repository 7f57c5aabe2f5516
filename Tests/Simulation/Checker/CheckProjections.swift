import MembusModel

// What follows the commits, held against the state that it says it speaks of.

extension Check {
    mutating func counted(_ lineage: Lineage, _ told: MemoryCounts) {
        guard let run = exists(told.at, lineage, "counted"), let truth = truth(of: run) else { return }
        let records = truth.state(of: .main, .everything, at: told.at.revision)
        let all = MemoryCounts.Amount(of: records)
        if told.all != all {
            violated(.projections, "\(all.story) at \(told.at.revision), counted are \(told.all.story)")
        }
        compare(told.segments, with: Dictionary(grouping: records) { $0.key.text.prefix { $0 != "/" } + "" }, all)
        compare(told.owners, with: Dictionary(grouping: records, by: \.owner), all)
    }

    private mutating func compare(
        _ told: MemoryCounts.Groups, with groups: [String: [Record]], _ all: MemoryCounts.Amount
    ) {
        let amounts = groups.mapValues { MemoryCounts.Amount(of: $0) }
        for group in told.largest where amounts[group.name] != group.amount {
            violated(
                .projections,
                "\(group.amount.story) are counted for \(group.name), there are \(amounts[group.name].story)")
        }
        if told.names != min(groups.count, told.mostNames) {
            violated(.projections, "\(told.names) groups are counted, \(told.mostNames) at most, of \(groups.count)")
        }
        let rest = told.largest.map(\.amount) + [told.others]
        let sum = MemoryCounts.Amount(records: rest.map(\.records).reduce(0, +), bytes: rest.map(\.bytes).reduce(0, +))
        if sum != all { violated(.projections, "the groups hold \(sum.story), of \(all.story)") }
        // Where all are told apart, it is known which are the largest.
        guard told.names < told.mostNames else { return }
        let ranked = amounts.sorted { ($1.value.bytes, $0.key) < ($0.value.bytes, $1.key) }.map(\.key)
        if told.largest.map(\.name) != Array(ranked.prefix(20)) {
            violated(.projections, "\(told.largest.map(\.name)) are told to be the largest of \(ranked)")
        }
    }
}

extension MemoryCounts.Amount {
    fileprivate init(of records: [Record]) {
        self.init(records: Int64(records.count), bytes: records.reduce(0) { $0 + Int64($1.size) })
    }
    fileprivate var story: String { "\(records) records of \(bytes) bytes" }
}

extension MemoryCounts.Amount? {
    fileprivate var story: String { map(\.story) ?? "none" }
}
