import Foundation
import MembusModel
import Testing

@testable import MembusStore

@Suite("What is planned ahead")
struct PreparedWorkTests {
    private let trial = BranchName(unchecked: "trial")

    /// `a` was changed on `trial`, and somebody else works on both branches.
    private func parted() throws -> (World, World.Other) {
        let world = try World()
        let other = try world.other()
        for key in ["a", "b", "c"] { try world.put(key, "1") }
        try world.fork("trial")
        try other.put("a", "theirs", on: trial)
        return (world, other)
    }

    private func prepared(_ world: World, _ work: Work) throws -> PreparedWork {
        let transact = Transact(
            session: world.session, number: world.number + 1, acknowledged: 0, work: .success(work))
        return try #require(
            try world.reader.prepare(work, of: transact, limits: world.writer.limits, now: world.now))
    }

    private func commit(_ world: World, _ work: Work, _ prepared: PreparedWork) throws -> Outcome {
        guard case .transact(let transact, let fingerprint, _) = world.item(work) else { throw Unexpected("no work") }
        return try world.outcome(
            world.writer.write([.transact(transact, fingerprint: fingerprint, prepared: prepared)], at: world.now))
    }

    private func source(_ outcome: Outcome) -> Revision? {
        if case .merged(_, let report) = outcome { report.source } else { nil }
    }

    @Test("it is written as it was planned, though others have written to the source, and other keys of the target")
    func written() throws {
        let (world, other) = try parted()
        let work = Work.merge(Merge(trial))
        let (planned, at) = (try prepared(world, work), world.head)
        try other.put("b", "later", on: trial)
        try other.put("c", "2")
        #expect(try source(commit(world, work, planned)) == at)
        #expect(try world.state() == ["a": "theirs", "b": "1", "c": "2"])
        #expect(try source(world.outcome(world.write(work))) == at + 1)
        #expect(try world.state() == ["a": "theirs", "b": "later", "c": "2"])
    }

    @Test("a key of the plan that was written since has it planned anew: nobody's work is written over")
    func moved() throws {
        let (world, other) = try parted()
        let work = Work.merge(Merge(trial))
        let planned = try prepared(world, work)
        try other.put("a", "ours")
        guard case .unsettled(let conflicts, _, _) = try commit(world, work, planned) else {
            throw Unexpected("it was written")
        }
        #expect(conflicts.map(\.key.text) == ["a"])
        #expect(try world.text("a") == "ours")
    }

    @Test("what the session has written itself since is in it, and so is a policy that was set since")
    func ownWrites() throws {
        let (world, other) = try parted()
        let work = Work.merge(Merge(trial))
        var planned = try prepared(world, work)
        try world.put("b", "own", on: trial)
        _ = try commit(world, work, planned)
        #expect(try world.state() == ["a": "theirs", "b": "own", "c": "1"])
        try other.put("a", "mine")
        try other.put("c", "later")
        planned = try prepared(world, .merge(Merge(.main, into: trial)))
        try other.put("a", "yours", on: trial)
        try other.put(
            ".membus/policies/all", #"{"topic": "/", "policy": "ours"}"#, kind: .json, on: trial)
        _ = try commit(world, .merge(Merge(.main, into: trial)), planned)
        #expect(try world.text("a", on: trial) == "yours")
    }

    @Test("what the session writes elsewhere meanwhile is no reason to plan anew")
    func elsewhere() throws {
        let (world, other) = try parted()
        try world.fork("third")
        let work = Work.merge(Merge(trial))
        let planned = try prepared(world, work)
        try world.put("z", "1", on: BranchName(unchecked: "third"))
        // It would be in it if it were planned anew.
        try other.put("b", "later", on: trial)
        _ = try commit(world, work, planned)
        #expect(try world.state() == ["a": "theirs", "b": "1", "c": "1"])
    }

    @Test("what has been built on it since is undone with it; a rollback takes all that was written since")
    func derivedSince() throws {
        let (world, other) = try parted()
        let lie = try other.put("lie", "x")
        let cascade = Work.revert(Revert(revisions: [lie], cascade: Cascade()))
        var planned = try prepared(world, cascade)
        try other.put("unrelated", "x")
        try other.put("late", "x", reading: [ReadVersion(key: Key(unchecked: "lie"), version: lie)])
        _ = try commit(world, cascade, planned)
        #expect(try world.state() == ["a": "1", "b": "1", "c": "1", "unrelated": "x"])
        let rollback = Work.rollback(Rollback(.main, to: 3))
        planned = try prepared(world, rollback)
        try other.put("d", "x")
        _ = try commit(world, rollback, planned)
        #expect(try world.state() == ["a": "1", "b": "1", "c": "1"])
    }

    @Test("once something that was looked at has ended it is planned anew; what ends later is no reason")
    func ended() throws {
        for passed in [500, 2000] {
            let world = try World()
            try world.put("k", "1")
            let policy = Put(Data(#"{"topic": "/", "policy": "theirs"}"#.utf8), kind: .json)
            _ = try world.write(.change(".membus/policies/all", .put(policy)))
            try world.fork("trial")
            try world.put("k", "edit")
            try world.put("k", "x", on: trial, expires: .after(.milliseconds(1000)))
            let work = Work.merge(Merge(trial))
            let planned = try prepared(world, work)
            world.now = Timestamp(milliseconds: world.now.milliseconds + Int64(passed))
            _ = try world.expire()
            _ = try commit(world, work, planned)
            #expect(try world.text("k") == (passed < 1000 ? "x" : "edit"))
        }
    }

    @Test("whose session is not there, or knows the answer, has nothing planned; what is too much is refused as that")
    func notPlanned() throws {
        let (world, _) = try parted()
        let work: Result<Work, Refusal> = .success(.merge(Merge(trial)))
        let stranger = Transact(session: SessionID(5), number: 1, acknowledged: 0, work: work)
        let known = Transact(session: world.session, number: world.number, acknowledged: 0, work: work)
        for transact in [stranger, known] {
            let found = try world.reader.prepare(
                .merge(Merge(trial)), of: transact, limits: world.writer.limits, now: world.now)
            #expect(found == nil)
        }
    }

    @Test("a target that was closed since, and a floor that has risen since, are refused as they are")
    func closed() throws {
        let (world, other) = try parted()
        let work = Work.merge(Merge(.main, into: trial))
        try other.put("c", "2")
        let planned = try prepared(world, work)
        _ = try world.change(trial, .close)
        guard case .transact(let transact, let fingerprint, _) = world.item(work) else { throw Unexpected("no work") }
        let result = try world.writer.write(
            [.transact(transact, fingerprint: fingerprint, prepared: planned)], at: world.now
        ).results[0]
        #expect(result.refusal?.code == .notWritable)
        let revert = Work.revert(Revert(revisions: [2]))
        let late = try prepared(world, revert)
        try world.compact(to: 4)
        guard case .transact(let again, let name, _) = world.item(revert) else { throw Unexpected("no work") }
        let refused = try world.writer.write([.transact(again, fingerprint: name, prepared: late)], at: world.now)
        #expect(refused.results[0].refusal?.code == .belowFloor)
    }
}

extension World {
    /// Somebody else, in a session of his own.
    final class Other {
        private let world: World
        private let session = SessionID(4242)
        private var number: UInt64 = 0

        init(_ world: World) throws {
            self.world = world
            _ = try world.writer.write([.openSession(session, agent: "bob")], at: world.now)
        }

        @discardableResult
        func put(
            _ key: String, _ value: String, kind: Kind = .text, on branch: BranchName = .main,
            reading: [ReadVersion] = []
        ) throws -> Revision {
            number += 1
            let work = Work.transaction(
                Transaction(
                    branch: branch, context: "task-\(number)",
                    changes: [Change(Key(unchecked: key), .put(Put(Data(value.utf8), kind: kind)))],
                    reads: reading))
            let transact = Transact(session: session, number: number, acknowledged: 0, work: .success(work))
            return try world.revision(
                world.writer.write([.transact(transact, fingerprint: work.fingerprint)], at: world.now))
        }
    }

    func other() throws -> Other { try Other(self) }
}
