import FoundationEssentials

/// The number of a committed transaction: one dense sequence for the whole store, from 1, never reused.
/// 0 stands for "before the first commit".
public typealias Revision = Int64

/// Identity of a history. A restored backup starts a new one. Random.
public struct Lineage: Hashable, Sendable, CustomStringConvertible {
    public let id: UInt64
    public init(_ id: UInt64) { self.id = id }
    /// 16 hexadecimal digits, as people and JSON see it.
    public var description: String { id.hexadecimal }
    public init?(_ text: String) {
        guard let id = UInt64(hexadecimal: text) else { return nil }
        self.id = id
    }
}

/// Drawn at random at each start of a broker.
public struct Instance: Hashable, Sendable, CustomStringConvertible {
    public let id: UInt64
    public init(_ id: UInt64) { self.id = id }
    public var description: String { id.hexadecimal }
}

/// An agent's numbered sequence of transactions; drawn at random by the broker and durable.
public struct SessionID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let id: UInt64
    public init(_ id: UInt64) { self.id = id }
    public var description: String { id.hexadecimal }
    public static func < (a: SessionID, b: SessionID) -> Bool { a.id < b.id }
}

/// Names the events of one (branch, topics, mode) for one set of rights. 16 random bytes, never reused;
/// of one length, so that ZeroMQ's prefix matching cannot confuse two of them.
package struct StreamID: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let high: UInt64
    package let low: UInt64
    package static let byteCount = 16
    /// The topic of heartbeats, in the same space as streams' ids: all bits set.
    package static let heartbeat = StreamID(high: .max, low: .max)

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// - Returns: `nil` unless `bytes` holds exactly 16 bytes.
    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        var words: (UInt64, UInt64) = (0, 0)
        for (index, byte) in bytes.enumerated() {
            if index < 8 { words.0 = words.0 << 8 | UInt64(byte) } else { words.1 = words.1 << 8 | UInt64(byte) }
        }
        self.init(high: words.0, low: words.1)
    }

    package var bytes: Data {
        withUnsafeBytes(of: high.bigEndian) { high in
            withUnsafeBytes(of: low.bigEndian) { low in Data(high) + Data(low) }
        }
    }
    package var description: String { high.hexadecimal + low.hexadecimal }
    package static func < (a: StreamID, b: StreamID) -> Bool { (a.high, a.low) < (b.high, b.low) }
}

/// A revision and the first 8 bytes of its hash, which chains it to all before: a place in one history.
/// Everything that moves a cut carries it, every request that builds on a state names it.
public struct Position: Hashable, Sendable, CustomStringConvertible {
    public let revision: Revision
    public let hash: UInt64
    /// Before the first commit, in every history.
    public static let origin = Position(revision: 0, hash: 0)

    public init(revision: Revision, hash: UInt64) {
        self.revision = revision
        self.hash = hash
    }
    public var description: String { "\(revision):\(hash.hexadecimal)" }
}

/// Carries "at least this" from one agent to another: a lineage, a revision and 8 bytes of its hash.
/// Its text form, `lineage:revision:hash`, is what the command line takes and prints.
public struct Token: Hashable, Sendable, CustomStringConvertible {
    public let lineage: Lineage
    public let position: Position
    public var revision: Revision { position.revision }

    public init(lineage: Lineage, position: Position) {
        self.lineage = lineage
        self.position = position
    }
    public var description: String { "\(lineage):\(position)" }

    /// - Returns: `nil` unless `text` is a token's text form.
    public init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, let lineage = Lineage(parts[0]), let revision = Revision(parts[1]), revision >= 0,
            !parts[1].hasPrefix("+"), let hash = UInt64(hexadecimal: parts[2])
        else { return nil }
        self.init(lineage: lineage, position: Position(revision: revision, hash: hash))
    }
}
