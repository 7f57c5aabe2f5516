import Membus
import MembusDocuments

/// What the broker counted beside the commits, for people and for programs.
enum CountsReport {
    /// Groups that people are told of; programs get all that there are.
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

    static func json(_ counts: MemoryCounts?) -> JSONValue {
        guard let counts else { return .null }
        return ["at": .position(counts.at)] + json(counts.all)
            + ["segments": json(counts.segments), "owners": json(counts.owners)]
    }

    private static func json(_ amount: MemoryCounts.Amount) -> JSONValue {
        ["records": .integer(amount.records), "bytes": .integer(amount.bytes)]
    }

    private static func json(_ groups: MemoryCounts.Groups) -> JSONValue {
        [
            "names": JSONValue(groups.names), "most_names": JSONValue(groups.mostNames),
            "largest": .array(groups.largest.map { ["name": .string($0.name)] + json($0.amount) }),
            "others": json(groups.others),
        ]
    }
}
