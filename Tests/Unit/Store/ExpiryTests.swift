import Foundation
import MembusModel
import MembusStore
import Testing

@Suite("Expiry")
struct ExpiryTests {
    @Test("a record is visible until the broker's commit deletes it, then on no branch that showed it")
    func branches() throws {
        let world = try World()
        try world.put("claim", "mine", expires: .after(.seconds(10)))
        let trial = try world.fork("trial")
        let untouched = try world.fork("other", at: 1)
        try world.put("claim", "kept", on: untouched)
        #expect(try world.expire() == [])
        world.now = Timestamp(milliseconds: world.now.milliseconds + 10_000)
        #expect(world.writer.nextExpiry == world.now)
        #expect(try world.text("claim") == "mine")

        let commits = try world.expire()
        #expect(commits.map(\.info.branch) == [.main, trial])
        #expect(commits.allSatisfy { $0.info.agent == "membus" && $0.info.session == nil })
        #expect(try world.get("claim").isDeleted)
        #expect(try world.get("claim", on: trial).isDeleted)
        #expect(try world.text("claim", on: untouched) == "kept")
        #expect(try world.text("claim", at: 1) == "mine")
        #expect(world.writer.nextExpiry == nil)
        #expect(try world.expire() == [])
        #expect(try world.reader.verify().problems == [])
    }

    @Test("a branch forked later, at a revision where the record stood, and told to let it expire, loses it too")
    func forkedFromThePast() throws {
        let world = try World()
        try world.put("claim", "mine", expires: .after(.seconds(1)))
        world.now = Timestamp(milliseconds: world.now.milliseconds + 5000)
        #expect(try world.expire().count == 1)
        let past = try world.fork("past", at: 1, expires: true)
        #expect(try world.text("claim", on: past) == "mine")
        #expect(try world.expire().map(\.info.branch) == [past])
        #expect(try world.get("claim", on: past).isDeleted)
    }

    @Test("renewed in time, it stays; an earlier expiry written later is found; a restart forgets nothing")
    func renewals() throws {
        let scratch = try Scratch()
        var world: World? = try World(in: scratch)
        do {
            let world = try #require(world)
            try world.put("claim", "1", expires: .at(Timestamp(milliseconds: 2_000_000)))
            try world.put("claim", "2", expires: .at(Timestamp(milliseconds: 3_000_000)))
            world.now = Timestamp(milliseconds: 2_500_000)
            #expect(try world.expire() == [])
            #expect(world.writer.nextExpiry == Timestamp(milliseconds: 3_000_000))
            // In the past already when it is written: before the mark.
            try world.put("late", "1", expires: .at(Timestamp(milliseconds: 1_500_000)))
            #expect(try world.expire().map { $0.records.map(\.key.text) } == [["late"]])
        }
        world = nil
        let reopened = try World(reopening: scratch, number: 3)
        reopened.now = Timestamp(milliseconds: 4_000_000)
        #expect(try reopened.expire().map { $0.records.map(\.key.text) } == [["claim"]])
    }

    @Test("many are deleted a thousand at a time")
    func pieces() throws {
        let world = try World()
        for batch in 0..<3 {
            let changes = (0..<900).map {
                Change(Key(unchecked: "k/\(batch)/\($0)"), .put(Put(Data("v".utf8), expiry: .after(.seconds(1)))))
            }
            _ = try world.write(.transaction(Transaction(changes: changes)))
        }
        world.now = Timestamp(milliseconds: world.now.milliseconds + 2000)
        var counts: [Int] = []
        while let next = world.writer.nextExpiry, next <= world.now {
            counts += try world.expire().map(\.records.count)
        }
        #expect(counts == [1000, 1000, 700])
        #expect(try world.state() == [:])
    }

    @Test("a transaction that names what has expired, by key or topic, is decided after its expiry, in one batch")
    func named() throws {
        func world() throws -> World {
            let world = try World()
            for key in ["claims/1", "claims/2", "other"] { try world.put(key, "dead", expires: .after(.seconds(10))) }
            world.now = Timestamp(milliseconds: world.now.milliseconds + 10_000)
            return world
        }
        let claim = Key(unchecked: "claims/1")
        let isTaken: [(Work, Bool)] = [
            (.put("claims/1", "mine", if: [.absent(claim)]), true),
            (.put("claims/1", "mine"), true),
            (.put("x", "1", if: [.at(claim, 1)]), false),
            (.put("x", "1", if: [.unchanged(Topic(unchecked: "claims/"), since: 3)]), false),
            (.put("x", "1", if: [.unchanged(Topic(unchecked: "claims/1"), since: 3)]), false),
            (.put("x", "1", if: [.unchanged(Topic(unchecked: "x/"), since: 3)]), true),
        ]
        for (work, isCommitted) in isTaken {
            let world = try world()
            let batch = try world.write(work)
            let expired = batch.commits.filter { $0.info.agent == CommitInfo.broker }.flatMap(\.records)
            if case .committed = batch.results[0].outcome {
                #expect(isCommitted, "\(work)")
            } else {
                #expect(!isCommitted, "\(work): \(batch.results)")
                #expect(!expired.isEmpty)
            }
            #expect(!expired.contains { $0.key.text == "other" })
            #expect(batch.commits.first?.info.agent == (expired.isEmpty ? "ada" : CommitInfo.broker))
            #expect(batch.commits.allSatisfy { $0.info.time == world.now })
            _ = try world.expire()
            #expect(try world.state().values.allSatisfy { $0 != "dead" })
            #expect(try world.reader.verify().problems == [])
        }
        let counter = try World()
        _ = try counter.write(.change("n", .increment(5)))
        try counter.put("n2", "x")
        _ = try counter.write(
            .transaction(
                Transaction(changes: [
                    Change(Key(unchecked: "c"), .put(Put(Data("7".utf8), kind: .counter, expiry: .after(.seconds(1)))))
                ])))
        counter.now = Timestamp(milliseconds: counter.now.milliseconds + 1000)
        _ = try counter.write(.change("c", .increment(1)))
        #expect(try counter.text("c") == "1", "it starts anew")
        #expect(try counter.get("c").expires == nil)
    }

    @Test("what expires on many branches, deep ones too, goes in bounded pieces, and none waits for ever")
    func manyBranches() throws {
        let world = try World()
        try world.put("claim", "ada", expires: .after(.seconds(1)))
        var parent = BranchName.main
        var branches = [parent]
        for number in 0..<300 {
            parent = try world.fork("b\(number)", from: parent)
            branches.append(parent)
        }
        world.now = Timestamp(milliseconds: world.now.milliseconds + 2000)
        var pieces: [Int] = []
        while let next = world.writer.nextExpiry, next <= world.now {
            pieces.append(try world.expire().count)
            // Always something new that is over, on the first branch.
            if pieces.count < 40 { try world.put("brief\(pieces.count)", "x", expires: .after(.milliseconds(1))) }
            world.now = Timestamp(milliseconds: world.now.milliseconds + 10)
        }
        #expect(pieces.max()! <= 160, "\(pieces)")
        for branch in branches { #expect(try world.state(on: branch) == [:]) }
    }

    @Test("of very many that have expired, a topic's are found in bounded steps, and looked for once")
    func namedAmongMany() throws {
        let world = try World()
        for batch in 0..<60 {
            let changes = (0..<1000).map {
                Change(Key(unchecked: "k/\(batch)/\($0)"), .put(Put(Data(), expiry: .after(.seconds(1)))))
            }
            _ = try world.write(.transaction(Transaction(changes: changes)))
        }
        try world.put("claims/1", "dead", expires: .after(.seconds(1)))
        let since = world.head
        world.now = Timestamp(milliseconds: world.now.milliseconds + 2000)
        let work = Work.put("x", "1", if: [.unchanged(Topic(unchecked: "claims/"), since: since)])
        #expect(try world.write(work).results[0].refusal?.code == .busy)
        world.number -= 1
        let batch = try world.write(work)
        #expect(batch.commits.flatMap(\.records).map(\.key.text) == ["claims/1"])
        guard case .conflict = batch.results[0].outcome else { throw Unexpected("\(batch.results)") }
        #expect(try world.write(.put("x", "1", if: [.absent(Key(unchecked: "k/3/7"))])).commits.count == 2)
        // Sweeping cleans up the rest.
        while let next = world.writer.nextExpiry, next <= world.now { _ = try world.expire() }
        #expect(try world.state(page: 100) == ["x": "1"])
    }
}
