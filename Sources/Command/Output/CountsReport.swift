import Membus

/// Amounts that the broker tells of, in groups, for people.
enum CountsReport {
    /// Groups that people are told of; with `--json` there are more.
    private static let most = 5

    /// - Parameter shown: makes a name harmless to whoever reads it.
    static func rows(_ counts: MemoryCounts?, _ shown: (String) -> String) -> [(String, String)] {
        guard let counts else { return [("records", "not counted yet")] }
        return [
            ("records", "\(amount(counts.all)) on main, counted as of revision \(counts.at.revision)"),
            ("segments", text(of: counts.segments, shown)),
            ("owners", text(of: counts.owners, shown)),
        ]
    }

    static func rows(evicted: EvictedHistory?, _ shown: (String) -> String) -> [(String, String)] {
        guard let evicted else { return [] }
        return [("evicted", "\(amount(evicted.all)) of history; by segments \(text(of: evicted.segments, shown))")]
    }

    private static func text(of groups: MemoryCounts.Groups, _ shown: (String) -> String) -> String {
        let number = Human.grouped(Int64(groups.names)) + (groups.names < groups.mostNames ? "" : " or more")
        let told = groups.largest.prefix(most)
        var parts = told.map { "\(shown($0.name)) \(amount($0.amount))" }
        let others = groups.largest.dropFirst(most).map(\.amount).reduce(groups.others) { sum, amount in
            var sum = sum
            sum.records &+= amount.records
            sum.bytes &+= amount.bytes
            return sum
        }
        if others.records > 0 { parts.append("others \(amount(others))") }
        return ([number] + (parts.isEmpty ? [] : [parts.joined(separator: ", ")])).joined(separator: ": ")
    }

    private static func amount(_ amount: MemoryCounts.Amount) -> String {
        "\(Human.grouped(amount.records)) (\(Human.bytes(amount.bytes)))"
    }
}
