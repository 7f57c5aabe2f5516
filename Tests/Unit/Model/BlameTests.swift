import Foundation
import MembusModel
import Testing

@Suite("Blame")
struct BlameTests {
    private func version(_ revision: Revision, _ text: String?, kind: Kind = .text) -> KeyVersion {
        let key = Key(unchecked: "a")
        let record =
            text.map { Record(key: key, revision: revision, kind: kind, content: .inline(Data($0.utf8))) }
            ?? .deletion(of: key, revision: revision)
        let commit = CommitInfo(
            revision: revision, hash: 1, branch: .main, agent: "agent-\(revision)", session: nil, number: 0,
            time: Timestamp(milliseconds: revision), context: "", message: "")
        return KeyVersion(record: record, commit: commit)
    }

    /// Given versions from the newest on, as far as it wants them.
    private func blame(_ versions: [KeyVersion], isWhole: Bool = true) -> (told: [String], looked: Int) {
        var walk = BlameWalk(versions[0])
        var looked = 1
        for older in versions.dropFirst() where !walk.isDone {
            walk.take(older)
            looked += 1
        }
        let told = walk.blame(isWhole: isWhole).lines.map { line in
            let place =
                switch line.place {
                case .line(let number): "\(number)"
                case .member(let path): path
                case .whole: "whole"
                }
            return "\(line.isAtOrBefore ? "≤" : "")\(line.commit.revision) \(place) \(line.text ?? "-")"
        }
        return (told, looked)
    }

    private func texts(_ versions: (Revision, String?)...) -> [KeyVersion] { versions.map { version($0.0, $0.1) } }

    @Test("each line came with the oldest version that has it in an unbroken row")
    func lines() {
        #expect(
            blame(texts((7, "a\nx\nc\nd\n"), (5, "a\nb\nc"), (3, "a\nc"), (2, "c"))).told
                == ["3 1 a", "7 2 x", "2 3 c", "7 4 d"])
        // Moved by what others put before it.
        #expect(blame(texts((9, "1\n2\n3\na"), (8, "2\n3\na"), (7, "3\na"), (6, "a"))).told.last == "6 4 a")
    }

    @Test("what was taken out and put in again came with the later one")
    func returned() {
        #expect(blame(texts((3, "a\nb"), (2, "a"), (1, "a\nb"))).told == ["1 1 a", "3 2 b"])
        #expect(blame(texts((3, "a"), (2, nil), (1, "a"))) == (["3 1 a"], 2))
    }

    @Test("no more versions are wanted once each line has its origin")
    func early() {
        #expect(blame(texts((4, "new\nold"), (3, "old"), (2, ""), (1, "old"))) == (["4 1 new", "3 2 old"], 3))
        #expect(blame(texts((4, ""), (3, "old"))) == ([], 1))
    }

    @Test("where older versions are not known, a line is told to be from there or from before")
    func cut() {
        #expect(blame(texts((4, "a\nb"), (3, "a")), isWhole: false).told == ["≤3 1 a", "4 2 b"])
        #expect(blame(texts((3, "a")), isWhole: false).told == ["≤3 1 a"])
    }

    @Test("lines are compared by their bytes")
    func bytes() { #expect(blame(texts((2, "\u{e9}"), (1, "e\u{301}"))).told == ["2 1 \u{e9}"]) }

    @Test("a JSON object is told by members, at whatever depth, whatever their order and white space")
    func members() {
        let versions = [
            version(5, #"{"home": {"city": "Paris", "zip": 1}, "age": 37, "tags": [1, 2], "none": {}}"#, kind: .json),
            version(4, #"{"age":36,"tags":[1,2],"home":{"zip":1,"city":"London"}}"#, kind: .json),
            version(3, #"{"home":{"zip":1.0},"tags":[1,  2]}"#, kind: .json),
            version(2, #"{"home":5,"tags":[2]}"#, kind: .json),
        ]
        #expect(
            blame(versions).told
                == ["5 /home/city \"Paris\"", "4 /home/zip 1", "5 /age 37", "3 /tags [1,2]", "5 /none {}"])
        #expect(blame([version(2, #"{"a/b": 1}"#, kind: .json), version(1, "x")]).told == ["2 /a~1b 1"])
    }

    @Test("any other value is told as one")
    func whole() {
        let counts = [(3, "7"), (2, "7"), (1, "6")] as [(Revision, String)]
        #expect(blame(counts.map { version($0, $1, kind: .counter) }).told == ["2 whole 7"])
        #expect(blame([version(2, "[1]", kind: .json), version(1, "[1]", kind: .text)]).told == ["2 whole [1]"])
        #expect(blame([version(2, "a\nb", kind: Kind("note")), version(1, "a", kind: Kind("note"))]).told.count == 1)
    }

    @Test("a text that was written by appending two thousand times takes no time")
    func long() {
        let lines = (0..<2000).map { "line \($0)" }
        var walk = BlameWalk(version(2000, lines.joined(separator: "\n")))
        for count in stride(from: 1999, through: 1, by: -1) {
            walk.take(version(Revision(count), lines[..<count].joined(separator: "\n")))
        }
        let told = walk.blame(isWhole: true).lines
        #expect(told.map(\.commit.revision) == Array(1...2000))
    }

    /// Each line is marked with the version that wrote it, so that it is plain who is to blame.
    @Test("every line is by who wrote it, whatever was inserted and taken out", arguments: 0..<20 as Range<UInt64>)
    func random(seed: UInt64) {
        var dice = SeededRandom(seed: seed)
        var lines: [String] = []
        var versions: [KeyVersion] = []
        for revision in 1...40 as ClosedRange<Revision> {
            for number in 0..<Int.random(in: 1...4, using: &dice) {
                if !lines.isEmpty, Bool.random(using: &dice) {
                    lines.remove(at: Int.random(in: 0..<lines.count, using: &dice))
                } else {
                    lines.insert("\(revision)/\(number)", at: Int.random(in: 0...lines.count, using: &dice))
                }
            }
            versions.insert(version(revision, lines.joined(separator: "\n")), at: 0)
            let told = blame(versions).told
            let expected = lines.enumerated().map { "\($1.prefix { $0 != "/" }) \($0 + 1) \($1)" }
            #expect(told == expected, "seed \(seed)")
        }
    }
}
