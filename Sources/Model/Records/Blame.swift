import FoundationEssentials

/// Who last changed each part of a record: each line of a text, each member of a JSON object.
public struct Blame: Sendable {
    /// What is looked at, with the commit that wrote it.
    public let version: KeyVersion
    /// In the order of the record.
    public let lines: [Line]

    /// A part of the record.
    public struct Line: Sendable {
        public enum Place: Sendable {
            /// Of a text; the first is 1.
            case line(Int)
            /// Of a JSON object, at whatever depth: a JSON Pointer (RFC 6901).
            case member(String)
            /// The whole value: of a record that is neither.
            case whole
        }

        public let place: Place
        /// The line without its end, the member's value as JSON, or the whole value; `nil` for what is no text.
        public let text: String?
        /// The commit since which it is as it is. Of one that is no longer kept, only what the version itself tells is known.
        public let commit: CommitInfo
        /// Whether it may be older: no version before that commit's was looked at, as it is no longer kept, or too far back.
        public let isAtOrBefore: Bool
    }
}

/// The walk back through a record's versions that finds where each of its parts comes from. It is given one older version after
/// another, until it says that it needs no more:
///
///     12  deny\nallow all\n    both lines are in 12, and wait for what 9 says
///      9  allow all\n          the second is here, too; so "deny" came with 12
///      4  deleted              so "allow all" came with 9: done
///
/// A part has come with the oldest version that has it in an unbroken row from the newest on. What was taken out and put in
/// again came with the later one, whoever had written it before.
package struct BlameWalk {
    private let newest: KeyVersion
    private let shown: [(place: Blame.Line.Place, text: String?)]
    /// Of each part: the commit that it came with, once that is known.
    private var origins: [CommitInfo?]
    /// The version that was looked at last. What waits has been there.
    private var last: CommitInfo
    private var trail: Trail

    /// How the parts that wait are found in an older version.
    private enum Trail {
        /// The last version's lines, and of each part that waits its line there.
        case lines([ArraySlice<UInt8>], waiting: [(part: Int, line: Int)])
        case members([BlamedMember], waiting: [Int])
        case whole(isWaiting: Bool)
    }

    /// - Precondition: `newest` is no deletion.
    package init(_ newest: KeyVersion) {
        precondition(!newest.record.isDeleted, "nobody is to blame for what is not there")
        let record = newest.record
        self.newest = newest
        last = newest.commit
        if record.kind == .text, record.text != nil {
            let lines = Self.lines(of: record)
            trail = .lines(lines, waiting: lines.indices.map { ($0, $0) })
            shown = lines.enumerated().map { (.line($0 + 1), String(decoding: $1, as: UTF8.self)) }
        } else if let members = BlamedMember.all(of: record) {
            trail = .members(members, waiting: Array(members.indices))
            shown = members.map { (.member($0.path.text), String(decoding: $0.value.serialised, as: UTF8.self)) }
        } else {
            trail = .whole(isWaiting: true)
            shown = [(.whole, record.text)]
        }
        origins = Array(repeating: nil, count: shown.count)
    }

    /// Whether each part's origin is known: no older version is of interest.
    package var isDone: Bool {
        switch trail {
        case .lines(_, let waiting): waiting.isEmpty
        case .members(_, let waiting): waiting.isEmpty
        case .whole(let isWaiting): !isWaiting
        }
    }

    /// The newest version of those before the last.
    package mutating func take(_ older: KeyVersion) {
        switch trail {
        case .lines(let lines, let waiting):
            let old = Self.lines(of: older.record)
            let (found, gone) = Self.follow(waiting, from: lines, to: old)
            for part in gone { origins[part] = last }
            trail = .lines(old, waiting: found)
        case .members(let members, let waiting):
            let old = Dictionary(
                (BlamedMember.all(of: older.record) ?? []).map { ($0.path, $0.value) }, uniquingKeysWith: { $1 })
            let found = waiting.filter { old[members[$0].path] == members[$0].value }
            for part in Set(waiting).subtracting(found) { origins[part] = last }
            trail = .members(members, waiting: found)
        case .whole(let isWaiting):
            let (old, new) = (older.record, newest.record)
            if isWaiting, old.isDeleted || old.kind != new.kind || old.content != new.content {
                origins[0] = last
                trail = .whole(isWaiting: false)
            }
        }
        last = older.commit
    }

    /// What came of it.
    /// - Parameter isWhole: whether the last version was the key's first. Else what still waits may be older.
    package func blame(isWhole: Bool) -> Blame {
        let lines = zip(shown, origins).map { shown, origin in
            Blame.Line(
                place: shown.place, text: shown.text, commit: origin ?? last, isAtOrBefore: origin == nil && !isWhole)
        }
        return Blame(version: newest, lines: lines)
    }

    // MARK: Lines

    /// Without their ends. An older version may be of any kind: what counts is which bytes were there.
    private static func lines(of record: Record) -> [ArraySlice<UInt8>] {
        guard !record.isDeleted, let value = record.value, !value.isEmpty else { return [] }
        var lines = [UInt8](value).split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        // The end of the last line is none of another.
        if lines.last?.isEmpty == true { lines.removeLast() }
        return lines
    }

    /// Where the lines that wait are in an older version, and the parts that are not there.
    private static func follow(
        _ waiting: [(part: Int, line: Int)], from new: [ArraySlice<UInt8>], to old: [ArraySlice<UInt8>]
    ) -> (found: [(part: Int, line: Int)], gone: [Int]) {
        let places = places(of: new, in: old)
        var (found, gone) = ([(part: Int, line: Int)](), [Int]())
        for (part, line) in waiting {
            if let place = places[line] { found.append((part, place)) } else { gone.append(part) }
        }
        return (found, gone)
    }

    /// Of each line its place in the older text; `nil`: it is new. More than a thousand changes are not told one from another:
    /// then all from the first of them to the last is.
    private static func places(of new: [ArraySlice<UInt8>], in old: [ArraySlice<UInt8>]) -> [Int?] {
        let (start, end) = ShortestEdit.ends(old, new)
        var places = [Int?](repeating: nil, count: new.count)
        for line in 0..<start { places[line] = line }
        for line in (new.count - end)..<new.count { places[line] = old.count - (new.count - line) }
        var numbers: [ArraySlice<UInt8>: Int] = [:]
        func numbered(_ lines: ArraySlice<ArraySlice<UInt8>>) -> [Int] {
            lines.map { line in
                let number = numbers[line] ?? numbers.count
                numbers[line] = number
                return number
            }
        }
        let (gone, come) = (old[start..<(old.count - end)], new[start..<(new.count - end)])
        for (inOld, inNew) in ShortestEdit.common(numbered(gone), numbered(come)) ?? [] {
            places[start + inNew] = start + inOld
        }
        return places
    }
}

/// A member of a JSON object that has no members itself.
private struct BlamedMember {
    let path: ByBytes
    let value: JSON

    /// In the order of the object; `nil`: the record is no JSON object.
    static func all(of record: Record) -> [BlamedMember]? {
        guard record.kind == .json, let value = record.value, let json = try? JSON(parsing: value),
            case .object = json
        else { return nil }
        var all: [BlamedMember] = []
        func add(_ json: JSON, at path: String) {
            guard case .object(let members) = json, !members.isEmpty else {
                return all.append(BlamedMember(path: ByBytes(path), value: json))
            }
            for (name, value) in members { add(value, at: path + "/" + name.inPointer) }
        }
        add(json, at: "")
        return all
    }
}
