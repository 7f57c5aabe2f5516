import Foundation
import MembusModel
import Testing

@testable import MembusStore

extension UndoingTests {
    // MARK: Parked conflicts

    /// `a` differs on `main` and `trial`, and `b` was changed on `trial` alone.
    func atOdds() throws -> World {
        let world = try World()
        for text in ["a", "b"] { try world.put(text, "1") }
        try world.fork("trial")
        try world.put("a", "ours")
        _ = try world.write(
            .transaction(
                Transaction(
                    branch: trial,
                    changes: ["a", "b"].map { Change(key($0), .put(Put(Data("theirs".utf8), kind: Kind("note")))) })))
        return world
    }

    func parked(_ world: World, on branch: BranchName = .main) throws -> [ParkedConflict] {
        try world.reader.range(
            .init(branch: branch, filter: TopicFilter([ParkedConflict.topic])), visible: world.head
        ).records.compactMap { ParkedConflict($0) }
    }

    @Test("a merge that parks commits what is clear, and a record that names the versions for what is not")
    func park() throws {
        let world = try atOdds()
        #expect(try conflicts(try world.outcome(of: .merge(Merge(trial)))).map(\.key) == [key("a")])
        let merged = try world.outcome(of: .merge(Merge(trial, parks: true)))
        #expect(try report(merged) == MergeReport(source: 5, written: 1, agreed: 0, settled: 0, parked: 1))
        #expect(try world.text("a") == "ours" && world.text("b") == "theirs")
        let conflict = try #require(try parked(world).first)
        #expect(conflict.name == "\(world.head)/1" && conflict.conflict == key("a"))
        #expect(conflict.base?.revision == 1 && conflict.ours?.revision == 4 && conflict.theirs?.revision == 5)
        #expect(conflict.theirs?.branch == trial)
        #expect(isHeld(try world.outcome(of: .merge(Merge(trial, parks: true)))))
        #expect(try world.refusal(.merge(Merge(.main, into: trial))).code == .openConflicts)
        #expect(try world.reader.verify().problems.isEmpty)
    }

    @Test("a parked key keeps its base: what theirs becomes later is held against what both had in common")
    func parkedBase() throws {
        let world = try atOdds()
        _ = try world.outcome(of: .merge(Merge(trial, parks: true)))
        let first = try #require(try parked(world).first)
        // They go back to what both had: nothing is left to decide, and ours stays.
        try world.put("a", "1", on: trial)
        let merged = try world.outcome(of: .merge(Merge(trial, parks: true)))
        #expect(try report(merged).parked == 0)
        #expect(try world.text("a") == "ours" && parked(world).isEmpty)
        #expect(try world.get(first.key.text).isDeleted)
        // Of another parked conflict the newest versions take the place of the older ones.
        try world.put("b", "mine")
        try world.put("b", "yours", on: trial)
        _ = try world.outcome(of: .merge(Merge(trial, parks: true)))
        let second = try #require(try parked(world).first)
        let newer = try world.put("b", "yours too", on: trial)
        _ = try world.outcome(of: .merge(Merge(trial, parks: true)))
        #expect(try parked(world).map(\.theirs?.revision) == [newer])
        #expect(try world.get(second.key.text).isDeleted)
    }

    @Test("what is appended to a text that is in conflict settles nothing: it was not appended to the parked base")
    func appendedToParked() throws {
        let world = try World()
        try world.put("a", "1\n")
        try world.fork("trial")
        try world.put("a", "1\n2\n")
        try world.put("a", "1\n3\n", on: trial)
        #expect(try report(try world.outcome(of: .merge(Merge(trial, parks: true)))).parked == 1)
        _ = try world.write(.change("a", .append(Data("4\n".utf8)), on: trial))
        #expect(try report(try world.outcome(of: .merge(Merge(trial, parks: true)))).parked == 1)
        #expect(try world.text("a") == "1\n2\n" && parked(world).count == 1)
    }

    @Test("whoever settles a parked conflict ends it, and the branch can be merged again")
    func settled() throws {
        let world = try atOdds()
        _ = try world.outcome(of: .merge(Merge(trial, parks: true)))
        let conflict = try #require(try parked(world).first)
        let settle = Transaction(
            preconditions: [.at(key("a"), 4), .at(conflict.key, world.head)],
            changes: [Change(key("a"), .put(Put(Data("both".utf8)))), Change(conflict.key, .delete)])
        _ = try world.outcome(of: .transaction(settle))
        #expect(try report(try world.outcome(of: .merge(Merge(.main, into: trial)))).written == 1)
        #expect(try world.text("a", on: trial) == "both" && parked(world, on: trial).isEmpty)
    }

    private func settling(_ world: World, with put: Put, reading revision: Revision? = nil) throws -> Work {
        let conflict = try #require(try parked(world).first)
        return .transaction(
            Transaction(
                changes: [Change(key("a"), .put(put)), Change(conflict.key, .delete)],
                reads: revision.map { [ReadVersion(key: key("a"), version: $0)] } ?? []))
    }

    @Test("a mark of quarantine stays on what is put to settle a parked conflict, whichever side is taken")
    func markedWhenSettled() throws {
        for (branch, marked) in [(BranchName.main, Revision(4)), (trial, 5)] {
            let world = try atOdds()
            _ = try world.outcome(of: .quarantine(Quarantine(branch, versions: [name("a", marked)], reason: "doubt")))
            let taken = try world.get("a", on: branch)
            _ = try world.outcome(of: .merge(Merge(trial, parks: true)))
            _ = try world.outcome(of: try settling(world, with: Put(taken.value ?? Data(), kind: taken.kind)))
            #expect(try world.text("a") == taken.text)
            #expect(try world.get("a").attributes[Quarantine.attribute] == "doubt")
            #expect(try world.reader.verify().problems.isEmpty)
        }
        let world = try atOdds()
        _ = try world.outcome(of: .quarantine(Quarantine(versions: [name("a", 4)], reason: "doubt")))
        _ = try world.outcome(of: .merge(Merge(trial, parks: true)))
        _ = try world.outcome(of: try settling(world, with: Put(Data("both".utf8))))
        #expect(try world.get("a").attributes.isEmpty, "a whole new write is none of it")
    }

    @Test(
        "a parked conflict is not settled for theirs if a cascade has undone that since; a new value is another matter")
    func undoneWhenSettled() throws {
        let world = try World()
        try world.put("a", "1")
        try world.fork("trial")
        let lie = try write(world, "facts", "lie", context: "scouting", on: trial)
        let theirs = try write(
            world, "a", "theirs", context: "planning", on: trial, reading: [name("facts", lie)])
        try world.put("a", "ours")
        _ = try world.outcome(of: .merge(Merge(trial, parks: true)))
        _ = try world.outcome(of: .revert(Revert(versions: [name("facts", lie)], cascade: Cascade())))
        let undo = world.head
        let refused = try world.refusal(try settling(world, with: Put(Data("theirs".utf8)), reading: theirs))
        #expect(refused.subject == "a" && refused.message.contains("by revision \(undo)"))
        #expect(try world.text("a") == "ours" && parked(world).count == 1)
        _ = try world.outcome(of: try settling(world, with: Put(Data("new".utf8)), reading: theirs))
        #expect(try world.text("a") == "new" && parked(world).isEmpty)
    }
}
