import FoundationEssentials

/// How a key that both sides have changed is merged.
package enum MergePolicy: String, CaseIterable, Hashable, Sendable {
    /// What both sides added.
    case counter
    /// By member; arrays and all else as a whole.
    case json
    /// By line; what was only appended is appended.
    case text
    /// What both sides kept, and what either added: the elements of a JSON array, or the lines of a text.
    case set
    /// The side that changed last.
    case newest
    case ours
    case theirs
    /// Nobody decides but whoever merges.
    case ask
}

extension MergePolicy {
    /// Where nobody has set another.
    package static func usual(for kind: Kind) -> MergePolicy {
        switch kind {
        case .counter: .counter
        case .json: .json
        case .text: .text
        default: .ask
        }
    }
}

/// Which side: what is merged into, or what is merged.
package enum MergeChoice: String, CaseIterable, Hashable, Sendable {
    case ours, theirs
}

/// Why two sides can't be merged.
public enum MergeConflictKind: String, Hashable, Sendable, CaseIterable {
    case bothChanged, bothCreated
    /// Ours deleted it, theirs changed it.
    case deletedAndChanged
    /// Ours changed it, theirs deleted it.
    case changedAndDeleted
    /// The sides are of different kinds, or of another than what they both began with.
    case differentKinds
    /// It would bring back what was undone.
    case undone
    /// What both began with is gone, or is not one.
    case noBase
    /// Of a pick: what the commit had read is the base, and ours is another version. No resolution settles it.
    case otherRead
}

/// What one side has under a key.
package struct MergeSide: Sendable {
    /// `nil`: there is none; there never was, or it was deleted. Its value is inline.
    package var record: Record?
    /// Of the newest version, a deletion's included; 0: there never was one.
    package var revision: Revision
    /// The broker deleted it because its time had come.
    package var isExpired: Bool
    /// Since the base its value, a text, was only appended to, or appends made it.
    package var hasOnlyAppended: Bool

    package init(
        record: Record?, revision: Revision, isExpired: Bool = false, hasOnlyAppended: Bool = false
    ) {
        self.record = record
        self.revision = revision
        self.isExpired = isExpired
        self.hasOnlyAppended = hasOnlyAppended
    }
}

/// What a merge makes of both sides.
package struct MergedContent: Hashable, Sendable {
    package var kind: Kind
    package var value: Data
    package var attributes: Attributes
    package var links: [Link]
    @ByBytes package var owner: String
    package var expires: Timestamp?
    package var vectors: Vectors

    package init(
        kind: Kind, value: Data, attributes: Attributes = [:], links: [Link] = [], owner: String = "",
        expires: Timestamp? = nil, vectors: Vectors = .none
    ) {
        self.kind = kind
        self.value = value
        self.attributes = attributes
        self.links = links
        self.owner = owner
        self.expires = expires
        self.vectors = vectors
    }
}
