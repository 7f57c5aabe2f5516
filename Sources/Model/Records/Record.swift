import FoundationEssentials

/// Names what a value is: `text`, `json`, `counter`, or one of the user's own. Increments need `counter`,
/// appends `text`, merge patches `json`; the other kinds are carried as they are.
public struct Kind: Hashable, Sendable, CustomStringConvertible {
    public let name: String
    public init(_ name: String) { self.name = name }
    public static func == (a: Kind, b: Kind) -> Bool { a.name.hasSameBytes(as: b.name) }
    public func hash(into hasher: inout Hasher) { ByBytes(name).hash(into: &hasher) }
    public static let text = Kind("text")
    public static let json = Kind("json")
    /// A signed 64-bit integer, stored as its decimal digits in ASCII.
    public static let counter = Kind("counter")
    public var description: String { name }
}

/// A directed, named link from a record to another key. The target need not exist.
public struct Link: Hashable, Sendable, Comparable {
    private let relationBytes: ByBytes
    public var relation: String { relationBytes.text }
    public let target: Key
    public init(relation: String, target: Key) {
        relationBytes = ByBytes(relation)
        self.target = target
    }
    public static func < (a: Link, b: Link) -> Bool {
        (a.relationBytes, a.target) < (b.relationBytes, b.target)
    }
}

/// One version of a key: what a commit put there, or that it deleted what was there. Immutable.
///
/// It is a class, so that a cached read costs one retain, whatever the record carries.
public final class Record: Sendable {
    /// The value itself, or that there is one.
    public enum Value: Hashable, Sendable {
        case inline(Data)
        /// It did not travel along: it is larger than the broker's inline limit, or the stream's mode lets no values
        /// travel. A view fetches it as of its cut. `size` is in bytes.
        case announced(size: Int)
    }

    public let key: Key
    /// Of the commit that wrote this version.
    public let revision: Revision
    /// The change's place within its commit, from 0.
    public let ordinal: UInt32
    /// A deletion: the other fields are empty.
    public let isDeleted: Bool
    public let kind: Kind
    public let content: Value
    public let attributes: Attributes
    public let links: [Link]
    /// The agent that put it; increments, appends and patches leave it.
    public let owner: String
    /// When the broker will delete it.
    public let expires: Timestamp?
    /// Of the value. They stay with the broker: what a client reads has none.
    package let vectors: Vectors

    package init(
        key: Key, revision: Revision, ordinal: UInt32 = 0, isDeleted: Bool = false, kind: Kind = .text,
        content: Value = .inline(Data()), attributes: Attributes = [:], links: [Link] = [],
        owner: String = "", expires: Timestamp? = nil, vectors: Vectors = .none
    ) {
        self.key = key
        self.revision = revision
        self.ordinal = ordinal
        self.isDeleted = isDeleted
        self.kind = kind
        self.content = content
        self.attributes = attributes
        self.links = links
        self.owner = owner
        self.expires = expires
        self.vectors = vectors
    }

    package static func deletion(of key: Key, revision: Revision, ordinal: UInt32 = 0) -> Record {
        Record(key: key, revision: revision, ordinal: ordinal, isDeleted: true, kind: Kind(""))
    }

    /// The value, or `nil` if it was only announced.
    public var value: Data? {
        if case .inline(let data) = content { data } else { nil }
    }
    /// The value's size in bytes, also when it was only announced.
    public var size: Int {
        switch content {
        case .inline(let data): data.count
        case .announced(let size): size
        }
    }
    /// The value as text, or `nil` if it is not UTF-8 or was only announced.
    public var text: String? { value.flatMap { String(data: $0, encoding: .utf8) } }
    /// The counter's value, or `nil` for another kind.
    public var count: Int64? { kind == .counter ? text.flatMap { Int64($0) } : nil }

    /// The same version without its value, as invalidations and oversized events carry it.
    package var announced: Record {
        guard !isDeleted, case .inline(let data) = content else { return self }
        return Record(
            key: key, revision: revision, ordinal: ordinal, kind: kind, content: .announced(size: data.count),
            attributes: attributes, links: links, owner: owner, expires: expires)
    }

    /// A fair estimate of the memory that it occupies, in bytes, for caps.
    package var footprint: Int {
        var bytes = 160 + 2 * key.text.utf8.count + owner.utf8.count
        if case .inline(let data) = content { bytes += data.count }
        for (name, value) in attributes { bytes += 64 + name.utf8.count + value.utf8.count }
        for link in links { bytes += 48 + link.relation.utf8.count + link.target.text.utf8.count }
        return bytes + vectors.encoded.count
    }
}

extension Record: Equatable {
    public static func == (a: Record, b: Record) -> Bool {
        a === b
            || a.key == b.key && a.revision == b.revision && a.ordinal == b.ordinal && a.isDeleted == b.isDeleted
                && a.kind == b.kind && a.content == b.content && a.attributes == b.attributes && a.links == b.links
                && a.owner.hasSameBytes(as: b.owner) && a.expires == b.expires && a.vectors == b.vectors
    }
}

extension Record: CustomStringConvertible {
    public var description: String {
        isDeleted ? "\(key)@\(revision) deleted" : "\(key)@\(revision) \(kind) \(size) bytes"
    }
}
