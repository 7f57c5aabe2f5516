import Foundation
import MembusModel
import MembusStore
import Testing

@testable import MembusBroker

/// A disk that fails when it is told to, and clocks that are set.
private struct TestEnvironment: CommitEnvironment {
    let writer: Writer
    var now = Instant(nanoseconds: 0)
    var wall = Timestamp(milliseconds: 1_000_000)
    var failure: StoreError?
    var sweepFailure: StoreError?
    var logBytes: Int64 = 0
    /// The most that the disk has room for at once.
    var room = Int.max
    private(set) var batches: [(items: Int, tickets: [Ticket])] = []
    private(set) var reports: [WriteReport] = []
    private(set) var notes: [CommitNote] = []

    init(_ writer: Writer) { self.writer = writer }

    mutating func write(_ items: [WriteItem], of tickets: [Ticket], at time: Timestamp) throws(StoreError)
        -> WrittenBatch
    {
        batches.append((items.count, tickets))
        if let failure { throw failure }
        if items.count > room { throw StoreError(.diskFull, "no room", hint: "") }
        return try writer.write(items, at: time)
    }

    mutating func sweep(_ step: () throws(StoreError) -> Bool) throws(StoreError) -> Bool {
        if let sweepFailure { throw sweepFailure }
        return try step()
    }

    mutating func report(_ report: WriteReport) { reports.append(report) }
    mutating func note(_ note: CommitNote) { notes.append(note) }

    /// On both clocks.
    mutating func pass(_ time: Duration) {
        now = now + time
        wall = wall.advanced(by: time)
    }

    var results: [(ticket: Ticket, result: WriteReport.Result)] { reports.flatMap(\.results) }
    func refusal(of ticket: Ticket) -> Refusal? {
        for case (ticket, .item(.refused(let refusal))) in results { return refusal }
        return nil
    }
}

@Suite("The commit turn")
struct CommitTurnTests {
    private let session = SessionID(7)
    private let minute = Duration.seconds(60)

    private func make() throws -> (CommitTurn, TestEnvironment, Reader) {
        let store = try Store.inMemory(newLineage: 1)
        let writer = try store.makeWriter()
        let retention = Retention(age: .seconds(3600), bytes: .max, least: .zero)
        let turn = CommitTurn(
            writer: writer,
            upkeep: Upkeep(retention: retention, sessionLife: .seconds(7200), now: Instant(nanoseconds: 0)))
        return (turn, TestEnvironment(writer), try store.makeReader())
    }

    private func open(_ ticket: Ticket) -> QueuedWrite {
        QueuedWrite(ticket: ticket, job: .item(.openSession(session, agent: "ada")))
    }

    private func change(_ key: String, _ value: String) throws -> Change {
        Change(try Key(key), .put(Put(Data(value.utf8))))
    }

    private func put(_ number: UInt64, ticket: Ticket, deadline: Instant? = nil) throws -> QueuedWrite {
        let work = Work.transaction(Transaction(changes: [try change("a", "\(number)")]))
        let request = Transact(session: session, number: number, acknowledged: 0, work: .success(work))
        return QueuedWrite(
            ticket: ticket, job: .item(.transact(request, fingerprint: work.fingerprint)), deadline: deadline)
    }

    @Test("the late are refused unexecuted, and the others written as one batch in their order")
    func late() throws {
        var (turn, environment, _) = try make()
        environment.now = Instant(nanoseconds: 100)
        let writes = try [
            open(1), put(1, ticket: 2), put(9, ticket: 3, deadline: Instant(nanoseconds: 99)), put(2, ticket: 4),
        ]
        try turn.run(writes, in: &environment)
        #expect(environment.batches.map(\.tickets) == [[1, 2, 4]])
        #expect(environment.refusal(of: 3)?.code == .deadlineExceeded)
        #expect(environment.reports.count == 1 && environment.results.count == 4)
        #expect(environment.reports[0].commits.map(\.info.revision) == [1, 2])
    }

    @Test("a turn with nothing to do touches nothing")
    func idle() throws {
        var (turn, environment, _) = try make()
        try turn.run([], in: &environment)
        #expect(environment.batches.isEmpty && environment.reports.isEmpty && !turn.isUnderWay)
    }

    @Test("a batch that can't be written is refused to each of its requests with that reason; the next one is written")
    func fullDisk() throws {
        var (turn, environment, _) = try make()
        environment.failure = StoreError(.diskFull, "no room", hint: "")
        let compact = QueuedWrite(ticket: 3, job: .compact(Compact(below: 1)))
        try turn.run([open(1), try put(1, ticket: 2), compact], in: &environment)
        #expect(environment.results.map(\.ticket) == [1, 2, 3])
        #expect((1...3).allSatisfy { environment.refusal(of: $0)?.code == .diskFull })
        #expect(environment.refusal(of: 3)?.hint.contains("compact again") == true)
        guard environment.notes.count == 2, case .batchRefused(2, _) = environment.notes[0],
            case .compactionStopped = environment.notes[1]
        else {
            Issue.record("nobody was told: \(environment.notes)")
            return
        }
        environment.failure = nil
        try turn.run([open(4), try put(1, ticket: 5)], in: &environment)
        #expect(environment.writer.head.revision == 1 && !turn.isUnderWay)
    }

    @Test("the upkeep does not cost the requests beside it when the two are too much for the disk")
    func apart() throws {
        var (turn, environment, _) = try make()
        environment.room = 2
        let compact = QueuedWrite(ticket: 3, job: .compact(Compact(below: 1)))
        try turn.run([open(1), try put(1, ticket: 2), compact], in: &environment)
        #expect(environment.batches.map(\.tickets) == [[1, 2, 3], [1, 2], [3]])
        while turn.isUnderWay { try turn.run([], in: &environment) }
        #expect(environment.results.map(\.ticket) == [1, 2, 3] && environment.notes.isEmpty)
        #expect((1...3).allSatisfy { environment.refusal(of: $0) == nil } && environment.writer.head.revision == 1)
    }

    @Test("after a failure that leaves open what is on disk nothing is reported")
    func fatal() throws {
        var (turn, environment, _) = try make()
        environment.failure = StoreError(.fatal, "the sync failed", hint: "")
        #expect(throws: StoreError.self) { try turn.run([open(1)], in: &environment) }
        #expect(environment.reports.isEmpty && environment.notes.isEmpty)
    }

    @Test("whoever asks for a compaction is answered once, when the sweep has come to the new floor")
    func asked() throws {
        var (turn, environment, reader) = try make()
        try turn.run([open(1)], in: &environment)
        try turn.run((1...3000).map { try put(UInt64($0), ticket: 2) }, in: &environment)
        let before = environment.results.count
        try turn.run([QueuedWrite(ticket: 9, job: .compact(Compact(below: 2900)))], in: &environment)
        #expect(environment.writer.floor == 2900 && turn.isUnderWay && environment.results.count == before)
        var turns = 0
        while turn.isUnderWay {
            try turn.run([], in: &environment)
            turns += 1
        }
        #expect(turns > 4)
        let answers = environment.results.dropFirst(before)
        guard answers.count == 1, case (9, .compacted(floor: 2900))? = answers.last else {
            Issue.record("another answer: \(answers)")
            return
        }
        #expect(try reader.rows()["changes"]?.count == 101)
    }

    @Test("a sweep rests while the log is large, for half a minute at most, and writes go on")
    func resting() throws {
        var (turn, environment, reader) = try make()
        try turn.run([open(1)], in: &environment)
        try turn.run((1...1200).map { try put(UInt64($0), ticket: 2) }, in: &environment)
        func changes() throws -> Int? { try reader.rows()["changes"]?.count }
        environment.logBytes = SweepRest.largest + 1
        try turn.run([QueuedWrite(ticket: 9, job: .compact(Compact(below: 1200)))], in: &environment)
        environment.pass(.seconds(1))
        try turn.run([put(1201, ticket: 3)], in: &environment)
        #expect(try changes() == 1201 && turn.isUnderWay && turn.patience == .milliseconds(50))
        environment.logBytes = SweepRest.largest
        try turn.run([], in: &environment)
        #expect(try changes() == 702 && turn.patience == .zero)
        // Another reader, who never ends.
        environment.logBytes = SweepRest.largest + 1
        for _ in 0..<3 {
            environment.pass(.seconds(9))
            try turn.run([], in: &environment)
        }
        #expect(try changes() == 702)
        environment.pass(.seconds(13))
        while turn.isUnderWay { try turn.run([], in: &environment) }
        #expect(try changes() == 2 && turn.patience == .seconds(1))
        guard case (9, .compacted(floor: 1200))? = environment.results.last else {
            Issue.record("nobody was told: \(String(describing: environment.results.last))")
            return
        }
    }

    @Test("a sweep that fails refuses whoever waits for it, and the next request goes on where it stopped")
    func failingSweep() throws {
        var (turn, environment, _) = try make()
        try turn.run([open(1), put(1, ticket: 2), put(2, ticket: 3)], in: &environment)
        try turn.run([QueuedWrite(ticket: 4, job: .compact(Compact(below: 2)))], in: &environment)
        environment.sweepFailure = StoreError(.failed, "no", hint: "")
        try turn.run([], in: &environment)
        #expect(environment.refusal(of: 4)?.code == .storeFailed && !turn.isUnderWay)
        #expect(environment.notes.count == 1)
        environment.sweepFailure = nil
        try turn.run([QueuedWrite(ticket: 5, job: .compact(Compact(below: 2)))], in: &environment)
        while turn.isUnderWay { try turn.run([], in: &environment) }
        guard case (5, .compacted(floor: 2))? = environment.results.last else {
            Issue.record("it does not go on: \(environment.results)")
            return
        }
    }

    @Test("every minute old history and unused sessions go, though nobody asks")
    func look() throws {
        var (turn, environment, reader) = try make()
        let idle = QueuedWrite(ticket: 2, job: .item(.openSession(SessionID(8), agent: "bob")))
        try turn.run([open(1), idle, put(1, ticket: 3), put(2, ticket: 4)], in: &environment)
        environment.pass(.seconds(10))
        try turn.run([put(3, ticket: 5)], in: &environment)
        environment.pass(.seconds(7210))
        try turn.run([], in: &environment)
        #expect(try reader.sessionCount() == 1 && environment.writer.floor == 3)
        #expect(environment.batches.last?.tickets == [.own, .own])
        while turn.isUnderWay { try turn.run([], in: &environment) }
        try turn.run([], in: &environment)
        #expect(environment.batches.count == 3)
    }

    @Test("unused sessions go as fast as they come, in bounded pieces")
    func manySessions() throws {
        var (turn, environment, reader) = try make()
        let opened = (0..<5000).map {
            QueuedWrite(ticket: Ticket($0 + 10), job: .item(.openSession(SessionID(UInt64($0 + 10)), agent: "a")))
        }
        try turn.run(opened, in: &environment)
        environment.pass(.seconds(10))
        try turn.run([open(1), put(1, ticket: 2)], in: &environment)
        environment.pass(.seconds(7210))
        try turn.run([], in: &environment)
        #expect(try (2000..<5000).contains(reader.sessionCount()) && turn.isUnderWay)
        while turn.isUnderWay { try turn.run([], in: &environment) }
        #expect(try reader.sessionCount() == 1)
    }

    @Test("no wall clock makes history or sessions old, however far and long it leaps, at a start or later")
    func youngStays() throws {
        let store = try Store.inMemory(newLineage: 1)
        let writer = try store.makeWriter()
        let retention = Retention(age: .seconds(3600), bytes: 0, least: .seconds(600))
        func turn(at now: Instant) -> CommitTurn {
            CommitTurn(writer: writer, upkeep: Upkeep(retention: retention, sessionLife: .seconds(7200), now: now))
        }
        var environment = TestEnvironment(writer)
        var first = turn(at: environment.now)
        try first.run([open(1), put(1, ticket: 2), put(2, ticket: 3)], in: &environment)
        environment.wall = Timestamp(milliseconds: 1_800_000_000_000)
        for _ in 0..<5 {
            environment.pass(minute)
            try first.run([put(UInt64(environment.batches.count + 2), ticket: 4)], in: &environment)
        }
        #expect(writer.floor == 0)
        // A start with a clock that is far ahead.
        environment.wall = Timestamp(milliseconds: 2_800_000_000_000)
        var second = turn(at: environment.now)
        for _ in 0..<4 {
            environment.pass(minute)
            try second.run([], in: &environment)
        }
        #expect(try writer.floor == 0 && store.makeReader().sessionCount() == 1)
        environment.pass(minute + minute + minute)
        try second.run([], in: &environment)
        #expect(writer.floor > 0, "what is older than the least may go")
    }

    @Test("commit times never run back, and a leap for a moment ends no claim")
    func leaps() throws {
        var (turn, environment, _) = try make()
        environment.wall = Timestamp(milliseconds: 1_700_000_000_000)
        let change = Change(try Key("claim"), .put(Put(Data("ada".utf8), expiry: .after(.seconds(600)))))
        let work = Work.transaction(Transaction(changes: [change]))
        let claim = Transact(session: session, number: 1, acknowledged: 0, work: .success(work))
        let queued = QueuedWrite(ticket: 2, job: .item(.transact(claim, fingerprint: 1)))
        try turn.run([open(1), queued], in: &environment)

        let wall = environment.wall
        environment.wall = wall.advanced(by: .seconds(40 * 24 * 3600))
        environment.pass(.seconds(1))
        try turn.run([QueuedWrite(ticket: 3, job: .item(.expire)), put(2, ticket: 4)], in: &environment)
        environment.wall = wall.advanced(by: .seconds(-3600))
        for number in 3..<10 {
            environment.pass(.seconds(10))
            try turn.run([put(UInt64(number), ticket: 5)], in: &environment)
        }
        let commits = environment.reports.flatMap(\.commits)
        #expect(!commits.contains { $0.info.agent == CommitInfo.broker })
        let times = commits.map(\.info.time)
        #expect(times == times.sorted() && times.last.map { $0 < wall.advanced(by: .seconds(60)) } == true)
    }
}
