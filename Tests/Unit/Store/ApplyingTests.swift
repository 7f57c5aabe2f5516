import Foundation
import MembusModel
import MembusStore
import Testing

/// A store that takes what another one decided, as bytes.
private final class Second {
    let store: Store
    let writer: Writer
    let reader: Reader

    init(lineage: UInt64 = 4711) throws {
        store = try Store.inMemory(newLineage: lineage)
        writer = try store.makeWriter()
        reader = try store.makeReader()
    }

    func apply(_ batch: DecidedBatch) throws { try writer.apply(try DecidedBatch(decoding: batch.encoded)) }
}

extension World {
    /// Writes, and tells what was decided; `nil`: nothing.
    fileprivate func decide(_ items: [WriteItem]) throws -> DecidedBatch? {
        var decided: DecidedBatch?
        _ = try writer.write(items, at: now) { decided = $0 }
        return decided
    }
}

@Suite("Another writer's batches")
struct ApplyingTests {
    /// A batch with an entry of each kind, and the store that has all before it.
    private func sample() throws -> (World, Second, DecidedBatch) {
        let world = try World()
        let second = try Second()
        try second.apply(opening(world))
        try second.apply(#require(try world.decide([world.item(.put("a", "1")), world.item(.put("b", "1"))])))
        let idle = SessionID(5)
        try second.apply(#require(try world.decide([.openSession(idle, agent: "idle")])))
        world.now = Timestamp(milliseconds: world.now.milliseconds + 500)
        try second.apply(#require(try world.decide([world.item(.put("c", "1"))])))
        world.now = Timestamp(milliseconds: world.now.milliseconds + 500)
        let read = NotedRead(context: "c", branch: .main, key: Key(unchecked: "a"), version: 1, time: world.now)
        let batch = try world.decide([
            world.item(.put("a", "2", expires: .after(.seconds(5)), if: [.at(Key(unchecked: "a"), 1)])),
            world.item(.put("b", "3", if: [.absent(Key(unchecked: "b"))]), acknowledged: 2),
            world.item(.fork(Fork(name: BranchName(unchecked: "trial"), at: 1))),
            .openSession(SessionID(6), agent: "new"),
            .noteReads(NoteReads(agent: "ada", reads: [read])),
            .dropSessions(unusedFor: .milliseconds(400)),
            .compact(Compact(below: 2), by: Retention()),
        ])
        return (world, second, try #require(batch))
    }

    /// What the session of a new world was opened by.
    private func opening(_ world: World) throws -> DecidedBatch {
        DecidedBatch(
            lineage: world.store.lineage, follows: 0, followedHash: CommitHash.seed, time: world.now, mostKept: 256,
            entries: [.opened(world.session, agent: "ada")], reachedHash: CommitHash.seed)
    }

    private func equal(_ world: World, _ second: Second, _ note: Comment? = nil) throws {
        while try world.writer.sweep(budget: 3) {}
        while try second.writer.sweep(budget: 4) {}
        let (rows, others) = (try world.reader.rows(), try second.reader.rows())
        #expect(Set(rows.keys) == Set(others.keys))
        for (table, rows) in rows.sorted(by: { $0.key < $1.key }) {
            #expect(rows == others[table], "\(note.map { "\($0): " } ?? "")\(table)")
        }
    }

    /// What happens is a refusal that leaves the store as it was.
    private func refused(_ second: Second, _ batch: DecidedBatch, _ note: Comment? = nil) throws {
        let (before, head) = (try second.reader.rows(), second.writer.head)
        do {
            try second.writer.apply(batch)
            Issue.record("it was taken: \(note.map { "\($0)" } ?? "")")
        } catch { #expect(error.kind == .unfitting, "\(error)") }
        #expect(try second.reader.rows() == before && second.writer.head == head, note)
    }

    @Test("a batch with every kind of entry gives the same rows in another store, once")
    func everyKind() throws {
        let (world, second, batch) = try sample()
        let kinds = batch.entries.map { entry in
            switch entry {
            case .commit(let commit): commit.fork == nil ? "commit" : "fork"
            case .number: "number"
            case .opened: "opened"
            case .dropped: "dropped"
            case .noted: "noted"
            case .floor: "floor"
            case .notesForgotten: "forgotten"
            }
        }
        #expect(kinds == ["commit", "number", "number", "fork", "number", "opened", "noted", "dropped", "floor"])
        try second.apply(batch)
        #expect(second.writer.head == world.writer.head && second.writer.floor == 2)
        try equal(world, second)
        #expect(try second.reader.verify().problems == [])
        try refused(second, batch)
    }

    @Test("a batch with one of its entries left out, or another lineage, time or hash, changes nothing")
    func incomplete() throws {
        let (_, second, batch) = try sample()
        for place in batch.entries.indices {
            switch batch.entries[place] {
            // Nothing else in the batch tells of it.
            case .opened, .dropped, .noted, .floor, .notesForgotten: continue
            case .number(let number) where number.number == 6: continue
            case .commit, .number: break
            }
            var short = batch
            short.entries.remove(at: place)
            try refused(second, short, "without entry \(place)")
        }
        var other = batch
        other.lineage = Lineage(1)
        try refused(second, other)
        other = batch
        other.followedHash[31] ^= 1
        try refused(second, other)
        other = batch
        other.reachedHash[31] ^= 1
        try refused(second, other)
        other = batch
        other.time = Timestamp(milliseconds: 1)
        try refused(second, other)
        other = batch
        other.entries.swapAt(0, 3)
        try refused(second, other)
        try second.apply(batch)
    }

    @Test("batches out of order change nothing, whether or not they hold commits")
    func outOfOrder() throws {
        let world = try World()
        let second = try Second()
        let wrong = Work.change("t", .increment(1))
        let batches = try [
            [world.item(.put("t", "1"))],
            [world.item(.put("t", "2")), world.item(wrong)],
            [world.item(wrong)],
            [world.item(.put("t", "3"))],
            [.openSession(SessionID(8), agent: "b")],
        ].map { try #require(try world.decide($0)) }
        try second.apply(opening(world))
        for (place, batch) in batches.enumerated() {
            for late in batches.dropFirst(place + 1) { try refused(second, late) }
            try second.apply(batch)
            for early in batches.prefix(place + 1) { try refused(second, early) }
        }
        try equal(world, second)
    }

    @Test("a record without its value, and a commit with another's place, are refused")
    func malformed() throws {
        let (_, second, batch) = try sample()
        guard case .commit(var commit) = batch.entries[0] else { throw Unexpected("no commit") }
        var other = batch
        let record = try #require(commit.commit.records.first)
        commit.commit.records = [record.announced]
        other.entries[0] = .commit(commit)
        try refused(second, other)
        commit.commit.records = [.deletion(of: record.key, revision: 4, ordinal: 1)]
        other.entries[0] = .commit(commit)
        try refused(second, other)
        commit.commit.records = [.deletion(of: record.key, revision: 7)]
        other.entries[0] = .commit(commit)
        try refused(second, other)
    }

    @Test(
        "refusals that use up no number, known retries and reads of branches that are not there leave nothing in a batch"
    )
    func nothingDecided() throws {
        let world = try World()
        try world.put("a", "1")
        let read = NotedRead(context: "c", branch: .main, key: Key(unchecked: "a"), version: 1, time: world.now)
        let elsewhere = NotedRead(
            context: "c", branch: BranchName(unchecked: "none"), key: read.read.key ?? Key(unchecked: "a"), version: 1,
            time: world.now)
        let items = [
            world.item(.put("a", "1"), number: 1), world.item(.put("a", "9"), number: 1),
            world.item(.put("a", "9"), number: 7),
            .noteReads(NoteReads(agent: "ada", reads: [elsewhere])), .openSession(world.session, agent: "x"), .expire,
            .compact(Compact(), by: Retention()), .dropSessions(unusedFor: .seconds(1)),
        ]
        #expect(try world.decide(items) == nil)
    }

    @Test("what is acknowledged after a number was decided, in the same batch, reaches the other store")
    func lateAcknowledgement() throws {
        let world = try World()
        let second = try Second()
        try second.apply(opening(world))
        let batch = try world.decide([
            world.item(.put("a", "1")), world.item(.put("a", "2")),
            world.item(.put("a", "1"), number: 1, acknowledged: 2),
        ])
        try second.apply(#require(batch))
        try equal(world, second)
        // By one that is executed and uses up no number, too.
        let late = Transact(
            session: world.session, number: 4, acknowledged: 3, work: .failure(Refusal(.deadlineExceeded, "late")))
        let next = try world.decide([world.item(.put("a", "3")), .transact(late, fingerprint: 0)])
        try second.apply(#require(next))
        try equal(world, second)
    }

    @Test("if it can't be made durable, nothing of it is kept")
    func notDurable() throws {
        let world = try World()
        let before = (try world.reader.rows(), world.writer.head)
        #expect(throws: StoreError.self) {
            _ = try world.writer.write([world.item(.put("a", "1"))], at: world.now) { _ in
                throw StoreError(.diskFull, "the log is full", hint: "")
            }
        }
        #expect(try world.reader.rows() == before.0 && world.writer.head == before.1)
        world.number = 0
        #expect(try world.put("a", "1") == 1)
    }

    @Test("a second store equals the first, row by row", arguments: 0..<6)
    func randomHistories(seed: UInt64) throws {
        var dice = SeededRandom(seed: seed)
        let world = try World()
        let second = try Second()
        try second.apply(opening(world))
        var sessions = [world.session: UInt64(0)]
        for step in 0..<150 {
            world.now = Timestamp(milliseconds: world.now.milliseconds + Int64.random(in: 0...900, using: &dice))
            let items = (0..<Int.random(in: 1...4, using: &dice)).map { _ in
                item(step, world, &sessions, &dice)
            }
            if let batch = try world.decide(items) { try second.apply(batch) }
            if Int.random(in: 0..<6, using: &dice) == 0 { _ = try world.writer.sweep(budget: 3) }
            if Int.random(in: 0..<9, using: &dice) == 0 { _ = try second.writer.sweep(budget: 2) }
            if step % 50 == 49 { try equal(world, second, "seed \(seed), step \(step)") }
        }
        #expect(world.writer.floor > 0 && world.head > 40)
        #expect(try second.reader.verify().problems == [])
    }

    private func item(
        _ step: Int, _ world: World, _ sessions: inout [SessionID: UInt64], _ dice: inout SeededRandom
    ) -> WriteItem {
        func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &dice) }
        let branch = BranchName(unchecked: ["main", "b1", "b2", "b3"][below(4)])
        let key = Key(unchecked: "k\(below(6))")
        switch below(20) {
        case 0: return .expire
        case 1: return .compact(Compact(below: world.head - Int64(below(20))), by: Retention())
        case 2: return .dropSessions(unusedFor: .milliseconds(9000))
        case 3:
            let id = SessionID(UInt64(step + 100))
            sessions[id] = sessions[id] ?? 0
            return .openSession(id, agent: "agent \(step)")
        case 4:
            let read = NotedRead(
                context: "c\(below(2))", branch: branch, key: key, version: Revision(below(9)), time: world.now)
            return .noteReads(NoteReads(agent: "ada", reads: [read]))
        case 5:
            let at = below(2) == 0 ? nil : world.head - Int64(below(5))
            let name = BranchName(unchecked: "b\(below(4))")
            return numbered(.fork(Fork(name: name, parent: branch, at: at)), world, &sessions, &dice)
        case 6: return numbered(planned(on: branch, key, world, &dice), world, &sessions, &dice)
        default: break
        }
        var transaction = Transaction(branch: branch, context: "c", message: "step \(step)")
        let expiry: Put.Expiry = below(3) == 0 ? .after(.milliseconds(1 + below(3000))) : .never
        let put = Put(
            Data("v\(step)".utf8), attributes: ["x": "1", "a": "\(step)"],
            links: [Link(relation: "of", target: key)], expiry: expiry)
        transaction.changes = [Change(key, below(4) == 0 ? .delete : .put(put))]
        if below(3) == 0 { transaction.preconditions = [.at(key, world.head - Int64(below(4)))] }
        if below(3) == 0 { transaction.preconditions.append(.unchanged(Topic(unchecked: "/"), since: world.head)) }
        if below(3) == 0 { transaction.reads = [ReadVersion(key: key, version: world.head)] }
        return numbered(.transaction(transaction), world, &sessions, &dice)
    }

    private func planned(
        on branch: BranchName, _ key: Key, _ world: World, _ dice: inout SeededRandom
    ) -> Work {
        func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &dice) }
        let revision = max(1, world.head - Int64(below(8)))
        let cascade = below(2) == 0 ? nil : Cascade(ownOnly: below(2) == 0)
        return switch below(5) {
        case 0: .merge(Merge(BranchName(unchecked: "b\(below(4))"), into: branch, parks: below(2) == 0))
        case 1: .rollback(Rollback(branch, to: revision))
        case 2: .revert(Revert(branch, revisions: [revision], cascade: cascade))
        case 3: .pick(Pick([revision], onto: branch, sameReads: below(2) == 0))
        default: .quarantine(Quarantine(branch, revisions: [revision], cascade: cascade, reason: "doubt"))
        }
    }

    /// The next number of a session, or now and then one that is known or out of turn.
    private func numbered(
        _ work: Work, _ world: World, _ sessions: inout [SessionID: UInt64], _ dice: inout SeededRandom
    ) -> WriteItem {
        let ids = sessions.keys.sorted()
        let id = ids[Int.random(in: 0..<ids.count, using: &dice)]
        let last = sessions[id] ?? 0
        var number = last + 1
        switch Int.random(in: 0..<10, using: &dice) {
        case 0: number = max(1, last)
        case 1: number = last + 2
        default: sessions[id] = number
        }
        return .transact(
            Transact(
                session: id, number: number, acknowledged: UInt64.random(in: 0...number, using: &dice),
                work: .success(work)), fingerprint: work.fingerprint)
    }
}
