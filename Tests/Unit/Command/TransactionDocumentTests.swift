import Foundation
import Membus
import MembusDocuments
import Testing

@testable import MembusCommand

@Suite("A transaction's JSON form") struct TransactionDocumentTests {
    @Test("the example in the help is read as it says") func everything() throws {
        let read = try document(
            """
            {"branch": "main", "context": "trip-42", "message": "book",
             "preconditions": [{"at": {"key": "plans/paris", "revision": 3}}, {"absent": "tasks/7"},
                               {"unchanged": {"topic": "plans/", "since": 3}}],
             "changes": [{"key": "plans/paris", "put": {"value": "night train", "kind": "text",
                            "attributes": {"by": "ada"}, "links": [{"relation": "of", "target": "trips/42"}],
                            "expires_after_ms": 60000}},
                         {"key": "plans/old", "delete": true},
                         {"key": "plans/paris/cost", "increment": 120},
                         {"key": "plans/paris/notes", "append": "booked\\n"},
                         {"key": "people/ada", "merge_patch": {"city": "Paris", "phone": null}}],
             "reads": [{"key": "people/ada", "version": 2}]}
            """)
        #expect(read.branch == .main)
        #expect(read.context == "trip-42")
        #expect(
            read.preconditions == [
                .at(key("plans/paris"), 3), .absent(key("tasks/7")), .unchanged(Topic(unchecked: "plans/"), since: 3),
            ])
        #expect(
            read.changes == [
                Change(
                    key("plans/paris"),
                    .put(
                        Put(
                            Data("night train".utf8), attributes: ["by": "ada"],
                            links: [Link(relation: "of", target: key("trips/42"))], expiry: .after(.seconds(60))))),
                Change(key("plans/old"), .delete),
                Change(key("plans/paris/cost"), .increment(120)),
                Change(key("plans/paris/notes"), .append(Data("booked\n".utf8))),
                Change(key("people/ada"), .mergePatch(Data(#"{"city":"Paris","phone":null}"#.utf8))),
            ])
        #expect(read.reads == [ReadVersion(key: key("people/ada"), version: 2)])
    }

    @Test("what the document does not say, the command does") func defaults() throws {
        let branch = BranchName(unchecked: "trial")
        let made = try document("{}").transaction(branch: branch, context: "c", message: "m")
        #expect(made == Transaction(branch: branch, context: "c", message: "m"))
        let own = try document(#"{"branch":"main","context":"","message":"x"}"#)
        #expect(own.transaction(branch: branch, context: "c", message: "m") == Transaction(message: "x"))
    }

    @Test(
        "a string is the value as it stands; anything else is JSON",
        arguments: [
            (#"{"value":"{\"a\":1}","kind":"json"}"#, #"{"a":1}"#, "json"),
            (#"{"value":{"a":[1,2.50]}}"#, #"{"a":[1,2.50]}"#, "json"),
            (#"{"value":7}"#, "7", "json"),
            (#"{"value":null}"#, "null", "json"),
            (#"{"value":-7,"kind":"counter"}"#, "-7", "counter"),
            (#"{"value":"7","kind":"counter"}"#, "7", "counter"),
            (#"{"value":"x","kind":""}"#, "x", "text"),
            (#"{"value":{"a":1},"kind":"plan"}"#, #"{"a":1}"#, "plan"),
            (#"{"value_base64":"AP8=","kind":"image/png"}"#, "\u{0}\u{FFFD}", "image/png"),
            (#"{}"#, "", "text"),
            (#"{"value":"\u00e9\ud83d\ude00\n\/"}"#, "é😀\n/", "text"),
        ]) func values(_ put: String, _ value: String, _ kind: String) throws
    {
        let change = try #require(try document(#"{"changes":[{"key":"k","put":\#(put)}]}"#).changes.first)
        guard case .put(let read) = change.action else { throw Refusal(.malformed, "no put") }
        #expect(String(decoding: read.value, as: UTF8.self) == value)
        #expect(read.kind.name == kind)
    }

    @Test(
        "mistakes are named with their place",
        arguments: [
            (
                #"{"changes":[{"key":"a","delete":true},{"key":"b","increment":1},{"key":"c","put":{"kind":3}}]}"#,
                "changes[2].put.kind: a string expected"
            ),
            (
                #"{"precondition":[]}"#,
                "precondition: unknown field; known here: branch, context, message, preconditions, changes, reads"
            ),
            (#"{"changes":{}}"#, "changes: an array expected"),
            (#"{"changes":[{"put":{}}]}"#, #"changes[0]: "key" is missing"#),
            (
                #"{"changes":[{"key":"a"}]}"#,
                "changes[0]: exactly one of put, delete, increment, append, merge_patch expected"
            ),
            (
                #"{"changes":[{"key":"a","delete":true,"increment":1}]}"#,
                "changes[0]: exactly one of put, delete, increment, append, merge_patch expected"
            ),
            (
                #"{"changes":[{"key":"a","delete":false}]}"#,
                "changes[0].delete: true expected: leave the change out to keep the record"
            ),
            (
                #"{"changes":[{"key":"a//b","delete":true}]}"#,
                #"changes[0].key: key "a//b" has an empty segment: no '/' at either end, no '//'"#
            ),
            (
                #"{"changes":[{"key":"a","increment":1.5}]}"#,
                "changes[0].increment: a whole number of at most 64 bits expected, written without '.' and 'e'"
            ),
            (
                #"{"changes":[{"key":"a","increment":9223372036854775808}]}"#,
                "changes[0].increment: a whole number of at most 64 bits expected, written without '.' and 'e'"
            ),
            (
                #"{"changes":[{"key":"a","put":{"value":"x","value_base64":"eA=="}}]}"#,
                "changes[0].put.value_base64: not together with value"
            ),
            (#"{"changes":[{"key":"a","put":{"value_base64":"!"}}]}"#, "changes[0].put.value_base64: base64 expected"),
            (
                #"{"changes":[{"key":"a","put":{"value":1,"kind":"text"}}]}"#,
                "changes[0].put.value: a text's value is a string"
            ),
            (
                #"{"changes":[{"key":"a","put":{"expires_after_ms":1,"expires_at_ms":2}}]}"#,
                "changes[0].put.expires_after_ms: not together with expires_at_ms"
            ),
            (
                #"{"changes":[{"key":"a","put":{"expires_after_ms":0}}]}"#,
                "changes[0].put.expires_after_ms: a positive number expected"
            ),
            (
                #"{"changes":[{"key":"a","put":{"attributes":{"b":1}}}]}"#,
                "changes[0].put.attributes.b: a string expected"
            ),
            (
                #"{"changes":[{"key":"a","put":{"links":[{"relation":"r"}]}}]}"#,
                #"changes[0].put.links[0]: "target" is missing"#
            ),
            (
                #"{"changes":[{"key":"a","append":"\ud800"}]}"#,
                "changes[0].append: a string with half a surrogate pair is no text"
            ),
            (
                #"{"preconditions":[{"at":{"key":"a","revision":-1}}]}"#,
                "preconditions[0].at.revision: revisions are never negative"
            ),
            (
                #"{"changes":[{"key":"a","incremen":1}]}"#,
                "changes[0].incremen: unknown field; known here: key, put, delete, increment, append, merge_patch"
            ),
            (
                #"{"preconditions":[{"absent":"a","unchanged":{"topic":"/","since":0}}]}"#,
                "preconditions[0]: exactly one of at, absent, unchanged, sound expected"
            ),
            (#"{"branch":"a/b"}"#, #"branch: branch "a/b" must not contain '/'"#),
            (#"[]"#, "an object expected"),
            (#"{} {}"#, "not JSON: more after the value at byte 3"),
            ("", "not JSON: ends too early at byte 0"), ("\u{FEFF}", "not JSON: ends too early at byte 0"),
            ("\u{FEFF}\u{FEFF}{}", "not JSON: a value expected at byte 0"),
            (#"{"message":"a","message":"b"}"#, #"not JSON: the member "message" is there twice at byte 15"#),
        ]) func mistakes(_ text: String, _ commandError: String)
    {
        #expect(fault(text) == commandError)
    }

    @Test("no bytes crash it") func anyBytes() {
        var random = SystemRandomNumberGenerator()
        let pieces = [
            "{", "}", "[", "]", "\"", ":", ",", "\\u", "d800", "changes", "key", "put", "value", "-", "1e9", "null",
            "true",
            "\u{0}", "é",
        ]
        for _ in 0..<3000 {
            let text = (0..<Int.random(in: 0..<40, using: &random)).compactMap { _ in
                pieces.randomElement(using: &random)
            }
            _ = TransactionDocument.read(Data(text.joined().utf8))
            let bytes = (0..<Int.random(in: 0..<64, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            _ = TransactionDocument.read(Data(bytes))
        }
        let deep = String(repeating: "[", count: 100_000)
        #expect(fault(deep)?.contains("deep") == true)
        #expect(fault(#"{"changes":[{"key":"a","merge_patch":"# + String(repeating: "{\"a\":", count: 200)) != nil)
    }
}
