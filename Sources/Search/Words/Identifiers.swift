// What programmers write is looked for whole and in parts. FTS5 splits `snake_case` and paths, so their whole is added; it keeps
// `camelCase`, so its parts are. They stand beside the words and count for no length.
//
//   snake_case         snake, case                   + snake_case
//   parseHTTPRequest   parsehttprequest              + parse, http, request
//   src/main.swift     src, main, swift              + src/main.swift
//
// ASCII alone: in other scripts case and underscore mean no such thing.

enum Identifiers {
    /// Longer ones are nobody's name.
    static let mostBytes = 200

    /// Calls `whole` with each name that FTS5 splits, in lower case, and `part` with each part of one that it keeps.
    static func find(
        in text: UnsafeBufferPointer<UInt8>, whole: (ArraySlice<UInt8>) -> Void, part: (ArraySlice<UInt8>) -> Void
    ) {
        var place = 0
        while place < text.count {
            // Most of a text is plain words: they cost one look at each byte.
            guard text[place].isOfPath else {
                place += 1
                continue
            }
            let start = place
            var marks = Marks()
            while place < text.count, text[place].isOfPath {
                marks.see(text[place], after: place > start ? text[place - 1] : 0)
                place += 1
            }
            guard marks.isOfInterest else { continue }
            if text.holdsLetter(before: start) || text.holdsLetter(at: place) { continue }
            look(at: Array(text[start..<place]), whole, part)
        }
    }

    /// What was seen on the way through a run of characters.
    private struct Marks {
        var isOfInterest = false

        mutating func see(_ byte: UInt8, after last: UInt8) {
            if isOfInterest { return }
            isOfInterest =
                byte == UInt8(ascii: "_") || byte == UInt8(ascii: "/")
                || byte.isUpper && (last.isLower || last.isDigit) || byte.isLower && last.isUpper
                || byte.isWordlike && last == UInt8(ascii: ".")
        }
    }

    private static func look(
        at run: [UInt8], _ whole: (ArraySlice<UInt8>) -> Void, _ part: (ArraySlice<UInt8>) -> Void
    ) {
        let name = run.trimmed(of: [UInt8(ascii: "."), UInt8(ascii: "/"), UInt8(ascii: "-")])
        if name.isPath, name.count <= mostBytes { whole(name.lowercased[...]) }
        for word in name.split(whereSeparator: { !$0.isOfName }) where word.count <= mostBytes {
            if word.holdsUnderscoreWithin, word.count < name.count || !name.isPath {
                whole(Array(word).lowercased[...])
            }
            for piece in word.split(separator: UInt8(ascii: "_")) {
                let parts = Array(piece).camelParts
                if parts.count > 1 {
                    for range in parts {
                        part(
                            Array(piece[(piece.startIndex + range.lowerBound)..<(piece.startIndex + range.upperBound)])
                                .lowercased[...])
                    }
                }
            }
        }
    }
}

extension UInt8 {
    fileprivate var isUpper: Bool { self >= UInt8(ascii: "A") && self <= UInt8(ascii: "Z") }
    fileprivate var isLower: Bool { self >= UInt8(ascii: "a") && self <= UInt8(ascii: "z") }
    fileprivate var isDigit: Bool { self >= UInt8(ascii: "0") && self <= UInt8(ascii: "9") }
    fileprivate var isWordlike: Bool { isUpper || isLower || isDigit }
    fileprivate var isOfName: Bool { isWordlike || self == UInt8(ascii: "_") }
    fileprivate var isOfPath: Bool {
        isOfName || self == UInt8(ascii: "/") || self == UInt8(ascii: ".") || self == UInt8(ascii: "-")
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// A letter or digit beyond ASCII: what stands beside it is part of a longer word.
    fileprivate func holdsLetter(at place: Int) -> Bool {
        guard place < count, self[place] >= 0x80 else { return false }
        return String(decoding: self[place..<Swift.min(place + 4, count)], as: UTF8.self).unicodeScalars.first?.isOfWord
            ?? false
    }

    fileprivate func holdsLetter(before place: Int) -> Bool {
        guard place > 0, self[place - 1] >= 0x80 else { return false }
        var start = place - 1
        while start > 0, place - start < 4, self[start] & 0xC0 == 0x80 { start -= 1 }
        return holdsLetter(at: start)
    }
}

extension Unicode.Scalar {
    fileprivate var isOfWord: Bool {
        switch properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber,
            .letterNumber, .otherNumber, .privateUse:
            true
        default: false
        }
    }
}

extension ArraySlice<UInt8> {
    fileprivate var holdsUnderscoreWithin: Bool {
        indices.dropFirst().dropLast().contains { self[$0] == UInt8(ascii: "_") } && contains { $0.isWordlike }
    }

    /// Segments joined by slashes, or a name with a dot inside.
    fileprivate var isPath: Bool {
        let segments = split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        if segments.count > 1 { return segments.allSatisfy { $0.contains { $0.isWordlike } } }
        let parts = split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return parts.count > 1
            && parts.allSatisfy { $0.contains { $0.isWordlike } }
            && contains { $0.isUpper || $0.isLower }
    }

    fileprivate var lowercased: [UInt8] { map { $0.isUpper ? $0 | 0x20 : $0 } }
}

extension [UInt8] {
    fileprivate func trimmed(of marks: [UInt8]) -> ArraySlice<UInt8> {
        var rest = self[...]
        while let last = rest.last, marks.contains(last) { rest.removeLast() }
        while let first = rest.first, marks.contains(first) { rest.removeFirst() }
        return rest
    }

    fileprivate var lowercased: [UInt8] { self[...].lowercased }

    /// `parseHTTPRequest2` is parse, HTTP, Request2: digits stay with the letters before them.
    fileprivate var camelParts: [Range<Int>] {
        var parts: [Range<Int>] = []
        var start = 0
        for place in indices.dropFirst() {
            let (last, byte) = (self[place - 1], self[place])
            let isNew =
                byte.isUpper && (last.isLower || last.isDigit)
                || byte.isUpper && last.isUpper && place + 1 < count && self[place + 1].isLower
            if isNew {
                parts.append(start..<place)
                start = place
            }
        }
        parts.append(start..<count)
        return parts
    }
}
