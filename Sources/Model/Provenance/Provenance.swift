// What a commit did beyond what its records say. It stands in the commit's row, and the hash covers it.
//
//   origins   of versions that were made of other versions of their key: which, and how. What was put or deleted as a
//             whole has none.
//   deed      what the commit as a whole brought in or took back
//
// A version is named by its commit's revision: a commit changes a key once.

package struct Provenance: Hashable, Sendable {
    package var deed: Deed?
    /// In the order of their ordinals.
    package var origins: [Origin]

    package init(deed: Deed? = nil, origins: [Origin] = []) {
        self.deed = deed
        self.origins = origins
    }

    package static let none = Provenance()
    package var isEmpty: Bool { deed == nil && origins.isEmpty }

    package func origin(of ordinal: UInt32) -> Origin? { origins.first { $0.ordinal == ordinal } }
}

/// How one version came to be.
package struct Origin: Hashable, Sendable {
    package enum Making: UInt8, Hashable, Sendable {
        case incremented = 1
        case appended = 2
        case patched = 3
        /// By a merge: theirs, as it was.
        case taken = 4
        /// By a merge: of both sides.
        case combined = 5
        /// By a merge: ours, as it was, against what the other side has.
        case kept = 6
        /// By a rollback.
        case restored = 7
        /// By a revert: what the key's history gives without what was reverted.
        case undone = 8
        /// By a quarantine: as it was, but for the mark.
        case marked = 9
        /// By a pick: what commits of another branch had changed, changed here.
        case picked = 10
    }

    package var ordinal: UInt32
    package var making: Making
    /// Somebody chose, or a policy did: it does not follow from the versions alone.
    package var isSettled: Bool
    /// The versions of its key that it was made of, by their revisions.
    package var madeOf: [Revision]
    /// By how much it was incremented; how many bytes were appended; else 0.
    package var amount: Int64

    package init(
        ordinal: UInt32, _ making: Making, of madeOf: [Revision], isSettled: Bool = false, amount: Int64 = 0
    ) {
        self.ordinal = ordinal
        self.making = making
        self.isSettled = isSettled
        self.madeOf = madeOf
        self.amount = amount
    }
}

/// What a commit as a whole did.
package enum Deed: Hashable, Sendable {
    case merge(MergeDeed)
    /// The branch, or a part of it, is as it was at this revision.
    case rollback(to: Revision)
    /// - Parameter cascades: whether these are the ones that were named and all that derived from them.
    case revert([VersionName], cascades: Bool)
    /// Versions that are marked, where they are shown.
    case quarantine([VersionName])
    /// The commits whose changes were made again.
    case pick([Revision])
    /// The branch that it made holds what it inherited otherwise than its parent does.
    case fork(InheritedExpiry)
    /// What its branch may be used for is another from now on.
    case branch(BranchChange.Action)
    /// A state of its branch has a name from now on; `nil`: the tag is gone.
    case tag(TagName, Revision?)
}

/// Whether the records that a branch inherited expire on it.
package enum InheritedExpiry: UInt8, Hashable, Sendable {
    /// Those that expire on its parent.
    case asOnParent = 0
    /// None: it starts in the past, and is to stay as that was.
    case frozen = 1
    case all = 2
}

/// From this commit on the branch contains all that the other state contains.
package struct MergeDeed: Hashable, Sendable {
    package var source: BranchName
    package var revision: Revision
    /// The newest states that both sides had in common.
    package var heads: [BranchHead]
    /// Keys that both sides had changed and left with the same content: nothing was written for them.
    package var agreed: [Key]

    package init(source: BranchName, revision: Revision, heads: [BranchHead], agreed: [Key]) {
        self.source = source
        self.revision = revision
        self.heads = heads
        self.agreed = agreed
    }
}

/// A branch as of one of its revisions.
package struct BranchHead: Hashable, Sendable {
    package var branch: BranchName
    package var revision: Revision

    package init(_ branch: BranchName, at revision: Revision) {
        self.branch = branch
        self.revision = revision
    }
}

/// Names one version.
public struct VersionName: Hashable, Sendable, Comparable, CustomStringConvertible {
    public let key: Key
    /// Of the commit that wrote it.
    public let revision: Revision

    public init(_ key: Key, at revision: Revision) {
        self.key = key
        self.revision = revision
    }

    public static func < (a: VersionName, b: VersionName) -> Bool { (a.revision, a.key) < (b.revision, b.key) }
    public var description: String { "\(key)@\(revision)" }
}

extension Transaction {
    /// Of the versions that its increments, appends and patches made.
    package func origins(of records: [Record], after heads: [Key: Record]) -> [Origin] {
        // Mostly there are none.
        if changes.allSatisfy({ $0.action.making == nil }) { return [] }
        var makings: [Key: (Origin.Making, Int64)] = [:]
        for change in changes { if let making = change.action.making { makings[change.key] = making } }
        return records.compactMap { record in
            makings[record.key].map { making, amount in
                let before = heads[record.key].map { [$0.revision] } ?? []
                return Origin(ordinal: record.ordinal, making, of: before, amount: amount)
            }
        }
    }
}

extension Change.Action {
    fileprivate var making: (Origin.Making, Int64)? {
        switch self {
        case .put, .delete: nil
        case .increment(let amount): (.incremented, amount)
        case .append(let text): (.appended, Int64(text.count))
        case .mergePatch: (.patched, 0)
        }
    }
}
