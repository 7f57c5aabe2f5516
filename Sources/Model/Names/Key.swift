/// The name of a record: a slash-separated UTF-8 path such as `plans/paris/day-1`.
///
/// No empty, `.` or `..` segment, no control characters, at most 1,024 bytes. Keys are
/// compared byte by byte and never normalised: two spellings of one accented letter are two keys.
public struct Key: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let text: String

    /// - Throws: ``InvalidName`` naming what is wrong with `text`.
    public init(_ text: String) throws(InvalidName) {
        try PathRules.check(text, of: .key)
        self.text = text
    }

    /// A key whose validity an earlier check guarantees: one read back from the store, say.
    package init(unchecked text: String) { self.text = text }

    public static func == (a: Key, b: Key) -> Bool { a.text.utf8.elementsEqual(b.text.utf8) }
    public func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
    public static func < (a: Key, b: Key) -> Bool { a.text.utf8.lexicographicallyPrecedes(b.text.utf8) }
    public var description: String { text }
}

/// What agents subscribe to and what rights attach to: a prefix ending in `/` (`plans/`), one exact key
/// (`plans/paris`), or `/` for everything.
public struct Topic: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let text: String

    public static let everything = Topic(unchecked: "/")

    /// - Throws: ``InvalidName`` naming what is wrong with `text`.
    public init(_ text: String) throws(InvalidName) {
        if text != "/" {
            // By bytes: with what stands beside it a slash may be one character.
            let path = text.utf8.last == UInt8(ascii: "/") ? String(Substring(text.utf8.dropLast())) : text
            try PathRules.check(path, of: .topic, shown: text)
        }
        self.text = text
    }

    package init(unchecked text: String) { self.text = text }

    public var isEverything: Bool { text == "/" }
    public var isPrefix: Bool { text.utf8.last == UInt8(ascii: "/") }

    /// The prefix that every matching key starts with; the empty one for everything, `nil` for an exact key.
    package var prefix: String? { isEverything ? "" : isPrefix ? text : nil }

    public func matches(_ key: Key) -> Bool {
        if isEverything { return true }
        if isPrefix { return key.text.utf8.starts(with: text.utf8) }
        return key.text.utf8.elementsEqual(text.utf8)
    }

    /// Whether every key of `other` belongs to this topic too.
    public func covers(_ other: Topic) -> Bool {
        if isEverything { return true }
        if other.isEverything { return false }
        return isPrefix ? other.text.utf8.starts(with: text.utf8) : other == self
    }

    public static func == (a: Topic, b: Topic) -> Bool { a.text.utf8.elementsEqual(b.text.utf8) }
    public func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
    public static func < (a: Topic, b: Topic) -> Bool { a.text.utf8.lexicographicallyPrecedes(b.text.utf8) }
    public var description: String { text }
}

/// A set of topics in normal form: sorted, and without topics that another one covers, so that equal
/// filters are equal values. Never empty.
public struct TopicFilter: Hashable, Sendable, CustomStringConvertible {
    public let topics: [Topic]

    public static let everything = TopicFilter([.everything])

    /// - Precondition: `topics` is not empty.
    public init(_ topics: [Topic]) {
        precondition(!topics.isEmpty, "a filter needs at least one topic")
        var kept: [Topic] = []
        for topic in topics.sorted() where !kept.contains(where: { $0.covers(topic) }) {
            kept.append(topic)
        }
        self.topics = topics.contains(where: \.isEverything) ? [.everything] : kept
    }

    public func matches(_ key: Key) -> Bool { topics.contains { $0.matches(key) } }
    public var description: String { topics.map(\.text).joined(separator: " ") }
}

/// The name of a line of memory: one path segment, at most 128 bytes. `main` always exists.
public struct BranchName: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let text: String
    public static let main = BranchName(unchecked: "main")

    public init(_ text: String) throws(InvalidName) {
        if text.utf8.contains(UInt8(ascii: "/")) { throw InvalidName(.branch, text, "must not contain '/'") }
        if text.utf8.count > 128 { throw InvalidName(.branch, text, "is longer than 128 bytes") }
        try PathRules.check(text, of: .branch)
        self.text = text
    }
    package init(unchecked text: String) { self.text = text }
    public static func == (a: BranchName, b: BranchName) -> Bool { a.text.utf8.elementsEqual(b.text.utf8) }
    public func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
    public static func < (a: BranchName, b: BranchName) -> Bool { a.text.utf8.lexicographicallyPrecedes(b.text.utf8) }
    public var description: String { text }
}

/// Why a key, a topic, or the name of a branch or tag was refused.
public struct InvalidName: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Sort: String, Hashable, Sendable { case key, topic, branch, tag }
    public let sort: Sort
    public let name: String
    public let reason: String

    package init(_ sort: Sort, _ name: String, _ reason: String) {
        self.sort = sort
        self.name = name
        self.reason = reason
    }

    public var description: String {
        // By scalars: one character may have any number of them.
        let shown =
            name.utf8.count > 80 ? "\(String(name.unicodeScalars.prefix(60)))… (\(name.utf8.count) bytes)" : name
        return "\(sort.rawValue) \"\(shown.escapingControlCharacters)\" \(reason)"
    }
}

enum PathRules {
    static func check(_ path: String, of sort: InvalidName.Sort, shown: String? = nil) throws(InvalidName) {
        if path.utf8.count <= Limits.longestKey, isPlain(path) { return }
        let shown = shown ?? path
        if path.isEmpty { throw InvalidName(sort, shown, "is empty") }
        if path.utf8.count > Limits.longestKey {
            throw InvalidName(sort, shown, "is longer than \(Limits.longestKey) bytes")
        }
        if path.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) {
            throw InvalidName(sort, shown, "contains a control character")
        }
        for segment in path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            if segment.isEmpty { throw InvalidName(sort, shown, "has an empty segment: no '/' at either end, no '//'") }
            if segment.elementsEqual(".".utf8) || segment.elementsEqual("..".utf8) {
                throw InvalidName(sort, shown, "has a '.' or '..' segment")
            }
        }
    }

    /// Whether the path is valid, and printable ASCII: nearly all are, and one pass over the bytes tells it,
    /// where categories of Unicode cost a look-up for each character.
    private static func isPlain(_ path: String) -> Bool {
        var path = path
        return path.withUTF8 { bytes in
            var start = 0
            for (index, byte) in bytes.enumerated() {
                if byte < 0x20 || byte > 0x7E { return false }
                guard byte == UInt8(ascii: "/") else { continue }
                if !isNamed(bytes[start..<index]) { return false }
                start = index + 1
            }
            return isNamed(bytes[start...])
        }
    }

    private static func isNamed(_ segment: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
        switch segment.count {
        case 0: false
        case 1, 2: segment.contains { $0 != UInt8(ascii: ".") }
        default: true
        }
    }
}

extension String {
    /// The text with control characters, and those that turn the direction of what is written, as `\u{…}`: a text from outside
    /// can neither move a person's cursor nor have a line read otherwise than it is.
    package var escapingControlCharacters: String {
        guard unicodeScalars.contains(where: \.movesOrTurns) else { return self }
        return unicodeScalars.map { $0.movesOrTurns ? "\\u{\(String($0.value, radix: 16))}" : String($0) }.joined()
    }
}

extension Unicode.Scalar {
    fileprivate var movesOrTurns: Bool {
        switch value {
        // Marks, embeddings, overrides and isolates of Unicode's bidirectional algorithm.
        case 0x061C, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069: true
        default: properties.generalCategory == .control
        }
    }
}
