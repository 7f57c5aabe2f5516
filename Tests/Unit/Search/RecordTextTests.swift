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

    @Test("of JSON: its strings, a line each; its members are names, their paths fields")
    func json() {
        let record = held(
            #"{"title": "caf\u00e9", "at": {"city": "Paris", "n": 4}, "tags": ["a", "b"], "on": true, "no": null}"#,
            .json)
        #expect(text(record.body) == "café\nParis\na\nb")
        #expect(record.breaks.map { text(record.body[$0...]) } == ["Paris\na\nb", "a\nb", "b"])
        #expect(record.names.suffix(7) == ["title", "at", "city", "n", "tags", "on", "no"])
        #expect(fields(record).suffix(4) == ["title=café", "at.city=Paris", "tags=a", "tags=b"])
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
