import MembusModel

// A question, as people type it:
//
//   train tickets      words: stop words are left out, unless nothing else is there
//   "night train"      a phrase: one term, its words in this order
//   tra*               a prefix: one term, words as they are written
//   author:ada         a word of a field; so with a phrase's quotes: key:"day one" is each word of it in the field
//
// What is in the index for a name (`snake_case`, `camelCase`, a path) is asked for with it.

package struct Question: Hashable {
    enum Term: Hashable {
        case word([UInt8])
        case field([UInt8])
        case phrase([[UInt8]])
        case prefix([UInt8])

        var isCostly: Bool {
            switch self {
            case .phrase, .prefix: true
            case .word, .field: false
            }
        }
    }

    private(set) var terms: [Term] = []
    private var known: Set<Term> = []
    /// Without its marks: what meaning is looked for in.
    private(set) var text: String = ""

    /// The rarest of more words are looked for.
    static let mostTerms = 64
    /// Phrases and prefixes, each of which takes as long as its words are common; and terms in all.
    private static let mostCostly = 16
    private static let mostWords = 2000

    /// - Throws: `invalidArgument` if it is broken.
    package init(_ asked: String, _ splitter: WordSplitter) throws(Refusal) {
        var words: [String] = []
        for piece in try Self.pieces(of: asked) {
            switch piece {
            case .word(let word): words.append(word)
            case .phrase(let text):
                let split = splitter.split(text)
                let phrase = (0..<split.count).map { split.term($0) }
                if phrase.count > 1 { add(.phrase(phrase)) } else { words.append(text) }
            case .prefix(let text): add(try Self.prefix(text, splitter))
            case .field(let name, let text):
                let split = splitter.split(text)
                for index in 0..<split.count { add(.field(TermNames.field(name.utf8, split.term(index)))) }
            }
            self.text += (self.text.isEmpty ? "" : " ") + piece.text
        }
        take(words, splitter)
        known = []
        let costly = terms.reduce(0) { $0 + ($1.isCostly ? 1 : 0) }
        if costly > Self.mostCostly || terms.count > Self.mostWords {
            throw Refusal(
                .limitExceeded,
                costly > Self.mostCostly
                    ? "question: \(costly) phrases and prefixes are more than \(Self.mostCostly)"
                    : "question: \(terms.count) terms are more than \(Self.mostWords)",
                hint: "ask for less at a time", subject: "question")
        }
    }

    private mutating func add(_ term: Term) { if known.insert(term).inserted { terms.append(term) } }

    private mutating func take(_ words: [String], _ splitter: WordSplitter) {
        // As the rule has it: runs of letters, digits and underscores are what stop words are told by.
        let runs = words.flatMap(\.runs)
        let kept = runs.filter { !Self.stopWords.contains(ByBytes($0.lowercased())) }
        let isKept = Set(kept.map { ByBytes($0.lowercased()) })
        let isOnlyStops = kept.isEmpty && terms.isEmpty
        for word in words {
            let rest = word.runs.filter {
                isOnlyStops || isKept.contains(ByBytes($0.lowercased()))
            }
            if rest.isEmpty { continue }
            let split = splitter.split(rest.joined(separator: " "))
            for index in 0..<split.count { add(.word(split.term(index))) }
            var text = word
            text.withUTF8 { bytes in
                Identifiers.find(in: bytes) { whole in
                    add(.word(Array(whole)))
                } part: { part in
                    if !isOnlyStops, Self.stopWords.contains(ByBytes(String(decoding: part, as: UTF8.self))) { return }
                    let stem = splitter.split(String(decoding: part, as: UTF8.self))
                    for index in 0..<stem.count { add(.word(stem.term(index))) }
                }
            }
        }
    }

    private static func prefix(_ text: String, _ splitter: WordSplitter) throws(Refusal) -> Term {
        let split = splitter.split(text, isStemmed: false)
        guard split.count == 1 else {
            throw Refusal(
                .invalidArgument, "question: \(text.shortened)* is no prefix of one word",
                hint: "put * behind the beginning of a word, as in tra*", subject: "question")
        }
        return .prefix(split.term(0))
    }

    /// What words are none of a question's matter.
    private static let stopWords: Set<ByBytes> = Set(
        """
        a an the of to in on at for with and or is are was were be been do does did what when where who which how \
        why has have had that this it its their his her him she he they them i you your my me we our as from by about into \
        than then so if not no yes would could should can will just
        """.split(separator: " ").map { ByBytes(String($0)) })

    // MARK: Its pieces

    private enum Piece {
        case word(String)
        case phrase(String)
        case prefix(String)
        case field(String, String)

        var text: String {
            switch self {
            case .word(let text), .phrase(let text), .prefix(let text), .field(_, let text): text
            }
        }
    }

    /// By scalars: a letter with a thousand accents is one character, which takes long to look at.
    private static func pieces(of asked: String) throws(Refusal) -> [Piece] {
        var pieces: [Piece] = []
        var rest = Scalars(asked.unicodeScalars)
        while let start = rest.firstIndex(where: { !$0.properties.isWhitespace }) {
            rest = rest[start...]
            if rest.first == "\"" {
                pieces.append(.phrase(try quoted(&rest)))
                continue
            }
            let end = rest.firstIndex { $0.properties.isWhitespace || $0 == "\"" } ?? rest.endIndex
            let word = rest[..<end]
            rest = rest[end...]
            if let colon = word.firstIndex(of: ":"), isField(word[..<colon]) {
                let name = String(word[..<colon])
                let value = word[word.index(after: colon)...]
                if !value.isEmpty, !value.starts(with: "//".unicodeScalars) {
                    pieces.append(.field(name, String(value)))
                    continue
                }
                if value.isEmpty, rest.first == "\"" {
                    pieces.append(.field(name, try quoted(&rest)))
                    continue
                }
            }
            if word.last == "*" {
                pieces.append(.prefix(String(word.dropLast())))
            } else {
                pieces.append(.word(String(word)))
            }
        }
        return pieces
    }

    private typealias Scalars = Substring.UnicodeScalarView

    private static func quoted(_ rest: inout Scalars) throws(Refusal) -> String {
        let inside = rest.dropFirst()
        guard let end = inside.firstIndex(of: "\"") else {
            throw Refusal(
                .invalidArgument, "question: the quote at \(String(rest).shortened) is not closed",
                hint: "close it, or leave it out", subject: "question")
        }
        rest = inside[inside.index(after: end)...]
        return String(inside[..<end])
    }

    /// A name before a colon: `D1:11` is none, since what people ask for there is a key; neither is a URL's scheme.
    private static func isField(_ name: Scalars) -> Bool {
        guard let first = name.first, first.properties.isAlphabetic else { return false }
        let isNumbered = name.contains { $0.properties.numericType != nil }
        return name.allSatisfy { $0.isOfWord || $0 == "-" || $0 == "." } && !(isNumbered && name.count <= 3)
    }
}

extension Unicode.Scalar {
    /// Letters, digits and the marks on them; and what joins them.
    fileprivate var isOfWord: Bool {
        if isASCII { return properties.isAlphabetic || properties.numericType != nil || self == "_" }
        switch properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber,
            .letterNumber, .otherNumber, .nonspacingMark, .spacingMark, .enclosingMark:
            return true
        default: return false
        }
    }
}

extension String {
    /// For messages.
    var shortened: String {
        (utf8.count > 80 ? String(unicodeScalars.prefix(60)) + "…" : self).escapingControlCharacters
    }

    /// Runs of what words are made of.
    fileprivate var runs: [String] {
        unicodeScalars.split { !$0.isOfWord }.map { String($0) }
    }
}
