import Foundation
import MembusModel
import Testing

@testable import MembusStore

@Suite("Exactly once")
struct SessionTests {
    @Test("kept results that were damaged on disk are an error, never a trap")
    func damagedResults() {
        // One result, a conflict, whose failed precondition has a place beyond any array's.
        var encoder = CanonicalEncoder(capacity: 100)
        for word: UInt64 in [1, 1, 1] { encoder.word(word) }
        encoder.byte(3)
        for word: UInt64 in [1, 1, 1, .max] { encoder.word(word) }
        encoder.string("k")
        encoder.word(1)
        #expect(throws: CanonicalDecoder.Malformed.self) { try KeptResults.decode(Data(encoder.bytes)) }
    }

    @Test("the same number again gets the same outcome, in the batch, later, and after a restart")
    func retries() throws {
        let scratch = try Scratch()
        var world: World? = try World(in: scratch)
        let work = Work.put("a", "1")
        let first = try #require(world).item(work)
        let again = try #require(world).item(work, number: 1)
        let batch = try #require(world).writer.write([first, again], at: Timestamp(milliseconds: 5))
        #expect(batch.commits.count == 1)
        let outcome = try #require(batch.results[0].outcome)
        #expect(batch.results[1].outcome == outcome)

        let later = try #require(world).writer.write([again], at: Timestamp(milliseconds: 6))
        #expect(later.commits.isEmpty)
        #expect(later.results[0].outcome == outcome)

        world = nil
        let reopened = try World(reopening: scratch, number: 1)
        let afterRestart = try reopened.writer.write([again], at: Timestamp(milliseconds: 7))
        #expect(afterRestart.results[0].outcome == outcome)
        #expect(reopened.head == 1)
    }

    @Test("a number out of turn, a reused number and an unknown session are refused and use up nothing")
    func rules() throws {
        let world = try World()
        let early = try world.writer.write([world.item(.put("a", "1"), number: 2)], at: world.now)
        #expect(early.results[0].refusal?.code == .outOfOrder)
        try world.put("a", "1")
        let other = try world.writer.write([world.item(.put("a", "2"), number: 1)], at: world.now)
        #expect(other.results[0].refusal?.code == .numberReused)
        world.session = SessionID(5)
        let unknown = try world.write(.put("a", "3"))
        #expect(unknown.results[0].refusal?.code == .unknownSession)
        #expect(world.head == 1)
    }

    @Test("a refusal that sending again can't change takes its turn; another does not")
    func refusals() throws {
        let world = try World()
        _ = try world.put("t", "text")
        let wrong = Work.change("t", .increment(1))
        let refused = try world.write(wrong)
        #expect(refused.results[0].refusal?.code == .wrongKind)
        let again = try world.writer.write([world.item(wrong, number: 2)], at: world.now)
        #expect(again.results[0].refusal == refused.results[0].refusal)

        let late = Transact(
            session: world.session, number: 3, acknowledged: 0, work: .failure(Refusal(.deadlineExceeded, "late")))
        let answered = try world.writer.write([.transact(late, fingerprint: 0)], at: world.now)
        #expect(answered.results[0].refusal?.code == .deadlineExceeded)
        world.number = 2
        #expect(try world.put("t", "next") == 2)
    }

    @Test("acknowledged results are forgotten, and no more than 256 are kept")
    func forgetting() throws {
        let world = try World()
        for number in 1...300 { try world.put("k", "\(number)") }
        let old = try world.writer.write([world.item(.put("k", "1"), number: 1)], at: world.now)
        #expect(old.results[0].refusal?.code == .numberForgotten)
        _ = try world.writer.write([world.item(.put("k", "x"), acknowledged: 299)], at: world.now)
        let acknowledged = try world.writer.write([world.item(.put("k", "299"), number: 299)], at: world.now)
        #expect(acknowledged.results[0].refusal?.code == .numberForgotten)
    }

    @Test("a conflict names every failed key with its revision and record, on a retry after a restart too")
    func conflicts() throws {
        let scratch = try Scratch()
        var world: World? = try World(in: scratch)
        let work = Work.put(
            "x", "1",
            if: [
                .absent(Key(unchecked: "a")), .at(Key(unchecked: "b"), 2),
                .unchanged(Topic(unchecked: "plans/"), since: 2), .at(Key(unchecked: "gone"), 1),
                .absent(Key(unchecked: "free")),
            ])
        do {
            let world = try #require(world)
            try world.put("a", "A")
            try world.put("b", "B")
            try world.put("plans/paris", "P")
            try world.put("gone", "G")
            try world.delete("gone")
            let batch = try world.write(work)
            try check(batch.results[0].outcome)
            #expect(batch.commits.isEmpty)
        }
        world = nil
        let reopened = try World(reopening: scratch, number: 6)
        let again = try reopened.writer.write([reopened.item(work, number: 6)], at: reopened.now)
        try check(again.results[0].outcome)
    }

    private func check(_ outcome: Outcome?) throws {
        guard case .conflict(let failed, let position) = outcome else {
            throw Unexpected("no conflict: \(String(describing: outcome))")
        }
        #expect(position.revision == 5)
        #expect(failed.map(\.key.text) == ["a", "plans/paris", "gone"])
        #expect(failed.map(\.revision) == [1, 3, 5])
        #expect(failed.map { $0.current?.text } == ["A", "P", nil])
    }

    @Test("what fails costs the others in the batch nothing, and each sees what came before it")
    func batch() throws {
        let world = try World()
        let batch = try world.write(
            .put("a", "1"), .put("a", "2", if: [.absent(Key(unchecked: "a"))]), .change("n", .increment(2)),
            .change("a", .increment(1)), .change("n", .increment(3)))
        #expect(batch.commits.map(\.info.revision) == [1, 2, 3])
        #expect(batch.commits.last?.records.first?.count == 5)
        #expect(batch.results[3].refusal?.code == .wrongKind)
        guard case .conflict = batch.results[1].outcome else { throw Unexpected("expected a conflict") }
        #expect(batch.head == world.writer.head)
    }

    @Test("a topic is unchanged since a revision long past, or not, on the branch and before its fork")
    func longUnchanged() throws {
        let world = try World()
        try world.put("quiet/a", "1")
        try world.put("quiet/b", "1")
        for batch in 0..<4 {
            let works = (0..<200).map { world.item(.put("busy/x", "\($0)"), acknowledged: UInt64(batch * 200)) }
            _ = try world.writer.write(works, at: world.now)
        }
        let trial = try world.fork("trial")
        func holds(_ topic: String, since: Revision, on branch: BranchName) throws -> Bool {
            let works = Transaction(branch: branch, preconditions: [.unchanged(Topic(unchecked: topic), since: since)])
            guard let outcome = try world.write(.transaction(works)).results[0].outcome else {
                throw Unexpected("refused")
            }
            if case .held = outcome { return true }
            return false
        }
        for branch in [.main, trial] {
            #expect(try holds("quiet/", since: 2, on: branch))
            #expect(try !holds("quiet/", since: 1, on: branch))
            #expect(try holds("quiet/a", since: 1, on: branch))
            #expect(try !holds("/", since: 801, on: branch))
            #expect(try !holds("busy/", since: 1, on: branch))
        }
    }

    @Test("an exhausted cache of sessions reads them again")
    func cache() throws {
        let world = try World()
        for id in UInt64(100)..<1400 {
            _ = try world.writer.write([.openSession(SessionID(id), agent: "a\(id)")], at: world.now)
        }
        world.session = SessionID(100)
        let batch = try world.write(.put("a", "1"))
        #expect(batch.commits.first?.info.agent == "a100")
        let taken = try world.writer.write([.openSession(SessionID(100), agent: "b")], at: world.now)
        #expect(taken.results[0].refusal?.code == .busy)
    }

    @Test("a closed session is gone at once, and nothing of it is ever executed again, also in its own batch")
    func closed() throws {
        let world = try World()
        let first = world.item(.put("a", "1"))
        _ = try world.writer.write([first, .closeSession(world.session), .closeSession(SessionID(5))], at: world.now)
        #expect(try world.reader.sessionCount() == 0 && world.head == 1)
        let late = try world.writer.write(
            [first, world.item(.put("a", "2"), number: 2), .closeSession(world.session)], at: world.now)
        #expect(late.results.prefix(2).allSatisfy { $0.refusal?.code == .unknownSession })
        guard case .done = late.results[2] else { throw Unexpected("\(late.results[2])") }
        #expect(world.head == 1)
    }
}
