import FoundationEssentials

/// Marks what a branch shows of some versions: readers are warned, and transactions that require to be sound fail.
package struct Quarantine: Hashable, Sendable, NamingVersions {
    package var branch: BranchName
    package var versions: [VersionName]
    package var revisions: [Revision]
    package var author: Authorship?
    package var cascade: Cascade?
    /// For people; not empty.
    @ByBytes package var reason: String
    package var plan: PlanID?
    @ByBytes package var context: String
    @ByBytes package var message: String

    package init(
        _ branch: BranchName = .main, versions: [VersionName] = [], revisions: [Revision] = [],
        author: Authorship? = nil, cascade: Cascade? = nil, reason: String, plan: PlanID? = nil, context: String = "",
        message: String = ""
    ) {
        self.branch = branch
        self.versions = versions
        self.revisions = revisions
        self.author = author
        self.cascade = cascade
        self.reason = reason
        self.plan = plan
        self.context = context
        self.message = message
    }

    /// The attribute of a record that is marked: it says why.
    package static let attribute = "membus.quarantine"
}

/// With what is named goes what derives from it, on any branch.
public struct Cascade: Hashable, Sendable {
    /// Only what commits themselves are on record to have read or required counts, not what their context knew.
    public var ownOnly: Bool
    /// These commits are good, whatever they read.
    public var excluded: [Revision]

    public init(ownOnly: Bool = false, excluded: [Revision] = []) {
        self.ownOnly = ownOnly
        self.excluded = excluded
    }
}

/// What names versions: one by one, by their commits, or by who wrote them.
package protocol NamingVersions {
    var versions: [VersionName] { get }
    /// All that these commits wrote.
    var revisions: [Revision] { get }
    /// All that somebody wrote on the branch since.
    var author: Authorship? { get }
    var cascade: Cascade? { get }
}

/// Makes the changes of some commits again on another branch: one commit.
package struct Pick: Hashable, Sendable {
    /// Where to.
    package var branch: BranchName
    /// Of the commits, in the order of history.
    package var revisions: [Revision]
    package var resolutions: [Resolution]
    /// Whether what the commits are on record to have read has to be there, in the same versions.
    package var sameReads: Bool
    package var plan: PlanID?
    @ByBytes package var context: String
    @ByBytes package var message: String

    package init(
        _ revisions: [Revision], onto branch: BranchName = .main, resolutions: [Resolution] = [],
        sameReads: Bool = false, plan: PlanID? = nil, context: String = "", message: String = ""
    ) {
        self.branch = branch
        self.revisions = revisions
        self.resolutions = resolutions
        self.sameReads = sameReads
        self.plan = plan
        self.context = context
        self.message = message
    }
}

/// Names exactly what a plan would write, in exactly one state of what it was made from.
public struct PlanID: Hashable, Sendable, CustomStringConvertible {
    /// Never 0.
    package let id: UInt64

    package init?(_ id: UInt64) {
        if id == 0 { return nil }
        self.id = id
    }

    package init(of encoder: CanonicalEncoder) { id = encoder.fingerprint }

    /// - Parameter text: 16 hexadecimal digits.
    public init?(_ text: String) {
        guard let id = UInt64(hexadecimal: text) else { return nil }
        self.init(id)
    }

    public var description: String { id.hexadecimal }
}

extension Attributes {
    /// Names that begin so are the broker's.
    package static let reserved = "membus."

    /// The first name that only the broker may set.
    package var reservedName: String? {
        first { $0.key.utf8.starts(with: Self.reserved.utf8) }?.key
    }

    /// Without what only the broker may set.
    public var withoutReserved: Attributes {
        guard reservedName != nil else { return self }
        return Attributes(filter { !$0.key.utf8.starts(with: Self.reserved.utf8) })
    }
}
