/// The name of a tag: a state that somebody has named. Branches and tags share one space of names, so that a name alone says
/// which is meant; and no tag looks like a moment, so that `--at` tells the two apart.
///
/// At most 128 bytes, without `/`, `@`, `~`, spaces and control characters; no number, no length of time (`10m`) and no date.
public struct TagName: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let text: String

    /// - Throws: ``InvalidName`` naming what is wrong with `text`.
    public init(_ text: String) throws(InvalidName) {
        // By bytes: with what stands beside it a sign may be one character.
        for sign in ["/", "@", "~"] where text.utf8.contains(sign.utf8[sign.utf8.startIndex]) {
            throw InvalidName(.tag, text, "must not contain '\(sign)'")
        }
        if text.utf8.count > 128 { throw InvalidName(.tag, text, "is longer than 128 bytes") }
        try PathRules.check(text, of: .tag)
        if text.unicodeScalars.contains(where: { $0.properties.isWhitespace }) {
            throw InvalidName(.tag, text, "contains a space")
        }
        if StateName.Moment(text) != nil {
            throw InvalidName(.tag, text, "reads as a revision or a time; begin it with a word")
        }
        self.text = text
    }
    package init(unchecked text: String) { self.text = text }

    public static func == (a: TagName, b: TagName) -> Bool { a.text.utf8.elementsEqual(b.text.utf8) }
    public func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
    public static func < (a: TagName, b: TagName) -> Bool { a.text.utf8.lexicographicallyPrecedes(b.text.utf8) }
    public var description: String { text }
}
