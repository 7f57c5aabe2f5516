import Foundation
import MembusModel
import Testing

@Suite("Settings of the search")
struct SearchSettingsTests {
    private func record(_ name: String, _ value: String, kind: Kind = .json) -> Record {
        Record(key: key(".membus/search/" + name), revision: 1, kind: kind, content: .inline(Data(value.utf8)))
    }

    private func settings(_ values: String...) throws -> SearchSettings {
        try SearchSettings(records: values.enumerated().map { record("\($0)", $1) })
    }

    private func refused(_ records: Record...) -> Refusal? {
        do throws(Refusal) {
            _ = try SearchSettings(records: records)
            return nil
        } catch {
            return error
        }
    }

    private func names(_ names: String...) -> Set<ByBytes> { Set(names.map { ByBytes($0) }) }

    @Test("nothing is set at first")
    func none() throws {
        let settings = try settings()
        #expect(settings.isEmpty && SearchSettings.none.isEmpty && settings.fieldNames.isEmpty)
        #expect(!settings.isOff(key("a"), .text) && settings.takesContext(key("a"), .text))
        #expect(settings.fields(of: key("a"), .json) == nil)
        #expect(SearchSettings.topic.matches(key(".membus/search/x")))
    }

    @Test("the longest topic counts, and there the one that names the kind")
    func order() throws {
        let settings = try settings(
            #"{"topic":"/","search":"off"}"#, #"{"topic":"logs/","search":"on"}"#,
            #"{"topic":"logs/","kind":"json","search":"off"}"#, #"{"topic":"logs/last","search":"on"}"#)
        #expect(settings.isOff(key("a"), .text) && settings.isOff(key("logs"), .text))
        #expect(!settings.isOff(key("logs/a"), .text) && !settings.isOff(key("logs/a/b"), .text))
        #expect(settings.isOff(key("logs/a"), .json) && !settings.isOff(key("logs/last"), .json))
        #expect(settings.isOff(key("logs/last/a"), .json), "an exact key is no prefix")
    }

    @Test("each thing that can be set is looked for by itself")
    func apart() throws {
        let settings = try settings(
            #"{"topic":"a/","search":"off","context":false}"#, #"{"topic":"a/b/","fields":["title"]}"#,
            #"{"topic":"a/b/","search":"on"}"#)
        #expect(!settings.isOff(key("a/b/c"), .json) && !settings.takesContext(key("a/b/c"), .json))
        #expect(settings.fields(of: key("a/b/c"), .json) == names("title"))
        #expect(settings.isOff(key("a/c"), .json) && settings.fields(of: key("a/c"), .json) == nil)
    }

    @Test("fields are of JSON, by the paths of members; a longer topic may take all again")
    func fields() throws {
        let settings = try settings(
            #"{"topic":"t/","fields":["title","body.text","title"]}"#, #"{"topic":"t/raw/","fields":"all"}"#,
            #"{"topic":"t/mute/","fields":[]}"#)
        #expect(settings.fields(of: key("t/1"), .json) == names("title", "body.text"))
        #expect(settings.fields(of: key("t/1"), .text) == nil)
        #expect(settings.fields(of: key("t/raw/1"), .json) == nil)
        #expect(settings.fields(of: key("t/mute/1"), .json) == [])
        #expect(settings.fieldNames == [ByBytes("body.text"), ByBytes("title")])
    }

    @Test(
        "a record that can't be understood is refused, and named",
        arguments: [
            ("[]", "no object"), ("{", "ends too early"), (#"{"search":"off"}"#, "\"topic\" is missing"),
            (#"{"topic":"a/"}"#, "are missing"), (#"{"topic":"a//b","search":"off"}"#, "empty segment"),
            (#"{"topic":"a/","search":"Off"}"#, "neither \"on\" nor \"off\""),
            (#"{"topic":"a/","search":true}"#, "\"search\" is no string"),
            (#"{"topic":"a/","context":"false"}"#, "neither true nor false"),
            (#"{"topic":"a/","context":null}"#, "neither true nor false"),
            (#"{"topic":"a/","fields":"title"}"#, "neither a list nor \"all\""),
            (#"{"topic":"a/","fields":["title",1]}"#, "no member's path"),
            (#"{"topic":"a/","fields":[""]}"#, "no member's path"),
            (#"{"topic":"a/","kind":"","search":"off"}"#, "\"kind\" is empty"),
            (#"{"topic":"a/","search":"off","weight":2}"#, "\"weight\" is unknown"),
            (#"{"topic":"a/","search":"off","search":"on"}"#, "is there twice"),
        ])
    func unclear(value: String, reason: String) throws {
        let refusal = try #require(refused(record("good", #"{"topic":"a/","search":"off"}"#), record("bad", value)))
        #expect(refusal.code == .invalidValue && refusal.subject == ".membus/search/bad")
        #expect(refusal.message.contains("\".membus/search/bad\""))
        #expect(refusal.message.contains(reason), "\(refusal.message)")
        #expect(refusal.hint.contains("\"context\""))
    }

    @Test("so is one of another kind, one with a path that is in no index, and one that names too many")
    func others() throws {
        let ofText = try #require(refused(record("a", #"{"topic":"a/","search":"off"}"#, kind: .text)))
        #expect(ofText.message.contains("kind text"))
        func naming(_ names: [String]) -> Record {
            record("a", #"{"topic":"a/","fields":["\#(names.joined(separator: #"",""#))"]}"#)
        }
        let longest = String(repeating: "x", count: SearchSettings.longestField)
        #expect(refused(naming([longest])) == nil)
        #expect(refused(naming([longest + "x"]))?.message.contains("longer than 256") == true)
        let many = (0..<SearchSettings.mostFields).map { "f\($0)" }
        #expect(refused(naming(many)) == nil)
        #expect(refused(naming(many + ["one more"]))?.code == .limitExceeded)
    }

    @Test(
        "two that say different things of the same are refused, in whatever order they come",
        arguments: [
            ("search", #""off""#, #""on""#), ("context", "true", "false"), ("fields", #"["a"]"#, #"["a","b"]"#),
            ("fields", #"["a"]"#, #""all""#),
        ])
    func contradiction(name: String, one: String, other: String) throws {
        let a = record("a", #"{"topic":"x/","\#(name)":\#(one)}"#)
        let b = record("b", #"{"topic":"x/","\#(name)":\#(other)}"#)
        let refusal = try #require(refused(a, b))
        #expect(refusal == refused(b, a) && refusal.subject == ".membus/search/a")
        #expect(refusal.message.contains("search/a\" and \".membus/search/b\" set \"\(name)\""))
        #expect(refused(a, record("b", #"{"topic":"x/","\#(name)":\#(one)}"#)) == nil, "they agree")
        #expect(refused(a, record("b", #"{"topic":"x/","kind":"text","\#(name)":\#(other)}"#)) == nil, "of texts")
    }
}
