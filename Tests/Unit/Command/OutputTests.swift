import Foundation
import Membus
import MembusDocuments
import Testing

@testable import MembusCommand

@Suite("Output") struct OutputTests {
    @Test("JSON is one line, whatever the text holds") func lines() throws {
        let text = "a\"\\\n\r\t\u{0}\u{7F}\u{85}\u{2028}é😀"
        let line = (["key": .string(text), "revision": .integer(.max)] as JSONValue).line
        #expect(!line.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x2028 || $0.value == 0x85 })
        let back = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
        #expect(back?["key"] as? String == text)
        #expect(line.contains("\"revision\":9223372036854775807"))
    }

    @Test(
        "errors tell the protocol's code and the shell's",
        arguments: [
            (Refusal(.belowFloor, "m"), "BELOW_FLOOR", 1), (Refusal(.unknownBranch, "m"), "UNKNOWN_BRANCH", 4),
            (Refusal(.busy, "m"), "BUSY", 1),
        ] as [(Refusal, String, Int32)]) func codes(_ failure: Refusal, _ code: String, _ exit: Int32)
    {
        let error = CommandError(MembusError.refused(failure))
        #expect(error.code == code)
        #expect(error.exitCode.rawValue == exit)
        #expect(error.object.line == #"{"error":{"code":"\#(code)","message":"m","hint":"\#(failure.hint)"}}"#)
    }

    @Test("a conflict lists every key that failed with what is there") func conflict() throws {
        let there = Record(
            key: key("t/7"), revision: 3, ordinal: 0, kind: .text, content: .inline(Data("me".utf8)), owner: "ada")
        let error = CommandError(
            MembusError.conflict(
                [
                    FailedPrecondition(precondition: .absent(key("t/7")), key: key("t/7"), revision: 3, current: there),
                    FailedPrecondition(precondition: .at(key("x"), 2), key: key("x"), revision: 0, current: nil),
                ], at: Position(revision: 5, hash: 1)))
        #expect(error.exitCode == .conflict)
        #expect(
            error.object.line
                == #"{"conflict":[{"key":"t/7","revision":3,"current":{"key":"t/7","revision":3,"kind":"text","value":"me","owner":"ada"},"precondition":{"absent":"t/7"}},{"key":"x","revision":0,"precondition":{"at":{"key":"x","revision":2}}}],"position":{"revision":5,"hash":"0000000000000001"}}"#
        )
        #expect(error.message.contains("t/7 exists, at revision 3: me (put by ada)"))
    }

    @Test("colours need a terminal, and no NO_COLOR") func colours() {
        #expect(Style.isWanted(onTerminal: true, environment: [:]))
        #expect(!Style.isWanted(onTerminal: false, environment: [:]))
        #expect(!Style.isWanted(onTerminal: true, environment: ["NO_COLOR": "1"]))
        #expect(Style.isWanted(onTerminal: true, environment: ["NO_COLOR": ""]))
        #expect(!Style.isWanted(onTerminal: true, environment: ["TERM": "dumb"]))
    }

    @Test("previews are one line, cut between characters, and harmless") func previews() {
        func preview(_ data: Data) -> String {
            Human.preview(
                Record(key: key("k"), revision: 1, ordinal: 0, kind: .text, content: .inline(data), owner: ""),
                width: 10)
        }
        #expect(preview(Data("short".utf8)) == "short")
        #expect(preview(Data("a\nb\u{1B}[2J".utf8)) == "a\\u{a}b\\u{1b}[2J")
        #expect(preview(Data(String(repeating: "é", count: 3000).utf8)) == "éééééééééé… (5.9 KiB)")
        #expect(
            preview(Data(String(repeating: "😀", count: 3000).utf8)) == String(repeating: "😀", count: 10)
                + "… (11.7 KiB)")
        #expect(preview(Data([0xFF, 0xFE])) == "(2 B of binary)")
        #expect(preview(Data([0x61, 0xC3])) == "(2 B of binary)")
        #expect(preview(Data()) == "")
    }

    @Test("counts tell the largest groups, the rest as one, and as of when") func counts() {
        func amount(_ records: Int64, _ bytes: Int64) -> MemoryCounts.Amount { .init(records: records, bytes: bytes) }
        let groups = (1...7).map { MemoryCounts.Group(name: "g\($0)", amount: amount(1, 100 - $0)) }
        let counts = MemoryCounts(
            at: Position(revision: 9, hash: 1), all: amount(12_345, 4 << 20),
            segments: .init(largest: groups, others: amount(12_338, 900), names: 1000, mostNames: 1000),
            owners: .init(
                largest: [.init(name: "a\u{1B}[2J\u{202E}", amount: amount(12_345, 4 << 20))], names: 1, mostNames: 1000
            )
        )
        let rows = CountsReport.rows(counts) { Human.name($0, onTerminal: true) }
        #expect(rows.map(\.0) == ["records", "segments", "owners"])
        #expect(
            rows.map(\.1) == [
                "12,345 (4.0 MiB) on main, counted as of revision 9",
                "1,000 or more: g1 1 (99 B), g2 1 (98 B), g3 1 (97 B), g4 1 (96 B), g5 1 (95 B), others 12,340 (1.1 KiB)",
                "1: a\\u{1b}[2J\\u{202e} 12,345 (4.0 MiB)",
            ])
        #expect(CountsReport.rows(nil) { $0 }.map(\.1) == ["not counted yet"])
        #expect(JSONValue.counts(nil) == .null)
        let json = JSONValue.counts(counts).line
        #expect(json.hasPrefix(#"{"at":{"revision":9,"hash":"0000000000000001"},"records":12345,"bytes":4194304,"#))
        #expect(json.contains(#"{"names":1000,"most_names":1000,"largest":[{"name":"g1","records":1,"bytes":99},"#))
        #expect(json.contains(#""others":{"records":12338,"bytes":900}}"#))
    }

    @Test("a meter tells number, bytes, rates and the time left") func meter() {
        var meter = Meter(counting: "records", start: Instant(nanoseconds: 0))
        meter.total = 50_000
        meter.done = 12_500
        meter.bytes = 5 << 20
        let now = Instant(nanoseconds: 10_000_000_000)
        #expect(
            meter.figures(at: now) == "12,500 of 50,000 records · 5.0 MiB · 1,250 records/s · 512.0 KiB/s · 30s left")
        #expect(meter.bar(at: now).hasPrefix("[#####---------------]  25% "))
        meter.totalBytes = 10 << 20
        #expect(meter.fraction == 0.5)
        meter.skipped = 2500
        (meter.bytes, meter.skippedBytes) = (6 << 20, 4 << 20)
        #expect(meter.secondsLeft(at: now) == 20)
    }

    @Test(
        "with little room a meter gives up its bar, its totals, its rate, and last the time left",
        arguments: [
            (
                130,
                "[#####---------------]  25% 12,500 of 50,000 records · 5.0 MiB · 1,250 records/s · 512.0 KiB/s · 30s left"
            ),
            (90, "[##--------]  25% 12,500 of 50,000 records · 5.0 MiB · 1,250 records/s · 30s left"),
            (72, " 25% 12,500 of 50,000 records · 5.0 MiB · 1,250 records/s · 30s left"),
            (60, " 25% 12,500 records · 5.0 MiB · 1,250/s · 30s left"), (30, " 25% 12,500 · 30s left"), (5, "25%"),
        ])
    func meterLine(columns: Int, line: String) {
        var meter = Meter(counting: "records", start: Instant(nanoseconds: 0))
        (meter.total, meter.done, meter.bytes) = (50_000, 12_500, 5 << 20)
        #expect(meter.line(at: Instant(nanoseconds: 10_000_000_000), columns: columns) == line)
        #expect(line.count <= columns)
    }

    @Test("a meter at its start, without a total, or over it, says nothing foolish") func meterEdges() {
        var meter = Meter(counting: "records", start: Instant(nanoseconds: 0))
        let now = Instant(nanoseconds: 0)
        #expect(meter.figures(at: now) == "0 records · 0 B · 0 records/s · 0 B/s")
        #expect(meter.fraction == nil)
        meter.total = 0
        #expect(meter.fraction == 1)
        meter.total = 10
        meter.done = 20
        #expect(meter.fraction == 1)
        #expect(meter.secondsLeft(at: Instant(nanoseconds: 5_000_000_000)) == nil)
    }

    @Test("the first key that differs is found, whichever side lacks it") func differences() {
        func record(_ name: String, _ revision: Revision) -> Record {
            Record(key: key(name), revision: revision, ordinal: 0, kind: .text, content: .inline(Data()), owner: "")
        }
        let some = [record("a", 1), record("b", 2), record("c", 3)]
        #expect(DigestComparison.first(some, some) == nil)
        #expect(DigestComparison.first(some, [some[0], some[2]]) == .init(key: key("b"), broker: 2, view: nil))
        #expect(DigestComparison.first([some[0]], some) == .init(key: key("b"), broker: nil, view: 2))
        #expect(
            DigestComparison.first(some, [some[0], record("b", 1), some[2]]) == .init(key: key("b"), broker: 2, view: 1)
        )
        #expect(DigestComparison.first(some, Array(some.dropLast())) == .init(key: key("c"), broker: 3, view: nil))
    }

    @Test("sizes and times are short") func sizes() {
        #expect(Human.bytes(1023) == "1023 B")
        #expect(Human.bytes(1536) == "1.5 KiB")
        #expect(Human.bytes(.max) == "8.0 EiB")
        #expect(Human.clock(59) == "59s")
        #expect(Human.clock(185) == "3m 05s")
        #expect(Human.clock(7_620) == "2h 07m")
        #expect(Human.clock(443_000) == "5d 3h")
        #expect(Timestamp(milliseconds: 1_772_366_400_000).shown == "2026-03-01T12:00:00Z")
    }
}
