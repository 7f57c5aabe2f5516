// What agents write is compared byte by byte and never normalised, like keys: two spellings of one accented letter, which
// are the same to `String`, are two names. On the wire, in the store and to other languages they are two as well, so
// whoever took them for one would lose one of them.

extension String {
    /// Whether both are the same bytes in UTF-8. `==` would take two spellings of one letter for the same.
    package func hasSameBytes(as other: String) -> Bool {
        guard utf8.count == other.utf8.count else { return false }
        let isSame = utf8.withContiguousStorageIfAvailable { mine in
            other.utf8.withContiguousStorageIfAvailable { mine.elementsEqual($0) }
        }
        return (isSame ?? nil) ?? utf8.elementsEqual(other.utf8)
    }

    /// In the order of the bytes; `<` orders what `==` takes for the same by nothing.
    package func precedesByBytes(_ other: String) -> Bool { utf8.lexicographicallyPrecedes(other.utf8) }
}

/// A user's text as values hold it that are compared: they are equal only if it is the same bytes. As a wrapper of a
/// property it does not show; what is public can't have a wrapper that is not, and holds it under another name. Also a name
/// by which dictionaries keep things.
@propertyWrapper
package struct ByBytes: Hashable, Comparable, Sendable {
    package var text: String

    package init(_ text: String) { self.text = text }
    package init(wrappedValue: String) { text = wrappedValue }
    package var wrappedValue: String {
        get { text }
        set { text = newValue }
    }

    package static func == (a: ByBytes, b: ByBytes) -> Bool { a.text.hasSameBytes(as: b.text) }
    package func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
    package static func < (a: ByBytes, b: ByBytes) -> Bool { a.text.precedesByBytes(b.text) }
}
