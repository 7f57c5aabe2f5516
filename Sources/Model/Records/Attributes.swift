/// A record's attributes: texts by name, each name once, in the order of the names' bytes.
///
/// Names and values are compared byte by byte and never normalised, as keys are: two spellings of one accented letter are
/// two names. A `Dictionary` by `String` would lose one of them.
public struct Attributes: Hashable, Sendable {
    private struct Entry: Hashable, Sendable {
        @ByBytes var name: String
        @ByBytes var value: String
    }
    private var entries: [Entry] = []

    public init() {}

    /// Of several of one name the last counts.
    public init(_ attributes: some Sequence<(key: String, value: String)>) {
        for (name, value) in attributes { self[name] = value }
    }

    /// Where it is, or would be.
    private func place(of name: String) -> (index: Int, isThere: Bool) {
        var (low, high) = (0, entries.count)
        // What comes in order, from the wire or the store, goes to the end.
        if let last = entries.last, last.name.precedesByBytes(name) { return (high, false) }
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].name.precedesByBytes(name) { low = middle + 1 } else { high = middle }
        }
        return (low, low < entries.count && entries[low].name.hasSameBytes(as: name))
    }

    public subscript(name: String) -> String? {
        get {
            let (index, isThere) = place(of: name)
            return isThere ? entries[index].value : nil
        }
        set {
            let (index, isThere) = place(of: name)
            switch (newValue, isThere) {
            case (let value?, true): entries[index].value = value
            case (let value?, false): entries.insert(Entry(name: name, value: value), at: index)
            case (nil, true): entries.remove(at: index)
            case (nil, false): break
            }
        }
    }
}

extension Attributes: RandomAccessCollection {
    public var startIndex: Int { 0 }
    public var endIndex: Int { entries.count }
    public subscript(position: Int) -> (key: String, value: String) {
        (entries[position].name, entries[position].value)
    }
}

extension Attributes: ExpressibleByDictionaryLiteral {
    /// Of several of one name the last counts.
    public init(dictionaryLiteral elements: (String, String)...) {
        for (name, value) in elements { self[name] = value }
    }
}

extension Attributes: CustomStringConvertible {
    public var description: String { "[\(map { "\($0.key): \($0.value)" }.joined(separator: ", "))]" }
}
