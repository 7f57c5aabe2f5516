import Foundation
import MembusModel
import Testing

@testable import MembusStore

extension UndoingTests {
    // MARK: Picks

    @Test("what a cascade has undone, or what derives from it, does not come back by a pick unasked")
    func pickOfUndone() throws {
        let (world, lie) = try deceived()
        _ = try world.outcome(of: .revert(Revert(versions: [name("facts", lie)], cascade: Cascade())))
        let undo = world.head
        let late = try write(world, "late", "x", context: "late", on: trial, reading: [name("facts", lie)])
        let left = try conflicts(try world.outcome(of: .pick(Pick([late]))))
        #expect(left.map(\.kind) == [.undone] && left.map(\.undoneBy) == [undo])
        _ = try world.outcome(of: .pick(Pick([late], resolutions: left.map { $0.resolved(.theirs) })))
        #expect(try world.text("late") == "x")
        let free = try write(world, "free", "x", context: "free", on: trial)
        _ = try world.outcome(of: .pick(Pick([free])))
        #expect(try world.text("free") == "x")
    }

    @Test("a pick makes a commit's own changes again, and brings nothing else of its branch")
    func pick() throws {
        let world = try World()
        _ = try world.write(.change("n", .increment(10)))
        try world.put("a", "1")
        try world.fork("trial")
        try world.put("unwanted", "x", on: trial)
        _ = try world.write(
            .transaction(
                Transaction(
                    branch: trial,
                    changes: [
                        Change(key("n"), .increment(5)), Change(key("a"), .put(Put(Data("2".utf8)))),
                        Change(key("new"), .put(Put(Data("x".utf8)))),
                    ])))
        let commit = world.head
        _ = try world.write(.change("n", .increment(1)))
        let picked = try world.outcome(of: .pick(Pick([commit])))
        #expect(picked.commit != nil)
        #expect(try world.state() == ["n": "16", "a": "2", "new": "x"])
        #expect(isHeld(try world.outcome(of: .pick(Pick([commit], onto: trial)))), "it is there")
        // Without the original, what was picked of it is not there either.
        _ = try world.outcome(of: .revert(Revert(revisions: [commit])))
        #expect(try world.state() == ["n": "11", "a": "1"])
        #expect(try world.reader.verify().problems.isEmpty)
    }

    @Test("several commits are picked as one, each on what those before it made")
    func picks() throws {
        let world = try World()
        try world.put("a", "1")
        try world.fork("trial")
        let first = try world.put("a", "2", on: trial)
        try world.put("between", "x", on: trial)
        let second = try world.put("a", "3", on: trial)
        _ = try world.outcome(of: .pick(Pick([first, second])))
        #expect(try world.state() == ["a": "3"])
        try world.put("b", "1")
        #expect(
            try conflicts(try world.outcome(of: .pick(Pick([second], onto: world.fork("other", at: 1))))).count == 1)
    }

    @Test("with the same reads asked for, a commit that had read something else is not picked, and says what")
    func sameReads() throws {
        let world = try World()
        let read = try world.put("fact", "1")
        try world.fork("trial")
        let commit = try write(world, "plan", "x", on: trial, reading: [name("fact", read)])
        _ = try world.outcome(of: .pick(Pick([commit], sameReads: true)))
        #expect(try world.text("plan") == "x")
        let other = try world.fork("other", at: read)
        let newer = try world.put("fact", "2", on: other)
        let left = try conflicts(try world.outcome(of: .pick(Pick([commit], onto: other, sameReads: true))))
        #expect(left.map(\.kind) == [.otherRead] && left.map(\.key) == [key("fact")])
        #expect(left[0].base?.record.revision == read && left[0].ours?.record.revision == newer)
    }

    @Test("merges, rollbacks, reverts, forks and the broker's own commits can't be picked")
    func unpickable() throws {
        let (world, lie) = try deceived()
        let fork = try #require(try world.reader.branches(visible: world.head).last?.created)
        _ = try world.outcome(of: .merge(Merge(trial)))
        let merge = world.head
        _ = try world.outcome(of: .revert(Revert(revisions: [lie])))
        let other = try world.fork("other", at: 1)
        for revision in [merge, world.head - 1] {
            let refused = try world.refusal(.pick(Pick([revision], onto: other)))
            #expect(refused.code == .invalidArgument && refused.subject == "\(revision)")
        }
        // A fork changes nothing.
        #expect(isHeld(try world.outcome(of: .pick(Pick([fork], onto: other)))))
        #expect(Pick([]).shapeRefusal(limits: Limits())?.code == .invalidArgument)
        #expect(Pick([3, 2]).shapeRefusal(limits: Limits())?.code == .invalidArgument)
        #expect(try world.refusal(.pick(Pick([world.head + 1], onto: other))).code == .beyondHead)
    }

    // MARK: Plans

    private func plan(_ world: World, _ work: Work) throws -> Plan {
        try world.reader.plan(work, limits: Limits(), visible: world.head)
    }

    @Test("a plan tells what would be written, writes nothing, and is carried out exactly or not at all")
    func plans() throws {
        let (world, lie) = try deceived()
        var revert = Revert(versions: [name("facts", lie)], cascade: Cascade())
        let (head, told) = (world.head, try plan(world, .revert(revert)))
        #expect(world.head == head && told.at.revision == head)
        #expect(told.changes.map(\.key) == [key("facts"), key("plan")])
        #expect(told.changes.map(\.to?.text) == ["not known", "first idea"])
        #expect(told.changes.map(\.from?.text) == ["lie", "fly"])
        revert.plan = told.id
        // Something else does not matter to it; one more that derives does.
        try world.put("unrelated", "x")
        #expect(try plan(world, .revert(revert)).id == told.id)
        _ = try write(world, "later", "x", context: "planning")
        #expect(try world.refusal(.revert(revert)).code == .planChanged)
        #expect(try world.text("facts") == "lie")
        revert.plan = try plan(world, .revert(revert)).id
        #expect(try world.outcome(of: .revert(revert)).commit != nil)
        #expect(try world.text("later") == nil)
    }

    @Test("a plan is over once what it would write over is another version, though it would write the same")
    func overwritten() throws {
        let world = try World()
        try world.put("a", "1")
        try world.put("a", "2")
        var rollback = Rollback(to: 1)
        rollback.plan = try plan(world, .rollback(rollback)).id
        try world.put("a", "3")
        #expect(try world.refusal(.rollback(rollback)).code == .planChanged)
        #expect(try world.text("a") == "3")
    }

    @Test("a plan of a merge tells its conflicts, and a contained source")
    func mergePlans() throws {
        let world = try atOdds()
        let told = try plan(world, .merge(Merge(trial)))
        #expect(told.conflicts.map(\.key) == [key("a")] && told.changes.map(\.key) == [key("b")])
        var merge = Merge(trial, resolutions: told.conflicts.map { $0.resolved(.theirs) })
        merge.plan = try plan(world, .merge(merge)).id
        #expect(try report(try world.outcome(of: .merge(merge))).settled == 1)
        #expect(try plan(world, .merge(Merge(trial))).isContained)
    }
}
