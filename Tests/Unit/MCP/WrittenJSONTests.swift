import Foundation
import MembusDocuments
import Testing

@Suite("JSON within JSON")
struct WrittenJSONTests {
    func line(_ text: String) -> String? { WrittenJSON(Data(text.utf8))?.line }

    @Test(
        "a document is shown as it was written, in one line",
        arguments: [
            (#"{"a": [1, 2.50, 1e400, -0],"b" :null}"#, #"{"a":[1,2.50,1e400,-0],"b":null}"#),
            ("{\n\t\"a b\":\r\n \" c \\\" d \"}", #"{"a b":" c \" d "}"#), (" 3 ", "3"), (#""x""#, #""x""#),
            (#""\\""#, #""\\""#), (#""\ud83d\ude00""#, #""\ud83d\ude00""#), (#""\u00e9\n""#, #""\u00e9\n""#),
            ("\"\u{2028}\u{2029}\u{85}\u{7F}\u{E9}\u{20AC}\"", "\"\\u2028\\u2029\\u0085\\u007f\u{E9}\u{20AC}\""),
        ])
    func shown(document: String, expected: String) throws {
        #expect(line(document) == expected)
        let outer = JSONValue.object([.init("value", .written(try #require(WrittenJSON(Data(document.utf8)))))])
        #expect(outer.line == #"{"value":\#(expected)}"#)
    }

    @Test(
        "what is no JSON, or no text, is not",
        arguments: ["", "{", "[1,]", "NaN", "\"\n\"", #""\ud800""#, #""\ude00""#, #""\ud800\u0041""#, #"{"\udfff":1}"#])
    func refused(document: String) { #expect(line(document) == nil) }

    @Test("texts are written so that every reader of lines gets them whole")
    func texts() {
        let text = "a\"\\\n\r\t\u{0}\u{1F}\u{7F}\u{85}\u{2028}\u{2029}\u{2027}\u{E9}\u{1F600}z"
        let expected = #""a\"\\\n\r\t\u0000\u001f\u007f\u0085\u2028\u2029"# + "\u{2027}\u{E9}\u{1F600}z\""
        #expect(JSONValue.string(text).line == expected)
        #expect(JSONValue.object([.init(text, "")]).line == "{" + expected + ":\"\"}")
    }

    @Test("a part of other data is read where it stands")
    func slices() {
        let data = Data(#"xx{"a": 1}yy"#.utf8)
        #expect(WrittenJSON(data.dropFirst(2).dropLast(2))?.line == #"{"a":1}"#)
    }
}
