// A query's own tables (WITH … AS) are written out by SQLite wherever they are named, while it prepares the statement, which
// nothing ends and no limit bounds: thirty tables, each of which names the one before twice, are a thousand million copies.
// So they are counted first, from the words alone: a table counts one, and what it names.
//
//   WITH a AS (SELECT 1), b AS (SELECT * FROM a, a), c AS (SELECT * FROM b, b) SELECT * FROM c
//        a = 1            b = 1 + 2 × 1              c = 1 + 2 × 3
//
// It may count too much, where a column has a table's name; never too little, as a table is named by its bare name alone.

enum CommonTables {
    /// More copies are refused. They are made in some milliseconds.
    static let most = 10_000

    /// How many parts of the query SQLite has to do with in the end, at most.
    static func copies(in text: String) -> Int {
        let words = QueryWords.all(in: text)
        var count = Count(words: words, bodies: bodies(in: words))
        return count.copies(in: 0..<words.count)
    }

    /// Of each table's name, where its statement stands.
    private static func bodies(in words: [QueryWord]) -> [[UInt8]: [Range<Int>]] {
        let ends = closings(in: words)
        var bodies: [[UInt8]: [Range<Int>]] = [:]
        for (index, word) in words.enumerated() {
            guard case .name(let name) = word else { continue }
            var next = index + 1
            // The names of its columns.
            if next < words.count, words[next] == .opening { next = ends[next] + 1 }
            guard next < words.count, words[next].isName("as") else { continue }
            next += 1
            while next < words.count, words[next].isName("not") || words[next].isName("materialized") { next += 1 }
            guard next < words.count, words[next] == .opening else { continue }
            bodies[name, default: []].append(next..<ends[next])
        }
        return bodies
    }

    /// Of each opening bracket, where it is closed, at the end at the latest.
    private static func closings(in words: [QueryWord]) -> [Int] {
        var ends = Array(repeating: words.count, count: words.count)
        var open: [Int] = []
        for (index, word) in words.enumerated() {
            if word == .opening { open.append(index) }
            if word == .closing, let start = open.popLast() { ends[start] = index }
        }
        return ends
    }

    private struct Count {
        let words: [QueryWord]
        let bodies: [[UInt8]: [Range<Int>]]
        private var known: [[UInt8]: Int] = [:]

        init(words: [QueryWord], bodies: [[UInt8]: [Range<Int>]]) {
            self.words = words
            self.bodies = bodies
        }

        mutating func copies(in range: Range<Int>) -> Int {
            var count = 1
            for case .name(let name) in words[range] where bodies[name] != nil {
                count = min(most + 1, count + copies(of: name))
            }
            return count
        }

        private mutating func copies(of name: [UInt8]) -> Int {
            if let known = known[name] { return known }
            // A table that names itself is run again and again, and not written out.
            known[name] = 1
            let count = (bodies[name] ?? []).map { copies(in: $0) }.max() ?? 1
            known[name] = count
            return count
        }
    }
}

/// As much of a query's words as tells its tables.
enum QueryWord: Equatable {
    /// By lower-case letters. What is part of a dotted name is left out.
    case name([UInt8])
    case opening, closing, other

    func isName(_ text: StaticString) -> Bool {
        guard case .name(let name) = self else { return false }
        return text.withUTF8Buffer { $0.elementsEqual(name) }
    }
}

enum QueryWords {
    static func all(in text: String) -> [QueryWord] {
        var text = text
        return text.withUTF8 { bytes in
            var (words, place, isAfterDot) = ([QueryWord](), 0, false)
            while place < bytes.count {
                let start = place
                let word = next(bytes, &place)
                // Space and comments may stand around a dot.
                guard let word else { continue }
                if case .name = word, isAfterDot {
                    words.append(.other)
                } else if word == .other, bytes[start] == UInt8(ascii: "."), let last = words.last, case .name = last {
                    words[words.count - 1] = .other
                } else {
                    words.append(word)
                }
                isAfterDot = word == .other && bytes[start] == UInt8(ascii: ".")
            }
            return words
        }
    }

    /// - Returns: `nil`: space, or a comment.
    private static func next(_ bytes: UnsafeBufferPointer<UInt8>, _ place: inout Int) -> QueryWord? {
        let byte = bytes[place]
        let following = place + 1 < bytes.count ? bytes[place + 1] : 0
        switch byte {
        case UInt8(ascii: " "), 9...13:
            place += 1
            return nil
        case UInt8(ascii: "-") where following == byte:
            while place < bytes.count, bytes[place] != UInt8(ascii: "\n") { place += 1 }
            return nil
        case UInt8(ascii: "/") where following == UInt8(ascii: "*"):
            place += 2
            while place < bytes.count, !(bytes[place] == UInt8(ascii: "/") && bytes[place - 1] == UInt8(ascii: "*")) {
                place += 1
            }
            place = min(place + 1, bytes.count)
            return nil
        case UInt8(ascii: "'"), UInt8(ascii: "\""), UInt8(ascii: "`"): return .name(quoted(bytes, &place, by: byte))
        case UInt8(ascii: "["): return .name(quoted(bytes, &place, by: UInt8(ascii: "]")))
        case UInt8(ascii: "("):
            place += 1
            return .opening
        case UInt8(ascii: ")"):
            place += 1
            return .closing
        case let byte where isOfName(byte):
            let start = place
            while place < bytes.count, isOfName(bytes[place]) { place += 1 }
            return .name(bytes[start..<place].map(lower))
        default:
            place += 1
            return .other
        }
    }

    /// SQLite takes texts for names, too, where only a name can stand.
    private static func quoted(_ bytes: UnsafeBufferPointer<UInt8>, _ place: inout Int, by end: UInt8) -> [UInt8] {
        var name: [UInt8] = []
        place += 1
        while place < bytes.count {
            if bytes[place] == end {
                place += 1
                // Twice, it stands for itself.
                guard end != UInt8(ascii: "]"), place < bytes.count, bytes[place] == end else { return name }
            }
            name.append(lower(bytes[place]))
            place += 1
        }
        return name
    }

    private static func isOfName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "$"), 0x80...0xFF:
            true
        default: false
        }
    }

    private static func lower(_ byte: UInt8) -> UInt8 {
        UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte ? byte + 32 : byte
    }
}
