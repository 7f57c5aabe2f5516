import MembusModel

@testable import MembusSearch

// What people and agents ask: any text is a question, or is refused with a reason; and equal questions are equal.

extension FuzzTarget {
    static let question = FuzzTarget(name: "question", check: checkQuestion, seeds: questionSeeds)
}

private func checkQuestion(_ bytes: [UInt8]) throws {
    let asked = String(decoding: bytes, as: UTF8.self)
    switch try read(asked) {
    case .failure(let refusal): try checkRefusal(refusal)
    case .success(let question):
        try check(question)
        // Another splitter, and white space around it, which no mark can cling to.
        let again = try read("\n" + asked + "\n").get()
        try require(again == question, "between line ends it is another question")
        let twice = try read(asked + "\n" + asked).get()
        try require(twice.terms == question.terms, "asked twice over it looks for something else")
    }
}

private func read(_ asked: String) throws -> Result<Question, Refusal> {
    let splitter = try WordSplitter()
    return Result { () throws(Refusal) in try Question(asked, splitter) }
}

private func check(_ question: Question) throws {
    try require(Set(question.terms).count == question.terms.count, "a term stands in it twice")
    try require(question.terms.count <= 2000, "it has \(question.terms.count) terms")
    try require(question.terms.count { $0.isCostly } <= 16, "too many phrases and prefixes")
    for term in question.terms {
        switch term {
        case .word(let word), .prefix(let word): try checkWord(word)
        case .phrase(let words):
            try require(words.count > 1, "a phrase of one word")
            for word in words { try checkWord(word) }
        case .field(let term):
            let parts = term.split(separator: TermNames.field, omittingEmptySubsequences: false)
            try require(parts.count == 3 && parts[0].isEmpty, "a term of a field in another form: \(term)")
            for part in parts.dropFirst() { try checkWord([UInt8](part)) }
        }
        try require(!term.description.isEmpty, "a term that can't be shown")
    }
}

/// Kinds of terms are told by control characters, so that words must hold none.
private func checkWord(_ word: [UInt8]) throws {
    try require(!word.isEmpty, "a term of nothing")
    try require(word.allSatisfy { $0 >= 0x20 }, "a control character in \(word)")
}

private func questionSeeds() throws -> [[UInt8]] {
    [
        "where is the night train to Paris?", "\"night trains\" boat \"Train\" \"\"",
        "tra* RUN* author:Ada key:\"day one\"",
        "at.city:Paris my_field:x D1:11 10:30 http://example.org http://\"a b\"",
        "parseHTTPRequest snake_case src/main.swift",
        "who was it", "café e\u{301}\u{301} ЁЖИК 東京 ß \u{1F600}", "\"not closed", "* a-b*",
        "the \"to be\" or:\"not\" \u{1}x:\u{2}",
    ].map { Array($0.utf8) }
}
