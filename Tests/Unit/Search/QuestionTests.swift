import MembusModel
import Testing

@testable import MembusSearch

@Suite("Questions")
struct QuestionTests {
    private let splitter: WordSplitter

    init() throws { splitter = try WordSplitter() }

    private func terms(_ asked: String) throws -> [String] {
        try Question(asked, splitter).terms.map { term in
            if case .word(let word) = term { return text(word) }
            if case .field = term { return "field " + term.description }
            return term.description
        }
    }

    @Test(
        "words are stems, each once; stop words are left out, unless nothing else is there",
        arguments: [
            ("Trains running", ["train", "run"]), ("where is the train?", ["train"]), ("train trains", ["train"]),
            ("who was it", ["who", "wa", "it"]), ("the \"night train\"", ["\"night train\""]), ("", []), ("  …  ", []),
            ("the author:ada", ["field author:ada"]), ("CAFÉ", ["cafe"]),
        ])
    func words(asked: String, expected: [String]) throws {
        #expect(try terms(asked) == expected)
    }

    @Test(
        "a phrase is one term, of one word it is the word",
        arguments: [
            ("\"night trains\" boat", ["\"night train\"", "boat"]), ("\"Train\"", ["train"]),
            ("\"to be or not\"", ["\"to be or not\""]), ("a\"night train\"b", ["\"night train\"", "b"]), ("\"\"", []),
            ("\"a b\" \"a b\"", ["\"a b\""]),
        ])
    func phrases(asked: String, expected: [String]) throws {
        // A lone `a` is a stop word.
        #expect(try terms(asked) == expected)
    }

    @Test(
        "a prefix is as it is written, not a stem",
        arguments: [
            ("running*", ["running*"]), ("TRA*", ["tra*"]), ("Caf*", ["caf*"]), ("train tra*", ["tra*", "train"]),
        ])
    func prefixes(asked: String, expected: [String]) throws {
        #expect(try terms(asked) == expected)
    }

    @Test(
        "a field's words are stems in it",
        arguments: [
            ("author:Ada", ["field author:ada"]), ("key:\"day trains\"", ["field key:dai", "field key:train"]),
            ("at.city:Paris", ["field at.city:pari"]), ("my_field:x", ["field my_field:x"]),
            ("author:ada author:ada", ["field author:ada"]),
        ])
    func fields(asked: String, expected: [String]) throws {
        #expect(try terms(asked) == expected)
    }

    @Test(
        "an address, a key and a time are no fields",
        arguments: [
            ("http://example.org", ["http", "exampl", "org", "//example.org"]), ("D1:11", ["d1", "11"]),
            ("10:30", ["10", "30"]),
            (":x", ["x"]), ("author:", ["author"]),
        ])
    func noFields(asked: String, expected: [String]) throws {
        #expect(try terms(asked).filter { $0.hasPrefix("field") } == [])
        #expect(Set(expected.filter { !$0.hasPrefix("//") }).isSubset(of: try terms(asked)))
    }

    @Test("a quote behind an address is a phrase, not the value of a field")
    func quoteBehindAddress() throws {
        #expect(try terms("http://\"night train\"").filter { $0.hasPrefix("field") } == [])
    }

    @Test(
        "names are asked for whole and in parts, but for parts that are stop words",
        arguments: [
            ("snake_case", ["snake", "case", "snake_case"]), ("YouTube", ["youtub", "tube"]),
            ("parseHTTPRequest", ["parsehttprequest", "pars", "http", "request"]),
            ("src/main.swift", ["src", "main", "swift", "src/main.swift"]),
        ])
    func names(asked: String, expected: [String]) throws {
        #expect(try terms(asked) == expected)
    }

    @Test(
        "what is broken is refused with what to do",
        arguments: [
            ("a \"night train", "is not closed"), ("key:\"day", "is not closed"), ("\"", "is not closed"),
            ("*", "no prefix"), ("a-b*", "no prefix"), ("…*", "no prefix"),
        ])
    func broken(asked: String, reason: String) throws {
        let refusal = #expect(throws: Refusal.self) { try Question(asked, splitter) }
        #expect(refusal?.code == .invalidArgument && refusal?.subject == "question")
        #expect(refusal?.message.contains(reason) == true && refusal?.hint.isEmpty == false)
    }

    @Test("questions of too many terms are refused, in no time that anybody notices")
    func large() throws {
        var asked = ""
        var number = 0
        while asked.utf8.count < Search.mostBytes {
            asked += "\(String(number, radix: 36)) "
            number += 1
        }
        let start = ContinuousClock.now
        let refusal = #expect(throws: Refusal.self) { try Question(asked, splitter) }
        #expect(refusal?.code == .limitExceeded)
        #expect(ContinuousClock.now - start < .seconds(3))
    }
}
