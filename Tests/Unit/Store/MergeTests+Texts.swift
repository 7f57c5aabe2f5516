import Foundation
import MembusModel
import Testing

@testable import MembusStore

extension MergeTests {
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
        case "rolled back": _ = try world.outcome(of: .rollback(Rollback(to: before)))
        default: _ = try world.outcome(of: .revert(Revert(revisions: [ours])))
        }
        let undone = world.head
        _ = try report(world.outcome(of: .merge(Merge(trial))))
        #expect(try world.text("log") == start + "theirs;")
        _ = try world.outcome(of: .revert(Revert(revisions: [undone])))
        #expect(try world.text("log") == start + "ours;theirs;")
        try verifies(world)
    }

    @Test("a text that both sides contain, but that was undone in their base, was created and not appended to")
    func undoneInTheBase() throws {
        let world = try World()
        try world.put("a", "1\n")
        _ = try world.outcome(of: .revert(Revert(revisions: [1])))
        let undone = world.head
        try world.fork("trial")
        let old = try world.fork("old", at: 1)
        _ = try world.outcome(of: .revert(Revert(revisions: [undone])))
        _ = try report(world.outcome(of: .merge(Merge(.main, into: old))))
        try world.put("a", "2\n", on: trial)
        #expect(try conflicts(world.outcome(of: .merge(Merge(trial, into: old)))).map(\.kind) == [.bothCreated])
    }

    @Test("a branch that never had a record may contain its deletion: what was edited meanwhile is a conflict")
    func deletedByOthers() throws {
        let world = try World()
        try world.put("z", "1")
        try world.fork("trial")
        let (late, other) = (try world.fork("late"), try world.fork("other"))
        for (branch, text) in [(trial, "1"), (other, "2")] { try world.put("a", text, on: branch) }
        _ = try report(world.outcome(of: .merge(Merge(trial))))
        let open = try conflicts(world.outcome(of: .merge(Merge(other))))
        _ = try report(world.outcome(of: .merge(Merge(other, resolutions: open.map { $0.resolved(.theirs) }))))
        try world.put("a", "3")
        for branch in [trial, other] {
            try world.delete("a", on: branch)
            #expect(try report(world.outcome(of: .merge(Merge(branch, into: late)))).agreed == 1)
        }
        for (source, target) in [(late, BranchName.main), (.main, late)] {
            let open = try conflicts(world.outcome(of: .merge(Merge(source, into: target))))
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
        _ = try report(world.outcome(of: .merge(Merge(.main, into: other))))
        try set("s", "[3]", trial)
        try set("s", "[1,3]")
        let bad = world.head
        _ = try report(world.outcome(of: .merge(Merge(.main, into: trial))))
        let third = try world.fork("third", from: trial)
        #expect(try report(world.outcome(of: .merge(Merge(other, into: third)))).agreed == 1)
        let undone = try world.outcome(of: .revert(Revert(third, revisions: [bad])))
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
        _ = try world.outcome(of: .revert(Revert(revisions: [bad], cascade: Cascade())))
        let undo = world.head
        let other = try world.fork("other")
        try world.fork("trial")
        _ = try set("s", "[3]")
        _ = try report(world.outcome(of: .merge(Merge(.main, into: other))))
        _ = try world.outcome(of: .revert(Revert(trial, revisions: [undo])))
        _ = try report(world.outcome(of: .merge(Merge(other, into: trial))))
        #expect(try world.text("s", on: trial) == "[1,3]")
        _ = try set("s", "[3,1]")
        _ = try report(world.outcome(of: .merge(Merge(.main, into: other))))
        _ = try report(world.outcome(of: .merge(Merge(other, into: trial))))
        #expect(try report(world.outcome(of: .merge(Merge(trial, into: other)))).agreed == 1)
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
        #expect(try report(world.outcome(of: .merge(Merge(trial)))).agreed == 2)
        #expect(try world.text("s") == "[1,2]" && world.text("j") == #"{"a":1,"b":2}"#)
        guard case .held = try world.outcome(of: .revert(Revert(revisions: [world.head - 2, world.head - 1]))) else {
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
        _ = try world.outcome(of: .rollback(Rollback(to: before)))
        #expect(try world.text("s") == "[2,0]")
    }
}
