import Foundation
import MembusModel
import Testing

@testable import MembusStore

@Suite("Merges, rollbacks and reverts")
struct MergeTests {
    let trial = BranchName(unchecked: "trial")

    func verifies(_ world: World) throws {
        #expect(try world.reader.verify().problems.isEmpty)
    }

    /// `main` and `trial`, which is forked once `a` is there.
    func parted() throws -> World {
        let world = try World()
        try world.put("a", "1")
        try world.put("b", "1")
        try world.fork("trial")
        return world
    }

    // MARK: Merges

    @Test("what only one side changed is that side's, and the same merge again finds nothing to do")
    func oneSide() throws {
        let world = try parted()
        try world.put("a", "2", on: trial)
        try world.put("new", "x", on: trial)
        try world.delete("b", on: trial)
        try world.put("mine", "y")
        let merged = try world.outcome(of: .merge(Merge(trial)))
        #expect(try report(merged) == MergeReport(source: 6, written: 3, agreed: 0, settled: 0))
        #expect(try world.state() == ["a": "2", "new": "x", "mine": "y"])
        let record = try world.get("a")
        #expect(record.revision == world.head && record.owner == "ada")
        guard case .held = try world.outcome(of: .merge(Merge(trial))) else { throw Unexpected("merged again") }
        guard case .merged = try world.outcome(of: .merge(Merge(.main, into: trial))) else {
            throw Unexpected("not merged")
        }
        #expect(try world.state(on: trial) == world.state())
        try verifies(world)
    }

    @Test("a retry of a merge, or of one that was not settled, is told the same")
    func retries() throws {
        let world = try parted()
        try world.put("a", "2", on: trial)
        let merge = Work.merge(Merge(trial))
        let first = try world.outcome(of: merge)
        let again = try world.writer.write([world.item(merge, number: world.number)], at: world.now).results[0].outcome
        #expect(first == again)
        try world.put("a", "3", on: trial)
        try world.put("a", "4")
        let head = world.head
        let open = try world.outcome(of: merge)
        #expect(try conflicts(open).map(\.key.text) == ["a"])
        let reopened = try world.writer.write([world.item(merge, number: world.number)], at: world.now)
            .results[0].outcome
        #expect(try conflicts(try #require(reopened)).map(\.kind) == [.bothChanged] && world.head == head)
    }

    @Test("conflicts are told with their versions and authors, and a resolution settles just those versions")
    func resolutions() throws {
        let world = try parted()
        try world.put("a", "2", on: trial)
        try world.put("a", "3")
        try world.delete("b")
        try world.put("b", "4", on: trial)
        let open = try conflicts(world.outcome(of: .merge(Merge(trial))))
        #expect(open.map(\.kind) == [.bothChanged, .deletedAndChanged])
        #expect(
            open[0].base?.record.text == "1" && open[0].ours?.record.text == "3" && open[0].theirs?.record.text == "2")
        #expect(open[0].theirs?.commit?.agent == "ada" && open[1].ours?.record.isDeleted == true)
        // Meanwhile one of them has moved on: it settles nothing.
        try world.put("a", "5")
        let chosen = open.map { $0.resolved(.theirs) }
        #expect(try conflicts(world.outcome(of: .merge(Merge(trial, resolutions: chosen)))).map(\.key.text) == ["a"])
        #expect(try world.text("b") == nil)
        let now = try conflicts(world.outcome(of: .merge(Merge(trial))))
        let put = Put(Data("both".utf8))
        let settled = [now[0].resolved(.put(put)), now[1].resolved(.theirs)]
        #expect(try report(world.outcome(of: .merge(Merge(trial, resolutions: settled)))).settled == 2)
        #expect(try world.text("a") == "both" && world.text("b") == "4")
        try verifies(world)
    }

    @Test("counters add up, also when both sides counted the same; objects are merged by member, texts by line")
    func kinds() throws {
        let world = try World()
        func change(_ key: String, _ action: Change.Action, _ branch: BranchName = .main) throws {
            _ = try world.write(.change(key, action, on: branch))
        }
        try change("n", .increment(10))
        try change("j", .mergePatch(Data(#"{"a":1,"b":1}"#.utf8)))
        try world.put("t", "one\ntwo\nthree\nfour\nfive\n")
        try change("log", .append(Data("start;".utf8)))
        try world.fork("trial")
        for branch in [BranchName.main, trial] { try change("n", .increment(5), branch) }
        try change("j", .mergePatch(Data(#"{"a":2}"#.utf8)))
        try change("j", .mergePatch(Data(#"{"b":null,"c":3}"#.utf8)), trial)
        try world.put("t", "ONE\ntwo\nthree\nfour\nfive\n")
        try world.put("t", "one\ntwo\nthree\nfour\nFIVE\n", on: trial)
        try change("log", .append(Data("ours;".utf8)))
        try change("log", .append(Data("theirs;".utf8)), trial)
        _ = try report(world.outcome(of: .merge(Merge(trial))))
        #expect(try world.get("n").count == 20)
        #expect(try world.text("j") == #"{"a":2,"c":3}"#)
        #expect(try world.text("t") == "ONE\ntwo\nthree\nfour\nFIVE\n")
        #expect(try world.text("log") == "start;ours;theirs;")
    }

    @Test("a policy decides for its topic; it stays with its branch, and one that nobody understands is told")
    func policies() throws {
        let world = try parted()
        let policy = Put(Data(#"{"topic": "a", "policy": "theirs"}"#.utf8), kind: .json)
        _ = try world.write(.change(".membus/policies/a", .put(policy)))
        _ = try world.write(
            .change(
                ".membus/policies/b", .put(Put(Data(#"{"topic": "b", "policy": "ours"}"#.utf8), kind: .json)), on: trial
            ))
        for key in ["a", "b"] {
            try world.put(key, "2", on: trial)
            try world.put(key, "3")
        }
        #expect(try conflicts(world.outcome(of: .merge(Merge(trial)))).map(\.key.text) == ["b"])
        let open = try conflicts(world.outcome(of: .merge(Merge(trial))))
        _ = try report(world.outcome(of: .merge(Merge(trial, resolutions: open.map { $0.resolved(.ours) }))))
        #expect(try world.text("a") == "2" && world.text("b") == "3" && world.text(".membus/policies/b") == nil)
        _ = try world.write(.change(".membus/policies/c", .put(Put(Data("{}".utf8), kind: .json))))
        try world.put("a", "9", on: trial)
        #expect(try world.refusal(.merge(Merge(trial))).subject == ".membus/policies/c")
    }

    @Test("what has expired gives way to what was changed, and is not brought in")
    func expired() throws {
        let world = try World()
        try world.put("a", "1", expires: .after(.seconds(10)))
        try world.fork("trial")
        try world.put("a", "2", on: trial)
        try world.put("soon", "x", on: trial, expires: .after(.seconds(5)))
        world.now = Timestamp(milliseconds: world.now.milliseconds + 20_000)
        #expect(try !world.expire().isEmpty)
        _ = try report(world.outcome(of: .merge(Merge(trial))))
        #expect(try world.state() == ["a": "2"])
    }

    @Test("an unknown, the same, a too early, a forgotten and a future state are refused, and nothing is written")
    func refusals() throws {
        let world = try parted()
        try world.put("a", "2", on: trial)
        let head = world.head
        #expect(try world.refusal(.merge(Merge(BranchName(unchecked: "nobody")))).code == .unknownBranch)
        #expect(try world.refusal(.merge(Merge(trial, into: BranchName(unchecked: "nobody")))).code == .unknownBranch)
        #expect(Merge(.main).shapeRefusal(limits: Limits())?.code == .invalidArgument)
        #expect(try world.refusal(.merge(Merge(trial, at: 1))).code == .invalidArgument)
        #expect(try world.refusal(.merge(Merge(trial, at: head + 1))).code == .beyondHead)
        #expect(try world.refusal(.rollback(Rollback(to: head + 1))).code == .beyondHead)
        #expect(try world.refusal(.revert(Revert(revisions: [head + 1]))).code == .beyondHead)
        #expect(try world.refusal(.revert(Revert(versions: [VersionName(Key("a"), at: 2)]))).code == .invalidArgument)
        #expect(Revert().shapeRefusal(limits: Limits())?.code == .invalidArgument)
        try world.compact(to: head)
        #expect(try world.refusal(.rollback(Rollback(to: 1))).code == .belowFloor)
        #expect(try world.refusal(.revert(Revert(revisions: [2]))).code == .belowFloor)
        #expect(world.head == head)
    }

    @Test("what a resolution puts has to be of its kind")
    func resolutionValues() throws {
        let world = try parted()
        try world.put("a", "2", on: trial)
        try world.put("a", "3")
        let open = try conflicts(world.outcome(of: .merge(Merge(trial))))
        for put in [Put(Data("{".utf8), kind: .json), Put(Data("x".utf8), kind: .counter)] {
            let merge = Merge(trial, resolutions: [open[0].resolved(.put(put))])
            #expect(try world.refusal(.merge(merge)).code == .invalidValue)
        }
    }

    @Test("a merge that would change too much is refused whole")
    func limits() throws {
        let world = try World()
        try world.fork("trial")
        for start in 0..<11 {
            let changes = (0..<1000).map { Change(Key(unchecked: "k/\(start * 1000 + $0)"), .put(Put(Data("x".utf8)))) }
            _ = try world.write(.transaction(Transaction(branch: trial, changes: changes)))
        }
        let head = world.head
        #expect(try world.refusal(.merge(Merge(trial))).code == .limitExceeded && world.head == head)
        _ = try report(world.outcome(of: .merge(Merge(trial, at: 6))))
        _ = try report(world.outcome(of: .merge(Merge(trial))))
        #expect(try world.state(page: 4000).count == 11_000)
    }

    @Test("after a criss-cross the base of a key is what both merges had, and nothing counts twice")
    func crissCross() throws {
        let world = try World()
        _ = try world.write(.change("n", .increment(1)))
        try world.fork("trial")
        _ = try world.write(.change("n", .increment(2)))
        _ = try world.write(.change("n", .increment(4), on: trial))
        let head = world.head
        _ = try report(world.outcome(of: .merge(Merge(trial, at: head))))
        _ = try report(world.outcome(of: .merge(Merge(.main, into: trial, at: head))))
        _ = try world.write(.change("n", .increment(8)))
        _ = try world.write(.change("n", .increment(16), on: trial))
        _ = try report(world.outcome(of: .merge(Merge(trial))))
        #expect(try world.get("n").count == 31)
    }

    @Test("a merge of a swept past goes by what was kept for it")
    func compacted() throws {
        let world = try parted()
        try world.put("a", "2", on: trial)
        _ = try report(world.outcome(of: .merge(Merge(trial))))
        try world.put("a", "3", on: trial)
        try world.put("a", "4", on: trial)
        try world.delete("a")
        try world.put("z", "1")
        try world.compact(to: world.head)
        let open = try conflicts(world.outcome(of: .merge(Merge(trial))))
        #expect(open.map(\.kind) == [.deletedAndChanged] && open[0].base?.record.text == "2")
        // The deletion is told to the branch that still has it.
        try world.put("a", "2", on: trial)
        _ = try report(world.outcome(of: .merge(Merge(.main, into: trial))))
        #expect(try world.text("a", on: trial) == nil)
    }

    // MARK: What it may cost

    @Test(
        "criss-crosses of many branches, and reverts of reverts, are bounded in what they look at",
        .timeLimit(.minutes(1)))
    func bounded() throws {
        let world = try World()
        _ = try world.write(.change("n", .increment(1)))
        let branches = try [.main] + (0..<3).map { try world.fork("b\($0)") }
        for _ in 0..<9 {
            for branch in branches { _ = try world.write(.change("n", .increment(1), on: branch)) }
            let at = world.head
            for target in branches {
                for source in branches where source != target {
                    _ = try world.write(.merge(Merge(source, into: target, at: at)))
                }
            }
        }
        #expect(try world.get("n").count == 1 + 9 * 4)
    }

    @Test("what lies beneath a thousand appends is reverted without holding all of them", .timeLimit(.minutes(1)))
    func longAppends() throws {
        let world = try World()
        try world.put("log", "start;")
        let first = world.head
        for number in 0..<1000 { _ = try world.write(.change("log", .append(Data("\(number);".utf8)))) }
        _ = try world.outcome(of: .revert(Revert(revisions: [first])))
        #expect(try world.text("log") == (0..<1000).map { "\($0);" }.joined())
    }

    @Test("what no transaction could put is somebody's to decide")
    func tooLarge() throws {
        let world = try World()
        func half(_ letter: UInt8) -> Data { Data(repeating: letter, count: 2_500_000) }
        _ = try world.write(.change("log", .append(Data("s".utf8))))
        try world.fork("trial")
        _ = try world.write(.change("log", .append(half(1))))
        _ = try world.write(.change("log", .append(half(2)), on: trial))
        #expect(try conflicts(world.outcome(of: .merge(Merge(trial)))).map(\.kind) == [.bothChanged])
    }
}
