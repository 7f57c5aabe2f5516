import FoundationEssentials
import OrderedCollections

/// A conflict that a merge left for later: a record under `.membus/conflicts/`, which is watched, claimed and settled like any
/// other. It names the versions; who settles it reads them.
public struct ParkedConflict: Hashable, Sendable {
    /// A version of the key, by where it was written. A deletion is one, too.
    public struct Side: Hashable, Sendable {
        public var branch: BranchName
        /// Of the commit that wrote it.
        public var revision: Revision

        package init(_ branch: BranchName, at revision: Revision) {
            self.branch = branch
            self.revision = revision
        }
    }

    /// Of the merge.
    public var merge: Revision
    /// Among those of the merge, from 1.
    public var number: Int
    public var conflict: Key
    public var kind: MergeConflictKind
    public var source: BranchName
    /// What both had in common; `nil`: nothing, or it is not known (``MergeConflictKind/noBase``).
    public var base: Side?
    /// `nil`: there never was one.
    public var ours: Side?
    public var theirs: Side?

    package init(
        merge: Revision, number: Int, conflict: Key, kind: MergeConflictKind, source: BranchName, base: Side? = nil,
        ours: Side? = nil, theirs: Side? = nil
    ) {
        self.merge = merge
        self.number = number
        self.conflict = conflict
        self.kind = kind
        self.source = source
        self.base = base
        self.ours = ours
        self.theirs = theirs
    }

    package static let topic = Topic(unchecked: ".membus/conflicts/")

    /// Where it stands.
    public var key: Key { Key(unchecked: "\(Self.topic)\(merge)/\(number)") }
    /// Where whoever settles it says so: a record that expires.
    public var claim: Key { Key(unchecked: "\(key)/claim") }
    /// `74/1`
    public var name: String { "\(merge)/\(number)" }

    /// - Parameter name: `74/1`.
    package static func key(named name: String) -> Key? {
        let parts = name.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard parts.count == 2, let merge = Int64(Substring(parts[0])), let number = Int(Substring(parts[1])),
            merge > 0, number > 0
        else { return nil }
        return Key(unchecked: "\(topic)\(merge)/\(number)")
    }

    /// Whether a conflict stands there, and not its claim.
    package static func names(_ key: Key) -> Bool {
        key.isParkedConflict
            && Self.key(named: String(Substring(key.text.utf8.dropFirst(topic.text.utf8.count)))) != nil
    }

    // MARK: As a record

    /// The value of the record, of kind json.
    package var document: Data {
        func side(_ side: Side?) -> JSON {
            guard let side else { return .null }
            return .object(["branch": .string(side.branch.text), "revision": .scalar(Array("\(side.revision)".utf8))])
        }
        return JSON.object([
            "key": .string(conflict.text), "kind": .string(kind.rawValue), "source": .string(source.text),
            "base": side(base), "ours": side(ours), "theirs": side(theirs),
        ]).serialised
    }

    /// - Returns: `nil`: the record is no conflict. Its claim stands under the same topic.
    package init?(_ record: Record) {
        let name = record.key.text.utf8.dropFirst(Self.topic.text.utf8.count)
        guard record.key.text.utf8.starts(with: Self.topic.text.utf8), Self.key(named: String(Substring(name))) != nil,
            record.kind == .json, let value = record.value,
            case .object(let members)? = try? JSON(parsing: value)
        else { return nil }
        let parts = name.split(separator: UInt8(ascii: "/"))
        func text(_ name: JSONName) -> String? { members[name]?.text }
        func side(_ name: JSONName) -> Side? {
            guard case .object(let side)? = members[name], let branch = side["branch"]?.text,
                let name = try? BranchName(branch), let revision = side["revision"]?.integer
            else { return nil }
            return Side(name, at: revision)
        }
        guard let merge = Int64(Substring(parts[0])), let number = Int(Substring(parts[1])),
            let key = text("key"), let conflict = try? Key(key), let word = text("kind"),
            let kind = MergeConflictKind.allCases.first(where: { $0.rawValue.hasSameBytes(as: word) }),
            let branch = text("source"), let source = try? BranchName(branch)
        else { return nil }
        self.init(
            merge: merge, number: number, conflict: conflict, kind: kind, source: source, base: side("base"),
            ours: side("ours"), theirs: side("theirs"))
    }
}

extension Key {
    /// Of a conflict that was left for later: it stays with its branch.
    package var isParkedConflict: Bool { text.utf8.starts(with: ParkedConflict.topic.text.utf8) }
}

extension JSONName: ExpressibleByStringLiteral {
    /// - Precondition: nothing in it needs to be escaped.
    package init(stringLiteral name: StaticString) { self.init(written: Array("\(name)".utf8)) }
}

extension JSON {
    /// A string of these characters.
    package static func string(_ text: String) -> JSON {
        var written: [UInt8] = [UInt8(ascii: "\"")]
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): written += [UInt8(ascii: "\\"), byte]
            case ..<0x20: written += Array("\\u00".utf8) + Array([byte].hexadecimal.utf8)
            default: written.append(byte)
            }
        }
        return .scalar(written + [UInt8(ascii: "\"")])
    }

    /// `nil`: it is no whole number that fits.
    var integer: Int64? {
        guard case .scalar(let written) = self else { return nil }
        return Int64(String(decoding: written, as: UTF8.self))
    }
}
