import Foundation
import MembusModel
import Testing

@Suite("Differences")
struct DifferenceTests {
    private func difference(_ from: String?, _ to: String?, kind: Kind = .text) throws -> Difference {
        let key = try Key("a")
        func record(_ text: String?) -> Record? {
            text.map { Record(key: key, revision: 1, kind: kind, content: .inline(Data($0.utf8))) }
        }
        return Difference(key: key, from: record(from), to: record(to))
    }

    private func shown(_ difference: Difference) -> [String]? {
        difference.lines?.map { line in
            let sign =
                switch line.change {
                case .same: " "
                case .removed: "-"
                case .added: "+"
                }
            return sign + line.text
        }
    }

    @Test("a text is told by lines, and its end is no line")
    func lines() throws {
        #expect(try shown(difference("a\nb\nc\n", "a\nx\nc")) == [" a", "-b", "+x", " c"])
        #expect(try shown(difference("", "a")) == ["+a"])
        #expect(try shown(difference("a\n\nb", "a\nb")) == [" a", "-", " b"])
        #expect(try shown(difference(nil, "a\nb")) == ["+a", "+b"])
        #expect(try shown(difference("a", nil)) == ["-a"])
    }

    @Test("lines are compared by their bytes")
    func bytes() throws { #expect(try shown(difference("\u{e9}", "e\u{301}")) == ["-\u{e9}", "+e\u{301}"]) }

    @Test(
        "lines that are told of make the second text of the first, whatever they are",
        arguments: 0..<20 as Range<UInt64>)
    func random(seed: UInt64) throws {
        var dice = SeededRandom(seed: seed)
        func text() -> [String] {
            (0..<Int.random(in: 0...30, using: &dice)).map { _ in ["a", "b", "c", ""].randomElement(using: &dice) ?? ""
            }
        }
        for _ in 0..<50 {
            let (old, new) = (text() + ["end"], text() + ["end"])
            let lines = try #require(
                difference(old.joined(separator: "\n"), new.joined(separator: "\n")).lines)
            #expect(lines.filter { $0.change != .added }.map(\.text) == old, "seed \(seed)")
            #expect(lines.filter { $0.change != .removed }.map(\.text) == new, "seed \(seed)")
        }
    }

    @Test("two long texts that have nothing in common take no time: all of it changed")
    func long() throws {
        let old = (0..<20_000).map { "old \($0)" }.joined(separator: "\n")
        let new = (0..<20_000).map { "new \($0)" }.joined(separator: "\n")
        #expect(try difference("same\n" + old, "same\n" + new).lines?.count == 40_001)
        #expect(try difference(nil, new).lines?.count == 20_000)
        #expect(try difference("one line", new).lines?.count == 20_001)
        // Few changes in long texts are found.
        let changed = old.replacing("old 10000\n", with: "another\n")
        #expect(try difference(old, changed).lines?.filter { $0.change != .same }.count == 2)
    }

    @Test("what is no text has no lines")
    func binary() throws {
        let key = try Key("a")
        let record = Record(key: key, revision: 1, content: .inline(Data([0xFF, 0xFE])))
        #expect(Difference(key: key, from: record, to: nil).lines == nil)
        #expect(Difference(key: key, from: record.announced, to: nil).lines == nil)
    }

    @Test("objects are told by members, at JSON Pointers; numbers as they are written")
    func fields() throws {
        let told = try #require(
            difference(
                #"{"a":1,"b":{"c":[1],"d":"x"},"gone":null,"s/l~":1}"#,
                #"{"b":{"d":"x","c":[2]},"a":1.0,"new":true,"s/l~":2}"#, kind: .json
            ).fields)
        #expect(
            told.map { "\($0.path) \($0.from ?? "-") \($0.to ?? "-")" }
                == ["/a 1 1.0", "/b/c [1] [2]", "/gone null -", "/s~1l~0 1 2", "/new - true"])
        #expect(try difference("[1]", "[2]", kind: .json).fields == nil)
        #expect(try difference("{}", "{}").fields == nil)
    }

    @Test("a state's name is a branch, a revision, or both")
    func names() throws {
        let main = BranchName.main
        #expect(try StateName("main") == .branch(main) && StateName("main@7") == .branch(main, at: 7))
        #expect(try StateName("7") == .revision(7) && StateName("@7") == .revision(7))
        #expect(
            try StateName("a@b") == .branch(BranchName("a@b")) && StateName("7@9") == .branch(BranchName("7"), at: 9))
        #expect(throws: InvalidName.self) { try StateName("a/b@7") }
        #expect(throws: InvalidName.self) { try StateName("") }
        for text in ["main", "main@7", "7", "now"] { #expect(try StateName(text).description == text) }
    }

    @Test("or a branch as it was at a time, a while ago, or some commits before")
    func moments() throws {
        let main = BranchName.main
        #expect(try StateName("main~3") == StateName(main, .back(3)) && StateName("~0") == StateName(nil, .back(0)))
        #expect(try StateName("main@2h") == StateName(main, .ago(.seconds(7200))))
        #expect(try StateName("@1h30m") == StateName(nil, .ago(.seconds(5400))))
        let noon = Timestamp(milliseconds: 1_772_366_400_000)
        #expect(try StateName("main@2026-03-01T12:00:00Z") == StateName(main, .time(noon)))
        #expect(try StateName("2h") == .branch(BranchName("2h")), "a length of time needs its sign")
        #expect(try StateName("66~0") == StateName(BranchName("66"), .back(0)))
        #expect(try StateName("a~b") == .branch(BranchName("a~b")) && StateName("a@b@5").branch == BranchName("a@b"))
        let now = Timestamp(milliseconds: 10_000_000)
        #expect(
            try StateName("@2h").on(main, now: now) == BranchState(main, .time(Timestamp(milliseconds: 2_800_000))))
    }
}
