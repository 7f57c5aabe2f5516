import Foundation
import MembusModel
import Testing

@testable import MembusStore

@Suite("The life of branches")
struct BranchLifeTests {
    private let trial = BranchName(unchecked: "trial")

    private func forked() throws -> World {
        let world = try World()
        try world.put("a", "1")
        try world.fork("trial")
        return world
    }

    private func isHeld(_ outcome: Outcome) -> Bool { if case .held = outcome { true } else { false } }

    private func rows(_ world: World, _ table: String) throws -> Int64 {
        try world.writer.connection.perform("counting") { try $0.integer("SELECT count(*) FROM \(table)") ?? 0 }
    }

    @Test("a closed branch can be read, forked and merged from, and nothing is written to it")
    func closed() throws {
        let world = try forked()
        try world.put("b", "2", on: trial)
        try world.change(trial, .close)
        for work: Work in [
            .put("c", "3", on: trial), .merge(Merge(.main, into: trial)),
            .rollback(Rollback(trial, to: 1, filter: .everything)), .revert(Revert(trial, revisions: [3])),
        ] {
            let refusal = try world.refusal(work)
            #expect(refusal.code == .notWritable && refusal.message.contains("closed by revision 4"), "\(refusal)")
        }
        #expect(isHeld(try world.outcome(world.write(.transaction(Transaction(branch: trial))))))
        #expect(try world.state(on: trial) == ["a": "1", "b": "2"])
        #expect(try world.state(on: world.fork("child", from: trial)) == ["a": "1", "b": "2"])
        guard case .merged = try world.outcome(world.write(.merge(Merge(trial)))) else {
            throw Unexpected("not merged")
        }
        #expect(try world.text("b") == "2")
        #expect(isHeld(try world.change(trial, .close)))
        try world.change(trial, .reopen)
        #expect(isHeld(try world.change(trial, .reopen)))
        try world.put("c", "3", on: trial)
        #expect(try world.reader.verify().problems == [])
    }

    @Test("only merges write to a protected branch, main too, and it can't be deleted")
    func protected() throws {
        let world = try forked()
        try world.put("b", "2", on: trial)
        try world.change(.main, .protect)
        try world.change(trial, .protect)
        let refusal = try world.refusal(.put("c", "3"))
        #expect(refusal.code == .notWritable && refusal.message.contains("only merges"))
        #expect(try world.refusal(.branch(BranchChange(trial, .delete))).code == .notWritable)
        guard case .merged = try world.outcome(world.write(.merge(Merge(trial)))) else {
            throw Unexpected("not merged")
        }
        try world.change(.main, .unprotect)
        try world.put("c", "3")
    }

    @Test("main is neither closed nor deleted, and what is not there can't be changed")
    func refusals() throws {
        let world = try forked()
        for action in [BranchChange.Action.close, .delete] {
            #expect(try world.refusal(.branch(BranchChange(.main, action))).code == .invalidArgument)
        }
        #expect(try world.refusal(.branch(BranchChange(BranchName(unchecked: "x"), .close))).code == .unknownBranch)
    }

    @Test("a deleted branch is gone for readers, its name for good, and its forks show what they showed")
    func deleted() throws {
        let world = try forked()
        try world.put("b", "2", on: trial)
        let child = try world.fork("child", from: trial)
        try world.put("b", "3", on: trial)
        #expect(world.head == 5)
        let batch = try world.write(.branch(BranchChange(trial, .delete)))
        #expect(batch.deletedBranches == [trial])
        func told(_ body: () throws -> Void) -> Bool {
            do { try body() } catch let refusal as Refusal {
                return refusal.code == .unknownBranch && refusal.message.contains("deleted by revision 6")
            } catch {}
            return false
        }
        #expect(told { _ = try world.get("b", on: trial) })
        #expect(told { _ = try world.get("b", on: trial, at: 5) })
        #expect(told { _ = try world.state(on: trial) })
        #expect(told { _ = try world.reader.log(GetLog(branch: trial), visible: world.head) })
        #expect(told { try world.reader.check(trial) })
        for work: Work in [
            .put("c", "3", on: trial), .merge(Merge(trial)), .branch(BranchChange(trial, .reopen)),
            .branch(BranchChange(trial, .delete)), .fork(Fork(name: BranchName(unchecked: "y"), parent: trial)),
        ] {
            #expect(told { throw try world.refusal(work) })
        }
        for work: Work in [
            .fork(Fork(name: trial)), .tag(TagChange(TagName(unchecked: "trial"), .create(branch: .main, at: nil))),
        ] {
            let refusal = try world.refusal(work)
            #expect(refusal.code == .branchExists && refusal.message.contains("revision 6 deleted"), "\(refusal)")
        }
        #expect(try world.state(on: child) == ["a": "1", "b": "2"])
        #expect(try world.reader.names(GetBranches(), visible: world.head).branches.map(\.name) == [.main, child])
        // The log of all branches still tells what was.
        #expect(try world.reader.log(GetLog(branch: nil), visible: world.head).commits.count == 6)
    }

    @Test("once the floor has passed its deletion all of it goes that no fork, tag or merge looks at")
    func swept() throws {
        let world = try forked()
        for number in 1...4 { try world.put("own/\(number)", "mine", on: trial) }
        try world.put("own/1", "seen by the fork", on: trial)
        let child = try world.fork("child", from: trial)
        try world.put("own/1", "unseen", on: trial)
        try world.put("own/2", "tagged", on: trial)
        let tagged = world.head
        try world.tag("kept", on: trial, at: tagged)
        try world.put("own/2", "unseen", on: trial)
        try world.put("own/3", "unseen", on: trial)
        try world.change(trial, .delete)
        let before = try world.state(on: child)
        #expect(try rows(world, "changes") == 10)
        try world.compact(to: world.head)
        // a; own/1 as forked and as tagged; own/2 twice; own/3; own/4
        #expect(try rows(world, "changes") == 7)
        #expect(try world.state(on: child) == before)
        #expect(try world.text("own/2", on: trial, at: tagged) == "tagged")
        #expect(try world.text("own/1", on: trial, at: tagged) == "unseen")
        try world.deleteTag("kept")
        #expect(throws: Refusal.self) { try world.get("own/2", on: trial, at: tagged) }
        try world.compact(to: world.head)
        #expect(try rows(world, "changes") == 5)
        #expect(try world.state(on: child) == before)
        try world.change(child, .delete)
        try world.compact(to: world.head)
        #expect(try rows(world, "changes") == 1)
        #expect(try world.state() == ["a": "1"])
        #expect(try world.reader.verify().problems == [])
    }

    @Test("what was told by what it changed of an older version goes with it")
    func splicedAndSwept() throws {
        let world = try forked()
        let long = String(repeating: "words ", count: 60)
        try world.put("text", long, on: trial)
        for number in 0..<40 { _ = try world.write(.change("text", .append(Data("\(number) ".utf8)), on: trial)) }
        #expect(try rows(world, "spliced") > 30)
        try world.change(trial, .delete)
        try world.compact(to: world.head)
        #expect(try rows(world, "changes") == 1)
        #expect(try rows(world, "spliced") == 0)
    }

    @Test(
        "a branch that was merged once, and deleted, is held by nothing; one that two have taken is a base between them"
    )
    func merged() throws {
        let world = try forked()
        try world.put("b", "2", on: trial)
        let other = try world.fork("other")
        _ = try world.write(.merge(Merge(trial)))
        try world.change(trial, .delete)
        let before = try rows(world, "changes")
        try world.compact(to: world.head)
        #expect(try rows(world, "changes") == before - 1)

        let second = try world.fork("second")
        try world.put("c", "1", on: second)
        _ = try world.write(.merge(Merge(second)))
        _ = try world.write(.merge(Merge(second, into: other)))
        try world.put("c", "2")
        try world.put("d", "2", on: other)
        try world.change(second, .delete)
        try world.compact(to: world.head)
        let merge = try world.outcome(world.write(.merge(Merge(other))))
        guard case .merged = merge else { throw Unexpected("\(merge)") }
        #expect(try world.state() == ["a": "1", "b": "2", "c": "2", "d": "2"])
    }

    @Test("somebody who still reads an older state keeps what a deleted branch showed there")
    func held() throws {
        let world = try forked()
        try world.put("b", "2", on: trial)
        let state = world.head
        try world.change(trial, .delete)
        try world.raiseFloor(to: world.head)
        while try world.writer.sweep(budget: 1, upTo: state) {}
        #expect(try rows(world, "changes") == 2)
        while try world.writer.sweep(budget: 1) {}
        #expect(try rows(world, "changes") == 1)
    }

    // MARK: Expiry

    @Test("nothing expires on a closed or deleted branch; reopened, it catches up")
    func closedExpiry() throws {
        let world = try World()
        try world.put("claim", "mine", expires: .after(.seconds(10)))
        let other = try world.fork("other")
        let gone = try world.fork("gone")
        try world.change(other, .close)
        try world.change(gone, .delete)
        world.now = Timestamp(milliseconds: world.now.milliseconds + 20_000)
        #expect(try world.expire().map(\.info.branch) == [.main])
        #expect(world.writer.nextExpiry == nil)
        #expect(try world.text("claim", on: other) == "mine")
        try world.change(other, .reopen)
        #expect(try world.expire().map(\.info.branch) == [other])
        #expect(try world.get("claim", on: other).isDeleted)
    }

    @Test("a fork below the head keeps what it inherited, whatever that says, and tells how much that is")
    func frozen() throws {
        let world = try World()
        try world.put("claim/1", "mine", expires: .after(.seconds(10)))
        try world.put("claim/2", "mine", expires: .after(.seconds(10)))
        try world.put("other", "x")
        let past = BranchName(unchecked: "past")
        let outcome = try world.outcome(world.write(.fork(Fork(name: past, at: 2))))
        guard case .forked(_, FrozenCount(records: 2, isAll: true)) = outcome else { throw Unexpected("\(outcome)") }
        let again = try world.writer.write(
            [world.item(.fork(Fork(name: past, at: 2)), number: world.number)], at: world.now
        ).results.last?.outcome
        #expect(again == outcome)
        let child = try world.fork("child", from: past)
        let thawed = try world.fork("thawed", from: past, expires: true)
        let head = try world.fork("head")
        try world.put("own", "x", on: past, expires: .after(.seconds(10)))
        // What is made of a frozen record stays, too.
        _ = try world.write(.change("claim/2", .append(Data("+".utf8)), on: past))
        world.now = Timestamp(milliseconds: world.now.milliseconds + 20_000)
        // Nor does naming it make it go.
        try world.put("x", "1", on: past)
        _ = try world.write(.put("claim/1", "mine again", on: child, if: [.at(Key(unchecked: "claim/1"), 1)]))
        while let next = world.writer.nextExpiry, next <= world.now { _ = try world.expire() }
        #expect(try world.state(on: past) == ["claim/1": "mine", "claim/2": "mine+", "x": "1"])
        #expect(try world.state(on: child) == ["claim/1": "mine again", "claim/2": "mine"])
        #expect(try world.state(on: thawed) == [:])
        #expect(try world.state(on: head) == ["other": "x"])
        #expect(try world.state() == ["other": "x"])
        #expect(try world.reader.verify().problems == [])
    }

    @Test("a restart forgets none of it")
    func reopened() throws {
        let scratch = try Scratch()
        var world: World? = try World(in: scratch)
        var number: UInt64 = 0
        do {
            let world = try #require(world)
            try world.put("claim", "mine", expires: .after(.seconds(10)))
            try world.put("a", "1")
            for name in ["past", "closed", "gone"] { try world.fork(name, at: 1) }
            try world.change(BranchName(unchecked: "closed"), .close)
            try world.change(BranchName(unchecked: "gone"), .delete)
            try world.tag("t", at: 1)
            number = world.number
        }
        world = nil
        let again = try World(reopening: scratch, number: number)
        again.now = Timestamp(milliseconds: 9_000_000)
        while let next = again.writer.nextExpiry, next <= again.now { _ = try again.expire() }
        #expect(try again.text("claim", on: BranchName(unchecked: "past")) == "mine")
        #expect(try again.get("claim").isDeleted)
        #expect(try again.refusal(.put("x", "1", on: BranchName(unchecked: "closed"))).code == .notWritable)
        #expect(try again.refusal(.put("x", "1", on: BranchName(unchecked: "gone"))).code == .unknownBranch)
        #expect(try again.refusal(.fork(Fork(name: BranchName(unchecked: "t")))).code == .tagExists)
    }

    @Test("another store that is given the same decisions holds the same")
    func applied() throws {
        let source = try World()
        let copy = try Store.inMemory(newLineage: 4711).makeWriter()
        var batches: [DecidedBatch] = []
        func writeSource(_ works: Work...) throws {
            _ = try source.writer.write(works.map { source.item($0) }, at: source.now) {
                batches.append(try DecidedBatch(decoding: $0.encoded))
            }
        }
        // The copy has to know the session, too.
        _ = try copy.write([.openSession(source.session, agent: "ada")], at: source.now)
        try writeSource(.put("a", "1"), .put("b", "1", expires: .after(.seconds(5))), .put("c", "1"))
        try writeSource(
            .fork(Fork(name: trial, at: 2)), .tag(TagChange(TagName(unchecked: "t"), .create(branch: trial, at: 3))))
        try writeSource(.branch(BranchChange(trial, .close)), .branch(BranchChange(.main, .protect)))
        try writeSource(.branch(BranchChange(trial, .delete)), .tag(TagChange(TagName(unchecked: "t"), .delete)))
        for batch in batches { try copy.apply(batch) }
        #expect(copy.head == source.writer.head)
        #expect(copy.state.branches.byName == source.writer.state.branches.byName)
        #expect(throws: StoreError.self) { try copy.apply(batches[1]) }
    }

    @Test("branches of a store that an older version has made are as they were")
    func migrated() throws {
        let scratch = try Scratch()
        var world: World? = try World(in: scratch)
        try #require(world).put("claim", "1", expires: .after(.seconds(10)))
        try #require(world).put("a", "1")
        try #require(world).fork("trial", at: 1, expires: true)
        try #require(world).writer.connection.perform("going back") { db in
            try db.execute(
                """
                DROP TABLE bare; DROP INDEX tags_by_state; DROP INDEX branches_by_change;
                DROP TABLE notes; ALTER TABLE commits DROP COLUMN reads; ALTER TABLE changes DROP COLUMN vectors;
                CREATE TABLE reads(revision INTEGER NOT NULL, ordinal INTEGER NOT NULL, key TEXT NOT NULL,
                  version INTEGER NOT NULL, PRIMARY KEY(revision, ordinal)) STRICT, WITHOUT ROWID;
                CREATE TABLE accesses(agent TEXT NOT NULL, context TEXT NOT NULL, branch INTEGER NOT NULL,
                  key TEXT NOT NULL, version INTEGER NOT NULL, first_read INTEGER NOT NULL,
                  PRIMARY KEY(agent, context, branch, key, version)) STRICT, WITHOUT ROWID;
                INSERT INTO accesses VALUES('ada', 'c', 1, 'a', 2, 0), ('ada', 'c', 1, 'claim', 1, 0);
                DROP TABLE quarantined; DROP INDEX reverted_by_cascade; ALTER TABLE reverted DROP COLUMN cascades;
                ALTER TABLE tags DROP COLUMN agent; ALTER TABLE tags DROP COLUMN message;
                ALTER TABLE tags DROP COLUMN time; ALTER TABLE tags DROP COLUMN created;
                ALTER TABLE branches DROP COLUMN inherited; ALTER TABLE branches DROP COLUMN closed;
                ALTER TABLE branches DROP COLUMN protected; ALTER TABLE branches DROP COLUMN deleted;
                ALTER TABLE branches DROP COLUMN changed; PRAGMA user_version = 5
                """)
        }
        let number = try #require(world).number
        world = nil
        let again = try World(reopening: scratch, number: number)
        again.now = Timestamp(milliseconds: again.now.milliseconds + 20_000)
        while let next = again.writer.nextExpiry, next <= again.now { _ = try again.expire() }
        #expect(try again.get("claim", on: trial).isDeleted)
        try again.put("b", "1", on: trial)
        let figures = try again.reader.names(GetBranches(withFigures: true), visible: again.head).branches.last?.figures
        #expect(figures?.ahead == 2)
        try again.change(trial, .close)
        try again.tag("t", on: trial)
        #expect(try again.reader.verify().problems == [])
        let known = try again.reader.knowledge(GetKnowledge(agent: "ada"), visible: again.head).known
        #expect(known.filter(\.isNoted).map(\.subject.text) == ["a", "claim"])
    }
}
