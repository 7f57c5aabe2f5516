import MembusModel

extension PBMemoryCounts {
    init(_ counts: MemoryCounts) {
        self.init()
        at = PBPosition(counts.at)
        all = PBCountedAmount(counts.all)
        segments = PBCountedGroups(counts.segments)
        owners = PBCountedGroups(counts.owners)
    }
}

extension MemoryCounts {
    init(_ message: PBMemoryCounts) throws(Refusal) {
        self.init(
            at: try Position(message.at, "counts.at"), all: Amount(message.all), segments: Groups(message.segments),
            owners: Groups(message.owners))
    }
}

extension PBCountedGroups {
    init(_ groups: MemoryCounts.Groups) {
        self.init()
        largest = groups.largest.map { group in
            .with {
                $0.name = group.name
                $0.amount = PBCountedAmount(group.amount)
            }
        }
        others = PBCountedAmount(groups.others)
        names = Int64(groups.names)
        mostNames = Int64(groups.mostNames)
    }
}

extension MemoryCounts.Groups {
    init(_ message: PBCountedGroups) {
        self.init(
            largest: message.largest.map { MemoryCounts.Group(name: $0.name, amount: MemoryCounts.Amount($0.amount)) },
            others: MemoryCounts.Amount(message.others), names: Int(message.names), mostNames: Int(message.mostNames))
    }
}

extension PBCountedAmount {
    init(_ amount: MemoryCounts.Amount) {
        self.init()
        records = amount.records
        bytes = amount.bytes
    }
}

extension MemoryCounts.Amount {
    init(_ message: PBCountedAmount) { self.init(records: message.records, bytes: message.bytes) }
}
