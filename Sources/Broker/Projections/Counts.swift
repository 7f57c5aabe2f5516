import MembusModel
import MembusStore

/// Records, and bytes of their values, of branch `main`: in all, by the key's first segment and by owner.
///
/// Of `main` alone: what a new branch holds would have to be read from the state, and it is counted there already.
package struct Counts: Projection {
    package static let mostNames = 1000

    package private(set) var position: Position?
    private let mostNames: Int
    private var all = MemoryCounts.Amount()
    private var segments: Tally
    private var owners: Tally

    /// - Parameter mostNames: the bound on segments, and on owners, that are told apart.
    package init(mostNames: Int = Counts.mostNames) {
        self.mostNames = mostNames
        segments = Tally(mostNames: mostNames)
        owners = Tally(mostNames: mostNames)
    }

    /// Sizes are told without the values.
    package var inlineBytes: Int { -1 }
    package var isShort: Bool { segments.isShort || owners.isShort }

    package func follows(_ branch: BranchInfo) -> Bool { branch.name == .main }

    package mutating func begin() { self = Counts(mostNames: mostNames) }

    package mutating func add(_ record: Record, on branch: BranchName) {
        let amount = MemoryCounts.Amount(records: 1, bytes: Int64(record.size))
        all = all + amount
        segments.add(amount, to: record.key.firstSegment)
        owners.add(amount, to: record.owner)
    }

    package mutating func apply(_ commit: FollowedCommit) {
        for change in commit.changes {
            if let replaced = change.replaced { remove(replaced) }
            if !change.record.isDeleted { add(change.record, on: commit.info.branch) }
        }
    }

    private mutating func remove(_ record: Record) {
        let amount = MemoryCounts.Amount(records: 1, bytes: Int64(record.size))
        all = all - amount
        segments.remove(amount, from: record.key.firstSegment)
        owners.remove(amount, from: record.owner)
    }

    package mutating func reached(_ position: Position) { self.position = position }

    /// What is counted; `nil`: nothing yet.
    package var told: MemoryCounts? {
        position.map { MemoryCounts(at: $0, all: all, segments: segments.told(of: all), owners: owners.told(of: all)) }
    }
}
