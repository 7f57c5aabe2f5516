import Foundation
import MembusModel
import Testing

@testable import MembusStore

extension MergeTests {
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
        guard case .committed(let back) = try world.outcome(of: .rollback(Rollback(to: good, filter: plans))) else {
            throw Unexpected("no commit")
        }
        #expect(try world.state() == ["plans/a": "1", "facts/a": "2"])
        guard case .held = try world.outcome(of: .rollback(Rollback(to: good, filter: plans))) else {
            throw Unexpected("rolled back again")
        }
        _ = try world.outcome(of: .rollback(Rollback(to: back.revision - 1)))
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
        _ = try world.outcome(of: .rollback(Rollback(trial, to: 2)))
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
        _ = try world.outcome(of: .revert(Revert(revisions: [lie])))
        #expect(try world.state() == ["a": "good", "n": "11", "later": "whole"])
        guard case .held = try world.outcome(of: .revert(Revert(author: Authorship(context: "lie", since: 0)))) else {
            throw Unexpected("reverted again")
        }
        // Reverting the revert restores.
        _ = try world.outcome(of: .revert(Revert(revisions: [world.head])))
        #expect(try world.state() == ["a": "bad", "b": "bad", "n": "111", "later": "whole"])
        try verifies(world)
    }

    @Test("a merge that was reverted stays reverted")
    func revertedMerge() throws {
        let world = try parted()
        try world.put("a", "2", on: trial)
        let merge = try world.outcome(of: .merge(Merge(trial)))
        _ = try world.outcome(of: .revert(Revert(revisions: [try #require(merge.commit).revision])))
        #expect(try world.text("a") == "1")
        guard case .held = try world.outcome(of: .merge(Merge(trial))) else { throw Unexpected("it came back") }
    }

    @Test("a key whose history can't be told is somebody's to decide, and the rest waits for it")
    func undecided() throws {
        let world = try World()
        try world.put("j", "x")
        _ = try world.write(.change("j", .put(Put(Data(#"{"a":1}"#.utf8), kind: .json))))
        let bad = world.head
        _ = try world.write(.change("j", .mergePatch(Data(#"{"a":2}"#.utf8))))
        let open = try conflicts(world.outcome(of: .revert(Revert(revisions: [bad]))))
        #expect(open.map(\.key.text) == ["j"] && open[0].ours?.record.revision == world.head)
        let left = open[0].resolved(.ours)
        guard case .held = try world.outcome(of: .revert(Revert(revisions: [bad], resolutions: [left]))) else {
            throw Unexpected("something was written")
        }
        _ = try world.outcome(of: .revert(Revert(revisions: [bad], resolutions: [open[0].resolved(.delete)])))
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
        for branch in [trial, other] { _ = try report(world.outcome(of: .merge(Merge(.main, into: branch)))) }
        try world.put("a", "2", on: trial)
        try world.delete("a", on: other)
        let deletion = world.head
        let open = try conflicts(world.outcome(of: .merge(Merge(other, into: trial))))
        let merge = Merge(other, into: trial, resolutions: open.map { $0.resolved(.theirs) })
        _ = try report(world.outcome(of: .merge(merge)))
        #expect(try world.text("a", on: trial) == nil)
        _ = try world.outcome(of: .revert(Revert(trial, revisions: [deletion])))
        #expect(try world.text("a", on: trial) == "2")
    }
}
