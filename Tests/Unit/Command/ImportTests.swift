import Foundation
import Membus
import MembusDocuments
import Testing

@testable import MembusCommand

@Suite("Import and export") struct ImportTests {
    private func line(_ text: String) -> Result<ImportLine, JSONError> { ImportLine.read(Data(text.utf8)) }

    private func fault(_ text: String) -> String? {
        if case .failure(let error) = line(text) { return error.description }
        return nil
    }

    @Test(
        "what export prints, import reads back as the same record",
        arguments: [
            Record(
                key: key("a"), revision: 7, ordinal: 2, kind: .text,
                content: .inline(Data("é\n\u{1}\u{2028}\"\\".utf8)), owner: "ada"),
            Record(
                key: key("b/c"), revision: 8, ordinal: 0, kind: Kind("image/png"),
                content: .inline(Data([0, 255, 128])),
                attributes: ["x": "1", "a": ""], links: [Link(relation: "of", target: key("a"))], owner: "",
                expires: Timestamp(milliseconds: 5)),
            Record(
                key: key("c"), revision: 8, ordinal: 1, kind: .json, content: .inline(Data(#"{"a": 1.0}"#.utf8)),
                owner: "x"),
            Record(
                key: key("d"), revision: 9, ordinal: 0, kind: .counter, content: .inline(Data("-3".utf8)), owner: "x"),
            Record(
                key: key("e"), revision: 9, ordinal: 1, kind: .text, content: .inline(Data("\u{FEFF}bom".utf8)),
                owner: "x"),
        ]) func roundTrip(_ record: Record) throws
    {
        guard case .record(let read) = try line(JSONValue.record(record).line).get() else {
            throw Refusal(.malformed, "no record")
        }
        #expect(read.key == record.key)
        #expect(read.equals(record))
    }

    @Test("a record that differs in anything is not equal") func differences() throws {
        let there = Record(
            key: key("a"), revision: 1, ordinal: 0, kind: .text, content: .inline(Data("x".utf8)), owner: "o")
        for text in [
            #"{"key":"a","value":"y"}"#, #"{"key":"a","value":"x","kind":"note"}"#,
            #"{"key":"a","value":"x","attributes":{"b":""}}"#,
            #"{"key":"a","value":"x","expires_ms":99}"#,
            #"{"key":"a","value":"x","links":[{"relation":"r","target":"t"}]}"#,
        ] {
            guard case .record(let read) = try line(text).get() else { throw Refusal(.malformed, text) }
            #expect(!read.equals(there), "\(text)")
        }
    }

    @Test(
        "lines that are neither are refused",
        arguments: [
            (#"{"key":"a"}"#, #""value" or "value_base64" is missing"#),
            (
                #"{"key":"a","deleted":true}"#,
                #"deleted: a deletion is no record: use a transaction with "delete": true"#
            ),
            (#"{"key":"a","announced":true,"size":9}"#, "announced: the value is not in the line: export with values"),
            (#"{"key":"a","value":"x","colour":"red"}"#, "colour: unknown field"),
            (#"{"value":"x"}"#, #""key" is missing"#),
            (#"{"changes":[{"key":"a"}]}"#, "changes[0]: exactly one of"),
        ]) func refused(_ text: String, _ start: String) throws
    {
        #expect(try #require(fault(text)).hasPrefix(start))
    }

    @Test("a malformed line is named before anything is written") func malformedLine() throws {
        let file = try TemporaryFile("{\"key\":\"a\",\"value\":\"x\"}\n\n{\"key\":\n")
        let thrown = #expect(throws: CommandError.self) { try ImportPlan(checking: try ImportSource(file: file.path)) }
        #expect(thrown?.message.hasPrefix("\(file.path):3: not JSON") == true)
    }

    @Test("a byte order mark says nothing, and that of UTF-16 is named") func byteOrderMark() throws {
        let file = try TemporaryFile(
            "\u{FEFF}{\"key\":\"a\",\"value\":\"\u{FEFF}x\"}\n\u{FEFF}\n\u{FEFF}{\"key\":\"b\",\"value\":\"y\"}\n")
        #expect(try ImportPlan(checking: try ImportSource(file: file.path)).lines == 2)
        guard case .record(let read) = try line("\u{FEFF}{\"key\":\"a\",\"value\":\"\u{FEFF}x\"}").get() else {
            throw Refusal(.malformed, "no record")
        }
        #expect(read.put.value == Data("\u{FEFF}x".utf8))
        for mark in [[0xFF, 0xFE], [0xFE, 0xFF]] as [[UInt8]] {
            guard case .failure(let error) = ImportLine.read(Data(mark + [0x7B, 0])) else {
                throw Refusal(.malformed, "")
            }
            #expect(error.description.contains("UTF-16"))
        }
    }

    @Test("records and transactions do not mix in one file") func mixed() throws {
        let file = try TemporaryFile("{\"key\":\"a\",\"value\":\"x\"}\n{\"changes\":[]}\n")
        let thrown = #expect(throws: CommandError.self) { try ImportPlan(checking: try ImportSource(file: file.path)) }
        #expect(thrown?.message.hasPrefix("\(file.path):2: the lines before hold records") == true)
    }

    @Test("of several lines with one key the last counts") func lastLines() throws {
        let file = try TemporaryFile(
            (1...4).map { "{\"key\":\"\($0 % 2 == 0 ? "even" : "k\($0)")\",\"value\":\"\($0)\"}" }.joined(
                separator: "\n"))
        let plan = try ImportPlan(checking: try ImportSource(file: file.path))
        #expect(plan.lines == 4)
        #expect(plan.lastLines == [key("even"): 4])
    }

    @Test("lines come whole, whatever the reads that they come in, and the last needs no end") func lines() throws {
        let long = String(repeating: "x", count: 600_000)
        let file = try TemporaryFile("a\n\n\(long)\nlast")
        var reader = LineReader(try ImportSource(file: file.path))
        var read: [(Int, Int, Int64)] = []
        while let line = try reader.next() { read.append((line.number, line.bytes.count, line.end)) }
        #expect(read.map(\.0) == [1, 2, 3, 4])
        #expect(read.map(\.1) == [1, 0, 600_000, 4])
        #expect(read.map(\.2) == [2, 3, 600_004, 600_008])
    }

    @Test("a line beyond the bound is refused without being held") func longLine() throws {
        let file = try TemporaryFile(String(repeating: "x", count: 1_000_000))
        #expect(throws: CommandError.self) {
            var reader = LineReader(try ImportSource(file: file.path), longest: 1000)
            _ = try reader.next()
        }
        // What a broker with raised limits exported is read back.
        let object = try TemporaryFile("{" + String(repeating: "x", count: 1_000_000))
        for (content, isTaken) in [(file, false), (object, true)] {
            var reader = LineReader(try ImportSource(file: content.path), usual: 1000)
            let line = try? reader.next()
            #expect((line != nil) == isTaken)
        }
    }
}
