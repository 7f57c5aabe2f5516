import Foundation
import MembusModel
import Testing

@testable import MembusStore

@Suite("Merges, rollbacks and reverts")
struct MergeTests {
    private let trial = BranchName(unchecked: "trial")

    private func outcome(_ world: World, _ work: Work) throws -> Outcome {
        let result = try world.write(work).results[0]
        guard let outcome = result.outcome else { throw Unexpected("refused: \(String(describing: result.refusal))") }
        return outcome
    }

    private func refusal(_ world: World, _ work: Work) throws -> Refusal {
        try #require(try world.write(work).results[0].refusal)
    }

    private func conflicts(_ outcome: Outcome) throws -> [MergeConflict] {
        guard case .unsettled(let conflicts, _, _) = outcome else { throw Unexpected("\(outcome)") }
        return conflicts
    }

    private func report(_ outcome: Outcome) throws -> MergeReport {
        guard case .merged(_, let report) = outcome else { throw Unexpected("\(outcome)") }
        return report
    }

    private func verifies(_ world: World) throws {
        #expect(try world.reader.verify().problems.isEmpty)
    }

    /// `main` and `trial`, which is forked once `a` is there.
    private func parted() throws -> World {
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
        let merged = try outcome(world, .merge(Merge(trial)))
        #expect(try report(merged) == MergeReport(source: 6, written: 3, agreed: 0, settled: 0))
        #expect(try world.state() == ["a": "2", "new": "x", "mine": "y"])
        let record = try world.get("a")
        #expect(record.revision == world.head && record.owner == "ada")
        guard case .held = try outcome(world, .merge(Merge(trial))) else { throw Unexpected("merged again") }
        guard case .merged = try outcome(world, .merge(Merge(.main, into: trial))) else {
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
        let first = try outcome(world, merge)
        let again = try world.writer.write([world.item(merge, number: world.number)], at: world.now).results[0].outcome
        #expect(first == again)
        try world.put("a", "3", on: trial)
        try world.put("a", "4")
        let head = world.head
        let open = try outcome(world, merge)
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
        let open = try conflicts(outcome(world, .merge(Merge(trial))))
        #expect(open.map(\.kind) == [.bothChanged, .deletedAndChanged])
        #expect(
            open[0].base?.record.text == "1" && open[0].ours?.record.text == "3" && open[0].theirs?.record.text == "2")
        #expect(open[0].theirs?.commit?.agent == "ada" && open[1].ours?.record.isDeleted == true)
        // Meanwhile one of them has moved on: it settles nothing.
        try world.put("a", "5")
        let chosen = open.map { $0.resolved(.theirs) }
        #expect(try conflicts(outcome(world, .merge(Merge(trial, resolutions: chosen)))).map(\.key.text) == ["a"])
        #expect(try world.text("b") == nil)
        let now = try conflicts(outcome(world, .merge(Merge(trial))))
        let put = Put(Data("both".utf8))
        let settled = [now[0].resolved(.put(put)), now[1].resolved(.theirs)]
        #expect(try report(outcome(world, .merge(Merge(trial, resolutions: settled)))).settled == 2)
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
        _ = try report(outcome(world, .merge(Merge(trial))))
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
        #expect(try conflicts(outcome(world, .merge(Merge(trial)))).map(\.key.text) == ["b"])
        let open = try conflicts(outcome(world, .merge(Merge(trial))))
        _ = try report(outcome(world, .merge(Merge(trial, resolutions: open.map { $0.resolved(.ours) }))))
        #expect(try world.text("a") == "2" && world.text("b") == "3" && world.text(".membus/policies/b") == nil)
        _ = try world.write(.change(".membus/policies/c", .put(Put(Data("{}".utf8), kind: .json))))
        try world.put("a", "9", on: trial)
        #expect(try refusal(world, .merge(Merge(trial))).subject == ".membus/policies/c")
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
        _ = try report(outcome(world, .merge(Merge(trial))))
        #expect(try world.state() == ["a": "2"])
    }

    @Test("an unknown, the same, a too early, a forgotten and a future state are refused, and nothing is written")
    func refusals() throws {
        let world = try parted()
        try world.put("a", "2", on: trial)
        let head = world.head
        #expect(try refusal(world, .merge(Merge(BranchName(unchecked: "nobody")))).code == .unknownBranch)
        #expect(try refusal(world, .merge(Merge(trial, into: BranchName(unchecked: "nobody")))).code == .unknownBranch)
        #expect(Merge(.main).shapeRefusal(limits: Limits())?.code == .invalidArgument)
        #expect(try refusal(world, .merge(Merge(trial, at: 1))).code == .invalidArgument)
        #expect(try refusal(world, .merge(Merge(trial, at: head + 1))).code == .beyondHead)
        #expect(try refusal(world, .rollback(Rollback(to: head + 1))).code == .beyondHead)
        #expect(try refusal(world, .revert(Revert(revisions: [head + 1]))).code == .beyondHead)
        #expect(try refusal(world, .revert(Revert(versions: [VersionName(Key("a"), at: 2)]))).code == .invalidArgument)
        #expect(Revert().shapeRefusal(limits: Limits())?.code == .invalidArgument)
        try world.compact(to: head)
        #expect(try refusal(world, .rollback(Rollback(to: 1))).code == .belowFloor)
        #expect(try refusal(world, .revert(Revert(revisions: [2]))).code == .belowFloor)
        #expect(world.head == head)
    }

    @Test("what a resolution puts has to be of its kind")
    func resolutionValues() throws {
        let world = try parted()
        try world.put("a", "2", on: trial)
        try world.put("a", "3")
        let open = try conflicts(outcome(world, .merge(Merge(trial))))
        for put in [Put(Data("{".utf8), kind: .json), Put(Data("x".utf8), kind: .counter)] {
            let merge = Merge(trial, resolutions: [open[0].resolved(.put(put))])
            #expect(try refusal(world, .merge(merge)).code == .invalidValue)
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
        #expect(try refusal(world, .merge(Merge(trial))).code == .limitExceeded && world.head == head)
        _ = try report(outcome(world, .merge(Merge(trial, at: 6))))
        _ = try report(outcome(world, .merge(Merge(trial))))
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
        _ = try report(outcome(world, .merge(Merge(trial, at: head))))
        _ = try report(outcome(world, .merge(Merge(.main, into: trial, at: head))))
        _ = try world.write(.change("n", .increment(8)))
        _ = try world.write(.change("n", .increment(16), on: trial))
        _ = try report(outcome(world, .merge(Merge(trial))))
        #expect(try world.get("n").count == 31)
    }

    @Test("a merge of a swept past goes by what was kept for it")
    func compacted() throws {
        let world = try parted()
        try world.put("a", "2", on: trial)
        _ = try report(outcome(world, .merge(Merge(trial))))
        try world.put("a", "3", on: trial)
        try world.put("a", "4", on: trial)
        try world.delete("a")
        try world.put("z", "1")
        try world.compact(to: world.head)
        let open = try conflicts(outcome(world, .merge(Merge(trial))))
        #expect(open.map(\.kind) == [.deletedAndChanged] && open[0].base?.record.text == "2")
        // The deletion is told to the branch that still has it.
        try world.put("a", "2", on: trial)
        _ = try report(outcome(world, .merge(Merge(.main, into: trial))))
        #expect(try world.text("a", on: trial) == nil)
    }

    // MARK: Undoing

    @Test("a rollback restores a topic as it was, whoever changed it, and can itself be rolled back")
    func rollback() throws {
        let world = try World()
        try world.put("plans/a", "1")
        try world.put("facts/a", "1")
        let good = world.head
        try world.put("plans/a", "2")
        try world.put("plans/b", "2")
        try world.put("facts/a", "2")
        let plans = TopicFilter([Topic(unchecked: "plans/")])
        guard case .committed(let back) = try outcome(world, .rollback(Rollback(to: good, filter: plans))) else {
            throw Unexpected("no commit")
        }
        #expect(try world.state() == ["plans/a": "1", "facts/a": "2"])
        guard case .held = try outcome(world, .rollback(Rollback(to: good, filter: plans))) else {
            throw Unexpected("rolled back again")
        }
        _ = try outcome(world, .rollback(Rollback(to: back.revision - 1)))
        #expect(try world.state() == ["plans/a": "2", "plans/b": "2", "facts/a": "2"])
        try verifies(world)
    }

    @Test("a rollback to before the fork gives what the parent showed then, and what has expired does not return")
    func rollbackBeyondTheFork() throws {
        let world = try World()
        try world.put("a", "1")
        try world.put("soon", "x", expires: .after(.seconds(5)))
        try world.put("a", "2")
        try world.fork("trial")
        try world.put("b", "3", on: trial)
        world.now = Timestamp(milliseconds: world.now.milliseconds + 20_000)
        _ = try world.expire()
        _ = try outcome(world, .rollback(Rollback(trial, to: 2)))
        #expect(try world.state(on: trial) == ["a": "1"])
    }

    @Test("a revert brings back what was before, makes later increments again, and leaves later whole writes")
    func revert() throws {
        let world = try World()
        try world.put("a", "good")
        _ = try world.write(.change("n", .increment(1)))
        let bad = Work.transaction(
            Transaction(
                context: "lie",
                changes: [
                    Change(Key(unchecked: "a"), .put(Put(Data("bad".utf8)))),
                    Change(Key(unchecked: "b"), .put(Put(Data("bad".utf8)))),
                    Change(Key(unchecked: "n"), .increment(100)),
                    Change(Key(unchecked: "later"), .put(Put(Data("bad".utf8)))),
                ]))
        _ = try world.write(bad)
        let lie = world.head
        _ = try world.write(.change("n", .increment(10)))
        try world.put("later", "whole")
        _ = try outcome(world, .revert(Revert(revisions: [lie])))
        #expect(try world.state() == ["a": "good", "n": "11", "later": "whole"])
        guard case .held = try outcome(world, .revert(Revert(author: Authorship(context: "lie", since: 0)))) else {
            throw Unexpected("reverted again")
        }
        // Reverting the revert restores.
        _ = try outcome(world, .revert(Revert(revisions: [world.head])))
        #expect(try world.state() == ["a": "bad", "b": "bad", "n": "111", "later": "whole"])
        try verifies(world)
    }

    @Test("a merge that was reverted stays reverted")
    func revertedMerge() throws {
        let world = try parted()
        try world.put("a", "2", on: trial)
        let merge = try outcome(world, .merge(Merge(trial)))
        _ = try outcome(world, .revert(Revert(revisions: [try #require(merge.commit).revision])))
        #expect(try world.text("a") == "1")
        guard case .held = try outcome(world, .merge(Merge(trial))) else { throw Unexpected("it came back") }
    }

    @Test("a key whose history can't be told is somebody's to decide, and the rest waits for it")
    func undecided() throws {
        let world = try World()
        try world.put("j", "x")
        _ = try world.write(.change("j", .put(Put(Data(#"{"a":1}"#.utf8), kind: .json))))
        let bad = world.head
        _ = try world.write(.change("j", .mergePatch(Data(#"{"a":2}"#.utf8))))
        let open = try conflicts(outcome(world, .revert(Revert(revisions: [bad]))))
        #expect(open.map(\.key.text) == ["j"] && open[0].ours?.record.revision == world.head)
        let left = open[0].resolved(.ours)
        guard case .held = try outcome(world, .revert(Revert(revisions: [bad], resolutions: [left]))) else {
            throw Unexpected("something was written")
        }
        _ = try outcome(world, .revert(Revert(revisions: [bad], resolutions: [open[0].resolved(.delete)])))
        #expect(try world.text("j") == nil)
    }

    @Test("another store that applies the batches holds the same, and merges on as this one does")
    func applied() throws {
        let world = try World()
        let other = try Store.inMemory(newLineage: 4711)
        let replica = try other.makeWriter()
        _ = try replica.write([.openSession(world.session, agent: "ada")], at: world.now)
        func write(_ work: Work) throws {
            var decided: DecidedBatch?
            _ = try world.writer.write([world.item(work)], at: world.now) { decided = $0 }
            let batch = try DecidedBatch(decoding: try #require(decided).encoded)
            try replica.apply(batch)
        }
        try write(.put("a", "1"))
        try write(.fork(Fork(name: trial)))
        try write(.put("a", "2", on: trial))
        try write(.change("n", .increment(3), on: trial))
        try write(.merge(Merge(trial)))
        try write(.revert(Revert(revisions: [3])))
        try write(.rollback(Rollback(to: 5)))
        #expect(replica.head == world.writer.head)
        #expect(try other.makeReader().verify().problems.isEmpty)
        try write(.put("a", "5", on: trial))
        try write(.merge(Merge(trial)))
        #expect(replica.head == world.writer.head)
    }

    @Test("a merge of several bases is made again where one of them is newer than all others")
    func severalBases() throws {
        let world = try World()
        try world.put("z", "1")
        try world.fork("trial")
        let other = try world.fork("other", from: trial)
        try world.put("a", "1")
        for branch in [trial, other] { _ = try report(outcome(world, .merge(Merge(.main, into: branch)))) }
        try world.put("a", "2", on: trial)
        try world.delete("a", on: other)
        let deletion = world.head
        let open = try conflicts(outcome(world, .merge(Merge(other, into: trial))))
        let merge = Merge(other, into: trial, resolutions: open.map { $0.resolved(.theirs) })
        _ = try report(outcome(world, .merge(merge)))
        #expect(try world.text("a", on: trial) == nil)
        _ = try outcome(world, .revert(Revert(trial, revisions: [deletion])))
        #expect(try world.text("a", on: trial) == "2")
    }

    // MARK: Appended texts

    @Test(
        "a merge that is made again appends what was only appended, however that was undone when they merged",
        arguments: ["", "start;"], ["deleted", "rolled back", "reverted"])
    func appendedAgain(start: String, way: String) throws {
        let world = try World()
        func append(_ piece: String, _ branch: BranchName) throws {
            _ = try world.write(.change("log", .append(Data(piece.utf8)), on: branch))
        }
        try world.put(start.isEmpty ? "other" : "log", start)
        let before = world.head
        try world.fork("trial")
        try append("ours;", .main)
        let ours = world.head
        try append("theirs;", trial)
        switch way {
        // Of what was there before that is a conflict.
        case "deleted": if start.isEmpty { try world.delete("log") } else { return }
        case "rolled back": _ = try outcome(world, .rollback(Rollback(to: before)))
        default: _ = try outcome(world, .revert(Revert(revisions: [ours])))
        }
        let undone = world.head
        _ = try report(outcome(world, .merge(Merge(trial))))
        #expect(try world.text("log") == start + "theirs;")
        _ = try outcome(world, .revert(Revert(revisions: [undone])))
        #expect(try world.text("log") == start + "ours;theirs;")
        try verifies(world)
    }

    @Test("a text that both sides contain, but that was undone in their base, was created and not appended to")
    func undoneInTheBase() throws {
        let world = try World()
        try world.put("a", "1\n")
        _ = try outcome(world, .revert(Revert(revisions: [1])))
        let undone = world.head
        try world.fork("trial")
        let old = try world.fork("old", at: 1)
        _ = try outcome(world, .revert(Revert(revisions: [undone])))
        _ = try report(outcome(world, .merge(Merge(.main, into: old))))
        try world.put("a", "2\n", on: trial)
        #expect(try conflicts(outcome(world, .merge(Merge(trial, into: old)))).map(\.kind) == [.bothCreated])
    }

    @Test("a branch that never had a record may contain its deletion: what was edited meanwhile is a conflict")
    func deletedByOthers() throws {
        let world = try World()
        try world.put("z", "1")
        try world.fork("trial")
        let (late, other) = (try world.fork("late"), try world.fork("other"))
        for (branch, text) in [(trial, "1"), (other, "2")] { try world.put("a", text, on: branch) }
        _ = try report(outcome(world, .merge(Merge(trial))))
        let open = try conflicts(outcome(world, .merge(Merge(other))))
        _ = try report(outcome(world, .merge(Merge(other, resolutions: open.map { $0.resolved(.theirs) }))))
        try world.put("a", "3")
        for branch in [trial, other] {
            try world.delete("a", on: branch)
            #expect(try report(outcome(world, .merge(Merge(branch, into: late)))).agreed == 1)
        }
        for (source, target) in [(late, BranchName.main), (.main, late)] {
            let open = try conflicts(outcome(world, .merge(Merge(source, into: target))))
            #expect(open.map(\.key.text) == ["a"] && open.map(\.kind) == [.noBase])
        }
    }

    // MARK: In other words

    @Test("a set whose elements an undoing puts in another order has not changed: nobody is asked about it")
    func otherOrder() throws {
        let world = try World()
        func set(_ key: String, _ json: String, _ branch: BranchName = .main) throws {
            _ = try world.write(.change(key, .put(Put(Data(json.utf8), kind: .json)), on: branch))
        }
        try set(".membus/policies/s", #"{"topic": "s", "policy": "set"}"#)
        try world.fork("trial")
        try set("s", "[1]")
        let other = try world.fork("other", from: trial)
        _ = try report(outcome(world, .merge(Merge(.main, into: other))))
        try set("s", "[3]", trial)
        try set("s", "[1,3]")
        let bad = world.head
        _ = try report(outcome(world, .merge(Merge(.main, into: trial))))
        let third = try world.fork("third", from: trial)
        #expect(try report(outcome(world, .merge(Merge(other, into: third)))).agreed == 1)
        let undone = try outcome(world, .revert(Revert(third, revisions: [bad])))
        if case .unsettled = undone { throw Unexpected("\(undone)") }
        #expect(try world.text("s", on: third) == "[1,3]")
    }

    @Test("what was undone does not come back where a set has its elements in another order: nobody is asked about it")
    func otherOrderOfUndone() throws {
        let world = try World()
        func set(_ key: String, _ json: String) throws -> Revision {
            _ = try world.write(.change(key, .put(Put(Data(json.utf8), kind: .json))))
            return world.head
        }
        _ = try set(".membus/policies/s", #"{"topic": "s", "policy": "set"}"#)
        let bad = try set("s", "[1]")
        _ = try outcome(world, .revert(Revert(revisions: [bad], cascade: Cascade())))
        let undo = world.head
        let other = try world.fork("other")
        try world.fork("trial")
        _ = try set("s", "[3]")
        _ = try report(outcome(world, .merge(Merge(.main, into: other))))
        _ = try outcome(world, .revert(Revert(trial, revisions: [undo])))
        _ = try report(outcome(world, .merge(Merge(other, into: trial))))
        #expect(try world.text("s", on: trial) == "[1,3]")
        _ = try set("s", "[3,1]")
        _ = try report(outcome(world, .merge(Merge(.main, into: other))))
        _ = try report(outcome(world, .merge(Merge(other, into: trial))))
        #expect(try report(outcome(world, .merge(Merge(trial, into: other)))).agreed == 1)
        #expect(try world.text("s", on: other) == "[3,1]")
    }

    @Test("what theirs says in other words is not merged: ours is not made of it, and stays when it is undone")
    func otherWords() throws {
        let world = try World()
        func put(_ key: String, _ json: String, _ branch: BranchName = .main) throws {
            _ = try world.write(.change(key, .put(Put(Data(json.utf8), kind: .json)), on: branch))
        }
        try put(".membus/policies/s", #"{"topic": "s", "policy": "set"}"#)
        try put("s", "[1,2]")
        try put("j", #"{"a":1,"b":2}"#)
        try world.fork("trial")
        try put("s", "[2,1]", trial)
        try put("j", #"{ "b": 2, "a": 1 }"#, trial)
        #expect(try report(outcome(world, .merge(Merge(trial)))).agreed == 2)
        #expect(try world.text("s") == "[1,2]" && world.text("j") == #"{"a":1,"b":2}"#)
        guard case .held = try outcome(world, .revert(Revert(revisions: [world.head - 2, world.head - 1]))) else {
            throw Unexpected("something was reverted")
        }
    }

    @Test("a rollback brings back what was there to the letter, in the order that it had")
    func toTheLetter() throws {
        let world = try World()
        func set(_ key: String, _ json: String) throws {
            _ = try world.write(.change(key, .put(Put(Data(json.utf8), kind: .json))))
        }
        try set(".membus/policies/s", #"{"topic": "s", "policy": "set"}"#)
        try set("s", "[2,0]")
        let before = world.head
        try set("s", "[0,2]")
        _ = try outcome(world, .rollback(Rollback(to: before)))
        #expect(try world.text("s") == "[2,0]")
    }

    // MARK: What compaction must not change

    @Test(
        "a state that compaction has left nothing of is still part of the common past: there is no base, not an older one"
    )
    func forgottenHead() throws {
        let world = try World()
        func set(_ key: String, _ json: String, _ branch: BranchName = .main) throws {
            _ = try world.write(.change(key, .put(Put(Data(json.utf8), kind: .json)), on: branch))
        }
        func merge(_ source: BranchName, into target: BranchName) throws {
            _ = try report(outcome(world, .merge(Merge(source, into: target))))
        }
        try set(".membus/policies/s", #"{"topic": "s", "policy": "set"}"#)
        let start = world.head
        try world.fork("trial")
        try set("s", "[0,2]")
        let other = try world.fork("other", from: trial)
        let third = try world.fork("third", at: start)
        try set("s", "[0]", third)
        try set("s", "[1]", other)
        try merge(.main, into: other)
        try set("s", "[2]")
        try merge(.main, into: trial)
        try merge(trial, into: third)
        try merge(other, into: third)
        let floor = world.head
        try merge(other, into: .main)
        try merge(third, into: other)
        try merge(trial, into: .main)
        try world.compact(to: floor)
        let open = try conflicts(outcome(world, .merge(Merge(.main, into: third))))
        #expect(open.map(\.key.text) == ["s"] && open.map(\.kind) == [.noBase])
    }

    @Test("appended pieces come in the same order, though the deletion before the first of them is forgotten")
    func forgottenDeletion() throws {
        for compacts in [false, true] {
            let world = try World()
            func append(_ piece: String, _ branch: BranchName = .main) throws {
                _ = try world.write(.change("log", .append(Data(piece.utf8)), on: branch))
            }
            try append("old;")
            try world.delete("log")
            try world.fork("trial")
            try append("theirs;")
            if compacts { try world.compact(to: world.head) }
            try append("ours;", trial)
            _ = try report(outcome(world, .merge(Merge(.main, into: trial))))
            #expect(try world.text("log", on: trial) == "ours;theirs;")
        }
    }

    @Test("a merge without changes is not forgotten by compaction: what was merged is merged")
    func forgottenMerge() throws {
        let world = try World()
        func put(_ key: String, _ text: String, _ branch: BranchName, _ kind: Kind = .json) throws {
            _ = try world.write(.change(key, .put(Put(Data(text.utf8), kind: kind)), on: branch))
        }
        try put("j", "{}", .main)
        try put("k", "1", .main, Kind("note"))
        let (a, c) = (try world.fork("a"), try world.fork("c"))
        for branch in [a, BranchName.main] {
            try put("j", #"{"x":1}"#, branch)
            try world.delete("k", on: branch)
        }
        #expect(try report(outcome(world, .merge(Merge(a)))).agreed == 2)
        try world.put("z", "1", on: c)
        try world.compact(to: world.head)
        _ = try report(outcome(world, .merge(Merge(.main, into: c))))
        try put("j", "{}", c)
        try put("k", "1", c, Kind("note"))
        guard case .held = try outcome(world, .merge(Merge(a, into: c))) else {
            throw Unexpected("it was merged again")
        }
        #expect(try world.text("j", on: c) == "{}" && world.text("k", on: c) == "1")
    }

    @Test("an increment that both sides took off comes off once, also when compaction has dropped it")
    func undoneTwice() throws {
        let world = try World()
        _ = try world.write(.change("n", .increment(100)))
        _ = try world.write(.change("n", .increment(10)))
        let bad = world.head
        _ = try world.write(.change("n", .increment(1)))
        try world.fork("trial")
        for branch in [BranchName.main, trial] { _ = try outcome(world, .revert(Revert(branch, revisions: [bad]))) }
        for number in 0..<5 { try world.put("other", "\(number)") }
        try world.put("mine", "x", on: trial)
        try world.compact(to: world.head)
        _ = try report(outcome(world, .merge(Merge(trial))))
        #expect(try world.get("n").count == 101)
    }

    @Test("a base that only a fork still shows is known, though the fork has merged its parent since")
    func baseOfAFork() throws {
        let world = try World()
        func count(_ amount: Int64, _ branch: BranchName = .main) throws {
            _ = try world.write(.change("n", .increment(amount), on: branch))
        }
        try world.put("z", "1")
        try world.fork("trial")
        try count(2)
        let bad = world.head
        let other = try world.fork("other")
        _ = try outcome(world, .revert(Revert(other, revisions: [bad])))
        try world.compact(to: world.head - 1)
        try count(1, trial)
        let third = try world.fork("third", from: trial)
        _ = try report(outcome(world, .merge(Merge(.main, into: trial))))
        _ = try report(outcome(world, .merge(Merge(other, into: third))))
        _ = try report(outcome(world, .merge(Merge(trial, into: third))))
        #expect(try world.get("n", on: third).count == 1)
    }

    @Test("a base that compaction has dropped is not taken for an older one, and a dropped deletion not for nothing")
    func forgottenBase() throws {
        let world = try World()
        try world.put("z", "1")
        try world.fork("trial")
        let other = try world.fork("other")
        try world.put("a", "1", on: trial)
        _ = try report(outcome(world, .merge(Merge(trial, into: other))))
        _ = try report(outcome(world, .merge(Merge(other))))
        try world.delete("a", on: trial)
        _ = try report(outcome(world, .merge(Merge(trial, into: other))))
        let edited = try world.put("a", "2")
        let open = try conflicts(outcome(world, .merge(Merge(trial))))
        _ = try report(outcome(world, .merge(Merge(trial, resolutions: open.map { $0.resolved(.theirs) }))))
        try world.compact(to: edited)
        #expect(
            try conflicts(outcome(world, .merge(Merge(.main, into: trial, at: edited)))).map(\.key.text) == ["a"])
    }

    @Test("what only an older state of a branch contains of others may be forgotten: then it is no base")
    func forgottenByOthers() throws {
        for isForked in [true, false] {
            let world = try World()
            try world.fork("trial")
            var other = try world.fork("other")
            try world.put("a", "1")
            _ = try report(outcome(world, .merge(Merge(.main, into: trial))))
            let floor = try world.delete("a")
            _ = try report(outcome(world, .merge(Merge(.main, into: trial))))
            try world.compact(to: floor)
            if isForked {
                other = try world.fork("late", from: trial, at: floor)
            } else {
                _ = try report(outcome(world, .merge(Merge(trial, into: other, at: floor))))
            }
            let open = try conflicts(outcome(world, .merge(Merge(other))))
            #expect(open.map(\.key.text) == ["a"] && open.map(\.kind) == [.noBase])
        }
    }

    @Test("a branch that never had a record may contain its deletion: without a base somebody is asked")
    func deletionOfOthers() throws {
        let world = try World()
        try world.put("z", "1")
        try world.fork("trial")
        let (late, other) = (try world.fork("late"), try world.fork("other"))
        try world.put("a", "1", on: trial)
        _ = try report(outcome(world, .merge(Merge(trial))))
        try world.delete("a")
        _ = try report(outcome(world, .merge(Merge(trial, into: other))))
        try world.delete("a", on: other)
        try world.compact(to: world.head)
        try world.put("a", "1")
        #expect(try report(outcome(world, .merge(Merge(other, into: late)))).agreed == 1)
        for (source, target) in [(late, BranchName.main), (.main, late)] {
            let open = try conflicts(outcome(world, .merge(Merge(source, into: target))))
            #expect(open.map(\.key.text) == ["a"] && open.map(\.kind) == [.noBase])
        }
    }

    @Test(
        "what both sides have undone before they parted is known, though compaction has dropped the commit that undid it"
    )
    func forgottenRevert() throws {
        let world = try World()
        _ = try world.write(.change("n", .increment(4)))
        try world.put("t", "x")
        let good = world.head
        _ = try world.write(.change("n", .increment(8)))
        _ = try outcome(world, .rollback(Rollback(to: good)))
        // All that is written by it is a deletion, which hides nothing.
        _ = try outcome(world, .revert(Revert(revisions: [good, good + 1])))
        try world.fork("trial")
        try world.compact(to: world.head)
        _ = try world.write(.change("n", .increment(1)))
        _ = try report(outcome(world, .merge(Merge(.main, into: trial))))
        #expect(try world.get("n", on: trial).count == 5)
    }

    @Test("an increment that only one side ever had does not come back since both have reverted it")
    func undoneOnOneSide() throws {
        let world = try World()
        _ = try world.write(.change("n", .increment(100)))
        try world.fork("trial")
        _ = try world.write(.change("n", .increment(1)))
        let ours = world.head
        _ = try world.write(.change("n", .increment(10), on: trial))
        let theirs = world.head
        _ = try outcome(world, .revert(Revert(revisions: [ours, theirs])))
        _ = try outcome(world, .revert(Revert(trial, revisions: [theirs])))
        _ = try report(outcome(world, .merge(Merge(trial))))
        #expect(try world.get("n").count == 100)
    }

    @Test("what theirs undoes after a criss-cross leaves ours as it is, if theirs then says what the base says")
    func undoneAfterCrissCross() throws {
        let world = try World()
        func set(_ json: String, _ branch: BranchName = .main, key: String = "s") throws {
            _ = try world.write(.change(key, .put(Put(Data(json.utf8), kind: .json)), on: branch))
        }
        func merge(_ source: BranchName, into target: BranchName) throws {
            _ = try report(outcome(world, .merge(Merge(source, into: target))))
        }
        try set(#"{"topic": "s", "policy": "set"}"#, key: ".membus/policies/s")
        try world.fork("trial")
        let other = try world.fork("other", from: trial)
        try set("[3]", other)
        try set("[1]")
        let third = try world.fork("third")
        try merge(other, into: third)
        try set("[3]", third)
        let bad = world.head
        try merge(.main, into: other)
        try merge(other, into: trial)
        try set("[3,2]", trial)
        try merge(third, into: trial)
        guard case .held = try outcome(world, .revert(Revert(trial, revisions: [bad]))) else {
            throw Unexpected("somebody was asked, or something was reverted")
        }
        #expect(try world.text("s", on: trial) == "[3,2]")
    }

    @Test("a fork that merged its parent twice has one base, and its reverts can be told")
    func mergedTwice() throws {
        let world = try World()
        func count(_ amount: Int64, _ branch: BranchName = .main) throws {
            _ = try world.write(.change("n", .increment(amount), on: branch))
        }
        try count(100)
        try world.fork("trial")
        try count(10)
        _ = try report(outcome(world, .merge(Merge(.main, into: trial))))
        try count(1)
        try count(1)
        try count(1000, trial)
        let bad = world.head
        _ = try report(outcome(world, .merge(Merge(.main, into: trial))))
        #expect(try world.get("n", on: trial).count == 1112)
        _ = try outcome(world, .revert(Revert(trial, revisions: [bad])))
        #expect(try world.get("n", on: trial).count == 112)
    }

    // MARK: What time must not change

    @Test("a base counts as it was, though its time has come by now")
    func expiredBase() throws {
        let world = try World()
        func put(_ text: String, _ branch: BranchName, _ expiry: Put.Expiry = .never) throws {
            let put = Put(Data(text.utf8), kind: .counter, expiry: expiry)
            _ = try world.write(.change("n", .put(put), on: branch))
        }
        try put("10", .main, .after(.seconds(5)))
        try world.fork("trial")
        try put("15", .main)
        try put("12", trial)
        world.now = Timestamp(milliseconds: world.now.milliseconds + 20_000)
        _ = try report(outcome(world, .merge(Merge(trial))))
        #expect(try world.get("n").count == 17)
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
        _ = try outcome(world, .revert(Revert(revisions: [first])))
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
        #expect(try conflicts(outcome(world, .merge(Merge(trial)))).map(\.kind) == [.bothChanged])
    }
}
