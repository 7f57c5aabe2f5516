import FoundationEssentials

/// What a key has in two states, which is not the same.
public struct Difference: Equatable, Sendable {
    public enum Change: String, Hashable, Sendable {
        case added, removed, changed
    }

    public let key: Key
    /// In the first state; `nil`: it has no record there.
    public let from: Record?
    /// In the second.
    public let to: Record?

    package init(key: Key, from: Record?, to: Record?) {
        self.key = key
        self.from = from
        self.to = to
    }

    public var change: Change { from == nil ? .added : to == nil ? .removed : .changed }

    /// The second's text by lines, with those of the first that are gone; a record that is not there has none. `nil` if one of
    /// the two is no UTF-8, or was only announced.
    ///
    /// What both begin and end with is not compared; of the rest a longest common part is found, unless more than a thousand
    /// lines would have to go and come: then all of it changed.
    public var lines: [LineChange]? {
        guard let old = Self.lines(of: from), let new = Self.lines(of: to) else { return nil }
        return LineChange.between(old, new)
    }

    private static func lines(of record: Record?) -> [ByBytes]? {
        guard let record else { return [] }
        guard let text = record.text else { return nil }
        if text.isEmpty { return [] }
        var lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            .map { ByBytes(String(Substring($0))) }
        // The end of the last line is none of another.
        if lines.last?.text.isEmpty == true { lines.removeLast() }
        return lines
    }

    /// The members that differ, where both are JSON objects; `nil` otherwise.
    public var fields: [FieldChange]? {
        guard let old = Self.object(from), let new = Self.object(to) else { return nil }
        return FieldChange.between(old, new)
    }

    private static func object(_ record: Record?) -> JSON? {
        guard let record, record.kind == .json, let value = record.value, let json = try? JSON(parsing: value),
            case .object = json
        else { return nil }
        return json
    }
}

/// A line of a text that differs from another.
public struct LineChange: Hashable, Sendable {
    public enum Change: Hashable, Sendable {
        case same, removed, added
    }

    public let change: Change
    private let bytes: ByBytes
    /// Without its end.
    public var text: String { bytes.text }

    init(_ change: Change, _ text: ByBytes) {
        self.change = change
        bytes = text
    }

    static func between(_ old: [ByBytes], _ new: [ByBytes]) -> [LineChange] {
        let (start, end) = ShortestEdit.ends(old, new)
        let (gone, come) = (old[start..<(old.count - end)], new[start..<(new.count - end)])
        return old[..<start].map { LineChange(.same, $0) } + middle(Array(gone), Array(come))
            + old[(old.count - end)...].map { LineChange(.same, $0) }
    }

    private static func middle(_ old: [ByBytes], _ new: [ByBytes]) -> [LineChange] {
        guard let same = common(old, new) else {
            return old.map { LineChange(.removed, $0) } + new.map { LineChange(.added, $0) }
        }
        var changes: [LineChange] = []
        var (place, next) = (0, 0)
        for pair in same + [(old.count, new.count)] {
            changes += old[place..<pair.0].map { LineChange(.removed, $0) }
            changes += new[next..<pair.1].map { LineChange(.added, $0) }
            if pair.0 < old.count { changes.append(LineChange(.same, old[pair.0])) }
            (place, next) = (pair.0 + 1, pair.1 + 1)
        }
        return changes
    }

    private static func common(_ old: [ByBytes], _ new: [ByBytes]) -> [(Int, Int)]? {
        var numbers: [ByBytes: Int] = [:]
        func numbered(_ lines: [ByBytes]) -> [Int] {
            lines.map { line in
                let number = numbers[line] ?? numbers.count
                numbers[line] = number
                return number
            }
        }
        return ShortestEdit.common(numbered(old), numbered(new))
    }
}

/// The search for a longest common part of two lists.
struct ShortestEdit {
    private let a: [Int]
    private let b: [Int]
    /// After so many changes: how far in `a` each diagonal has come, the place in `a` less that in `b`. ``nowhere``: it can't be
    /// reached.
    private var rounds: [[Int]] = []
    private static let nowhere = -1
    /// More lines that changed than this are not told one from another: it would take long, and megabytes.
    private static let most = 1000

    /// How many both begin with, and end with. They need no search.
    static func ends<Line: Equatable>(_ old: [Line], _ new: [Line]) -> (start: Int, end: Int) {
        let start = zip(old, new).prefix { $0 == $1 }.count
        let end = zip(old[start...].reversed(), new[start...].reversed()).prefix { $0 == $1 }.count
        return (start, end)
    }

    /// The places of what both have, in order: a longest such list, found by how many have to go and come
    /// (Myers, "An O(ND) Difference Algorithm and Its Variations", 1986, figure 2). `nil`: there are too many of those.
    static func common(_ old: [Int], _ new: [Int]) -> [(Int, Int)]? {
        if old.isEmpty || new.isEmpty { return [] }
        if abs(old.count - new.count) > most { return nil }
        var search = ShortestEdit(old, new)
        return search.common(most: most)
    }

    private init(_ a: [Int], _ b: [Int]) {
        self.a = a
        self.b = b
    }

    /// - Returns: the places of what both have, in order; `nil`: more than `most` would have to go and come.
    private mutating func common(most: Int) -> [(Int, Int)]? {
        for changes in 0...min(most, a.count + b.count) {
            var round = [Int](repeating: Self.nowhere, count: 2 * changes + 1)
            for diagonal in stride(from: -changes, through: changes, by: 2) {
                guard var place = start(of: diagonal, changes)?.place else { continue }
                while place < a.count, place - diagonal < b.count, a[place] == b[place - diagonal] { place += 1 }
                round[diagonal + changes] = place
                if place == a.count, place - diagonal == b.count { return path(after: changes) }
            }
            rounds.append(round)
        }
        return nil
    }

    /// Where a diagonal begins with this change: one more of `a`, or of `b`, whichever gets further.
    private func start(of diagonal: Int, _ changes: Int) -> (place: Int, before: Int)? {
        if changes == 0 { return (0, 0) }
        func reached(_ diagonal: Int) -> Int {
            abs(diagonal) < changes ? rounds[changes - 1][diagonal + changes - 1] : Self.nowhere
        }
        let (left, above) = (reached(diagonal - 1), reached(diagonal + 1))
        let right = left != Self.nowhere && left < a.count ? left + 1 : Self.nowhere
        let down = above != Self.nowhere && above - diagonal - 1 < b.count ? above : Self.nowhere
        if right == Self.nowhere, down == Self.nowhere { return nil }
        return right >= down ? (right, diagonal - 1) : (down, diagonal + 1)
    }

    /// Back from the ends of both.
    private func path(after changes: Int) -> [(Int, Int)] {
        var pairs: [(Int, Int)] = []
        var (place, diagonal) = (a.count, a.count - b.count)
        for changes in stride(from: changes, through: 0, by: -1) {
            guard let (start, before) = start(of: diagonal, changes) else { break }
            while place > start {
                place -= 1
                pairs.append((place, place - diagonal))
            }
            if changes > 0 { (place, diagonal) = (rounds[changes - 1][before + changes - 1], before) }
        }
        return pairs.reversed()
    }
}

/// A member of a JSON object that differs from another's.
public struct FieldChange: Hashable, Sendable {
    /// Where: a JSON Pointer (RFC 6901).
    public let path: String
    /// As it is written; `nil`: not there.
    public let from: String?
    public let to: String?

    /// Objects member by member, in the order of the first, then what the second adds; all else as a whole.
    static func between(_ old: JSON, _ new: JSON, at path: String = "") -> [FieldChange] {
        guard case .object(let before) = old, case .object(let after) = new else {
            return old == new ? [] : [FieldChange(path, old, new)]
        }
        var changes: [FieldChange] = []
        for (name, value) in before {
            let path = path + "/" + name.inPointer
            if let other = after[name] {
                changes += between(value, other, at: path)
            } else {
                changes.append(FieldChange(path, value, nil))
            }
        }
        for (name, value) in after where before[name] == nil {
            changes.append(FieldChange(path + "/" + name.inPointer, nil, value))
        }
        return changes
    }

    private init(_ path: String, _ from: JSON?, _ to: JSON?) {
        self.path = path
        self.from = from.map { String(decoding: $0.serialised, as: UTF8.self) }
        self.to = to.map { String(decoding: $0.serialised, as: UTF8.self) }
    }

    public static func == (a: FieldChange, b: FieldChange) -> Bool { a.parts == b.parts }
    public func hash(into hasher: inout Hasher) { hasher.combine(parts) }
    private var parts: [ByBytes?] { [ByBytes(path), from.map { ByBytes($0) }, to.map { ByBytes($0) }] }
}

extension JSONName {
    /// As a part of a JSON Pointer.
    var inPointer: String {
        String(decoding: plain, as: UTF8.self).replacing("~", with: "~0").replacing("/", with: "~1")
    }
}

extension Record {
    /// Whether both say the same of their key: value and kind, attributes and links, and when they end. Who said it, and
    /// when, does not count. Both hold their values.
    package func saysTheSame(as other: Record) -> Bool {
        self === other
            || kind == other.kind && content == other.content && attributes == other.attributes
                && links == other.links && expires == other.expires && isDeleted == other.isDeleted
                && vectors == other.vectors
    }
}
