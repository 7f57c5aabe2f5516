import Foundation
import MembusModel
import Testing

@testable import MembusSearch

@Suite("What of a record is looked through")
struct RecordTextTests {
    private func held(_ value: String, _ kind: Kind = .text, _ attributes: Attributes = [:]) -> RecordText {
        held(Data(value.utf8), kind, attributes)
    }

    private func held(_ value: Data, _ kind: Kind, _ attributes: Attributes = [:]) -> RecordText {
        let record = Record(
            key: Key(unchecked: "notes/trip one"), revision: 3, kind: kind, content: .inline(value),
            attributes: attributes)
        return RecordText(StoredText(record: record, author: "ada", message: "as told"))
    }

    private func members(_ text: RecordText) -> [String] {
        text.members.map { "\($0.path)=" + String(decoding: text.body[$0.bytes], as: UTF8.self) }
    }

    private func fields(_ text: RecordText) -> [String] { text.fields.map { "\($0.name)=\($0.text)" } }

    @Test("of a text: itself; its names are the key's segments, the author and the kind")
    func plain() {
        let record = held("The train.")
        #expect(text(record.body) == "The train.")
        #expect(record.names == ["notes", "trip one", "ada", "text"])
        #expect(fields(record) == ["key=notes/trip one", "author=ada", "kind=text", "message=as told"])
        #expect(record.breaks == [])
    }

    @Test("attributes are names and fields")
    func attributes() {
        let record = held("x", .text, ["topic": "rail ways"])
        #expect(record.names.suffix(2) == ["topic", "rail ways"])
        #expect(fields(record).last == "topic=rail ways")
    }

    @Test("of JSON: its strings, a line each; its members are names, their paths tell which part of the body is whose")
    func json() {
        let record = held(
            #"{"title": "caf\u00e9", "at": {"city": "Paris", "n": 4}, "tags": ["a", "b"], "on": true, "no": null}"#,
            .json)
        #expect(text(record.body) == "café\nParis\na\nb")
        #expect(record.breaks.map { text(record.body[$0...]) } == ["Paris\na\nb", "a\nb", "b"])
        #expect(record.names.suffix(7) == ["title", "at", "city", "n", "tags", "on", "no"])
        #expect(fields(record).last == "message=as told")
        #expect(members(record) == ["title=café", "at.city=Paris", "tags=a", "tags=b"])
    }

    @Test("a string of no member has no path, nor one whose path is too long to be asked for")
    func nameless() {
        #expect(members(held(#""night train""#, .json)) == ["=night train"])
        let (longest, longer) = (String(repeating: "x", count: 256), String(repeating: "x", count: 257))
        #expect(members(held(#"{"\#(longest)": "a", "\#(longer)": "b"}"#, .json)) == [longest + "=a", "=b"])
        #expect(members(held(#"["", "", "a", ""]"#, .json)) == ["=", "=", "=a", "="])
    }

    @Test("what only calls itself JSON is a text")
    func noJSON() { #expect(text(held("{broken", .json).body) == "{broken") }

    @Test("of a counter, and of bytes that are no text: only what it is called")
    func wordless() {
        #expect(held("42", .counter).body == [])
        #expect(held("42", .counter).names.last == "counter")
        #expect(held(Data([0xFF, 0xFE, 0x41]), Kind("blob")).body == [])
        #expect(held(Data([0xFF, 0xFE, 0x41]), .json).body == [])
    }

    @Test("other kinds are texts, if they are")
    func others() { #expect(text(held("fn main", Kind("rust")).body) == "fn main") }
}
