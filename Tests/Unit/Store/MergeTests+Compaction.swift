import Foundation
import MembusModel
import Testing

@testable import MembusStore

extension MergeTests {
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
            _ = try report(world.outcome(of: .merge(Merge(source, into: target))))
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
        let open = try conflicts(world.outcome(of: .merge(Merge(.main, into: third))))
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
            _ = try report(world.outcome(of: .merge(Merge(.main, into: trial))))
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
        #expect(try report(world.outcome(of: .merge(Merge(a)))).agreed == 2)
        try world.put("z", "1", on: c)
        try world.compact(to: world.head)
        _ = try report(world.outcome(of: .merge(Merge(.main, into: c))))
        try put("j", "{}", c)
        try put("k", "1", c, Kind("note"))
        guard case .held = try world.outcome(of: .merge(Merge(a, into: c))) else {
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
        for branch in [BranchName.main, trial] { _ = try world.outcome(of: .revert(Revert(branch, revisions: [bad]))) }
        for number in 0..<5 { try world.put("other", "\(number)") }
        try world.put("mine", "x", on: trial)
        try world.compact(to: world.head)
        _ = try report(world.outcome(of: .merge(Merge(trial))))
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
        _ = try world.outcome(of: .revert(Revert(other, revisions: [bad])))
        try world.compact(to: world.head - 1)
        try count(1, trial)
        let third = try world.fork("third", from: trial)
        _ = try report(world.outcome(of: .merge(Merge(.main, into: trial))))
        _ = try report(world.outcome(of: .merge(Merge(other, into: third))))
        _ = try report(world.outcome(of: .merge(Merge(trial, into: third))))
        #expect(try world.get("n", on: third).count == 1)
    }

    @Test("a base that compaction has dropped is not taken for an older one, and a dropped deletion not for nothing")
    func forgottenBase() throws {
        let world = try World()
        try world.put("z", "1")
        try world.fork("trial")
        let other = try world.fork("other")
        try world.put("a", "1", on: trial)
        _ = try report(world.outcome(of: .merge(Merge(trial, into: other))))
        _ = try report(world.outcome(of: .merge(Merge(other))))
        try world.delete("a", on: trial)
        _ = try report(world.outcome(of: .merge(Merge(trial, into: other))))
        let edited = try world.put("a", "2")
        let open = try conflicts(world.outcome(of: .merge(Merge(trial))))
        _ = try report(world.outcome(of: .merge(Merge(trial, resolutions: open.map { $0.resolved(.theirs) }))))
        try world.compact(to: edited)
        #expect(
            try conflicts(world.outcome(of: .merge(Merge(.main, into: trial, at: edited)))).map(\.key.text) == ["a"])
    }

    @Test("what only an older state of a branch contains of others may be forgotten: then it is no base")
    func forgottenByOthers() throws {
        for isForked in [true, false] {
            let world = try World()
            try world.fork("trial")
            var other = try world.fork("other")
            try world.put("a", "1")
            _ = try report(world.outcome(of: .merge(Merge(.main, into: trial))))
            let floor = try world.delete("a")
            _ = try report(world.outcome(of: .merge(Merge(.main, into: trial))))
            try world.compact(to: floor)
            if isForked {
                other = try world.fork("late", from: trial, at: floor)
            } else {
                _ = try report(world.outcome(of: .merge(Merge(trial, into: other, at: floor))))
            }
            let open = try conflicts(world.outcome(of: .merge(Merge(other))))
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
        _ = try report(world.outcome(of: .merge(Merge(trial))))
        try world.delete("a")
        _ = try report(world.outcome(of: .merge(Merge(trial, into: other))))
        try world.delete("a", on: other)
        try world.compact(to: world.head)
        try world.put("a", "1")
        #expect(try report(world.outcome(of: .merge(Merge(other, into: late)))).agreed == 1)
        for (source, target) in [(late, BranchName.main), (.main, late)] {
            let open = try conflicts(world.outcome(of: .merge(Merge(source, into: target))))
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
        _ = try world.outcome(of: .rollback(Rollback(to: good)))
        // All that is written by it is a deletion, which hides nothing.
        _ = try world.outcome(of: .revert(Revert(revisions: [good, good + 1])))
        try world.fork("trial")
        try world.compact(to: world.head)
        _ = try world.write(.change("n", .increment(1)))
        _ = try report(world.outcome(of: .merge(Merge(.main, into: trial))))
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
        _ = try world.outcome(of: .revert(Revert(revisions: [ours, theirs])))
        _ = try world.outcome(of: .revert(Revert(trial, revisions: [theirs])))
        _ = try report(world.outcome(of: .merge(Merge(trial))))
        #expect(try world.get("n").count == 100)
    }

    @Test("what theirs undoes after a criss-cross leaves ours as it is, if theirs then says what the base says")
    func undoneAfterCrissCross() throws {
        let world = try World()
        func set(_ json: String, _ branch: BranchName = .main, key: String = "s") throws {
            _ = try world.write(.change(key, .put(Put(Data(json.utf8), kind: .json)), on: branch))
        }
        func merge(_ source: BranchName, into target: BranchName) throws {
            _ = try report(world.outcome(of: .merge(Merge(source, into: target))))
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
        guard case .held = try world.outcome(of: .revert(Revert(trial, revisions: [bad]))) else {
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
        _ = try report(world.outcome(of: .merge(Merge(.main, into: trial))))
        try count(1)
        try count(1)
        try count(1000, trial)
        let bad = world.head
        _ = try report(world.outcome(of: .merge(Merge(.main, into: trial))))
        #expect(try world.get("n", on: trial).count == 1112)
        _ = try world.outcome(of: .revert(Revert(trial, revisions: [bad])))
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
        _ = try report(world.outcome(of: .merge(Merge(trial))))
        #expect(try world.get("n").count == 17)
    }
}
