import FoundationEssentials

/// Texts merged line by line, as diff3 does it (Khanna, Kunal and Pierce, "A Formal Investigation of Diff3", 2007).
enum LineMerge {
    /// - Returns: `nil` if changes of both sides overlap or touch, and are not the same.
    static func merge(base: Data, ours: Data, theirs: Data) -> Data? {
        var numbers = LineNumbers()
        let before = numbers.number(base)
        let own = hunks(from: before, to: numbers.number(ours))
        let other = hunks(from: before, to: numbers.number(theirs))
        guard let hunks = woven(own, other) else { return nil }
        var merged: [Int] = []
        var place = 0
        for hunk in hunks {
            merged += before[place..<hunk.base.lowerBound] + hunk.lines
            place = hunk.base.upperBound
        }
        return numbers.text(of: merged + before[place...])
    }

    /// What a side put in the place of some lines of the base. Of none: before the line that they begin at.
    private struct Hunk: Equatable {
        let base: Range<Int>
        let lines: ArraySlice<Int>

        /// Also where nothing lies between them: who wrote the one did not see the other beside it.
        func touches(_ other: Hunk) -> Bool {
            base.lowerBound <= other.base.upperBound && other.base.lowerBound <= base.upperBound
        }
    }

    /// In order, with at least one line of the base between two. Where more lines changed than are told one from
    /// another, all from the first of them to the last did.
    private static func hunks(from base: [Int], to side: [Int]) -> [Hunk] {
        let (start, end) = ShortestEdit.ends(base, side)
        let (old, new) = (base[start..<(base.count - end)], side[start..<(side.count - end)])
        let same = ShortestEdit.common(Array(old), Array(new)) ?? []
        var hunks: [Hunk] = []
        var (place, next) = (old.startIndex, new.startIndex)
        for (inOld, inNew) in same.map({ ($0 + start, $1 + start) }) + [(old.endIndex, new.endIndex)] {
            if place < inOld || next < inNew { hunks.append(Hunk(base: place..<inOld, lines: new[next..<inNew])) }
            (place, next) = (inOld + 1, inNew + 1)
        }
        return hunks
    }

    /// Both sides' in order; what both have once. `nil`: two touch each other.
    private static func woven(_ ours: [Hunk], _ theirs: [Hunk]) -> [Hunk]? {
        var woven: [Hunk] = []
        var (own, other) = (ours[...], theirs[...])
        while let a = own.first, let b = other.first {
            if a == b {
                other.removeFirst()
            } else if a.touches(b) {
                return nil
            } else if b.base.lowerBound < a.base.lowerBound {
                woven.append(b)
                other.removeFirst()
                continue
            }
            woven.append(a)
            own.removeFirst()
        }
        return woven + own + other
    }
}

/// A line of a text, with its end if it has one. Equal only if it is the same bytes.
struct TextLine: Hashable {
    static let end = UInt8(ascii: "\n")
    let bytes: ArraySlice<UInt8>

    /// All that there are: together they are the text.
    static func lines(of text: Data) -> [TextLine] {
        let bytes = [UInt8](text)
        var lines: [TextLine] = []
        var start = 0
        while start < bytes.count {
            let next = bytes[start...].firstIndex(of: end).map { $0 + 1 } ?? bytes.count
            lines.append(TextLine(bytes: bytes[start..<next]))
            start = next
        }
        return lines
    }

    var withoutEnd: TextLine { bytes.last == Self.end ? TextLine(bytes: bytes.dropLast()) : self }

    // Not byte by byte, as a slice would by itself.
    func hash(into hasher: inout Hasher) { bytes.withUnsafeBytes { hasher.combine(bytes: $0) } }
}

/// Gives each line a number, equal ones the same, so that a search compares numbers.
private struct LineNumbers {
    private var numbers: [TextLine: Int] = [:]
    private var lines: [TextLine] = []

    mutating func number(_ text: Data) -> [Int] {
        TextLine.lines(of: text).map { line in
            if let number = numbers[line] { return number }
            numbers[line] = lines.count
            lines.append(line)
            return lines.count - 1
        }
    }

    func text(of numbers: [Int]) -> Data { Data(numbers.map { lines[$0].bytes }.joined()) }
}
