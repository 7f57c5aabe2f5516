import Foundation
import MembusModel
import Testing

@Suite("JSON and merge patches")
struct JSONTests {
    func parsed(_ text: String) throws -> JSON { try JSON(parsing: Data(text.utf8)) }
    func written(_ json: JSON) -> String { String(decoding: json.serialised, as: UTF8.self) }
    func merged(_ target: String, _ patch: String) throws -> String {
        written(try parsed(target).merging(parsed(patch)))
    }

    /// RFC 7396, appendix A: original, patch, result.
    static let appendix = [
        (#"{"a":"b"}"#, #"{"a":"c"}"#, #"{"a":"c"}"#),
        (#"{"a":"b"}"#, #"{"b":"c"}"#, #"{"a":"b","b":"c"}"#),
        (#"{"a":"b"}"#, #"{"a":null}"#, #"{}"#),
        (#"{"a":"b","b":"c"}"#, #"{"a":null}"#, #"{"b":"c"}"#),
        (#"{"a":["b"]}"#, #"{"a":"c"}"#, #"{"a":"c"}"#),
        (#"{"a":"c"}"#, #"{"a":["b"]}"#, #"{"a":["b"]}"#),
        (#"{"a":{"b":"c"}}"#, #"{"a":{"b":"d","c":null}}"#, #"{"a":{"b":"d"}}"#),
        (#"{"a":[{"b":"c"}]}"#, #"{"a":[1]}"#, #"{"a":[1]}"#),
        (#"["a","b"]"#, #"["c","d"]"#, #"["c","d"]"#),
        (#"{"a":"b"}"#, #"["c"]"#, #"["c"]"#),
        (#"{"a":"foo"}"#, #"null"#, #"null"#),
        (#"{"a":"foo"}"#, #""bar""#, #""bar""#),
        (#"{"e":null}"#, #"{"a":1}"#, #"{"e":null,"a":1}"#),
        (#"[1,2]"#, #"{"a":"b","c":null}"#, #"{"a":"b"}"#),
        (#"{}"#, #"{"a":{"bb":{"ccc":null}}}"#, #"{"a":{"bb":{}}}"#),
    ]

    @Test("the examples of RFC 7396's appendix", arguments: appendix)
    func rfc7396(original: String, patch: String, result: String) throws {
        #expect(try merged(original, patch) == result)
    }

    @Test("the example of RFC 7396's section 3")
    func article() throws {
        let original =
            #"{"title":"Goodbye!","author":{"givenName":"John","familyName":"Doe"},"tags":["example","sample"],"content":"This will be unchanged"}"#
        let patch =
            #"{"title":"Hello!","phoneNumber":"+01-123-456-7890","author":{"familyName":null},"tags":["example"]}"#
        #expect(
            try merged(original, patch)
                == #"{"title":"Hello!","author":{"givenName":"John"},"tags":["example"],"content":"This will be unchanged","phoneNumber":"+01-123-456-7890"}"#
        )
    }

    @Test("numbers, escapes and order stay as written; white space goes")
    func fidelity() throws {
        let text = #" { "b" : 9007199254740993 , "a" : [ 1 , 1.0 , 1e2, -0, 1.10 ] , "s\u0041" : "\ud800 \u00e9 \/" } "#
        #expect(
            written(try parsed(text)) == #"{"b":9007199254740993,"a":[1,1.0,1e2,-0,1.10],"s\u0041":"\ud800 \u00e9 \/"}"#
        )
    }

    @Test("names are equal if their escapes stand for the same, and by bytes")
    func names() throws {
        #expect(try merged(#"{"caf\u00e9":1,"\ud83d\ude00":2}"#, #"{"café":3,"😀":null}"#) == #"{"caf\u00e9":3}"#)
        #expect(try merged("{\"e\u{301}\":1}", "{\"\u{e9}\":2}") == "{\"e\u{301}\":1,\"\u{e9}\":2}")
        #expect(try merged(#"{"\ud800":1,"\n\"\\":2}"#, #"{"\uD800":null,"\u000a\u0022\u005c":3}"#) == #"{"\n\"\\":3}"#)
        #expect(written(try parsed(#"{"a":1,"b":2,"a":3}"#)) == #"{"a":3,"b":2}"#)
    }

    @Test(
        "what is no JSON is refused",
        arguments: [
            "", " ", "{", "}", "[1,]", "{\"a\":1,}", "{\"a\"}", "{a:1}", "{1:1}", "01", "1.", ".5", "+1", "-", "1e",
            "0x1", "tru", "nulll", "NaN", "'a'",
            "\"a", "\"\\x\"", "\"\\u12g4\"", "\"\\", "\"\u{1}\"", "1 2", "[1 2]", "{\"a\":1 \"b\":2}", "// a\n1",
            "\u{feff}1",
        ])
    func faults(text: String) {
        #expect(throws: JSONFault.self) { try parsed(text) }
        #expect(JSON.fault(in: Data(text.utf8)) != nil)
    }

    @Test("bytes that are not UTF-8 are refused")
    func notUTF8() {
        #expect(JSON.fault(in: Data([0x22, 0xFF, 0x22])) != nil)
        #expect(JSON.fault(in: Data([0x22, 0xED, 0xA0, 0x80, 0x22])) != nil)
    }

    @Test("128 levels are read, 129 are refused")
    func depth() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(written(try parsed(nested(128))) == nested(128))
        #expect(throws: JSONFault.self) { try parsed(nested(129)) }
        #expect(throws: JSONFault.self) { try parsed(String(repeating: "{\"a\":", count: 1_000_000)) }
    }

    @Test("checking and reading accept the same texts, and reading what was written gives it again")
    func random() throws {
        let seed = drawSeed()
        var numbers = SeededRandom(seed: seed)
        let pieces = [
            "{", "}", "[", "]", ",", ":", "\"a\"", "\"\\u00e9\"", "1", "-2.5e3", "true", "null", " ", "\"\\", "x",
        ]
        var accepted = 0
        for _ in 0..<20_000 {
            let text = (0..<Int.random(in: 1...9, using: &numbers)).map { _ in
                pieces.randomElement(using: &numbers) ?? ""
            }.joined()
            let fault = JSON.fault(in: Data(text.utf8))
            let value = try? parsed(text)
            #expect((fault == nil) == (value != nil), "seed \(seed): \(text)")
            guard let value else { continue }
            accepted += 1
            #expect(try parsed(written(value)) == value, "seed \(seed): \(text)")
        }
        #expect(accepted > 100)
    }

    @Test("removing many members costs one sweep")
    func manyRemovals() throws {
        let members = (0..<100_000).map { "\"\($0)\":1" }.joined(separator: ",")
        let removals = (0..<100_000).map { "\"\($0)\":null" }.joined(separator: ",")
        #expect(try merged("{\(members)}", "{\(removals)}") == "{}")
    }
}
