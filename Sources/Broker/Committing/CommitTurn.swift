import MembusModel
import MembusStore
import MembusSystem

// The turn of whoever writes: the same code in the product, in the stepped broker and in the simulated world, which
// differ in their environment alone.
//
//   1. refuse the late   writes whose deadline has passed are not executed
//   2. decide in order   one batch: the writes in the order in which they came, then the upkeep that is due; where
//                        that can't be written, each of the two by itself, once
//   3. make durable      all of it, or nothing
//   4. settle            the upkeep learns what became of it
//   5. report            results and commits, in order: who publishes and replies is told only now
//   6. sweep             one bounded step, if history was dropped in an earlier turn, so that nobody waits for long; it
//                        rests while the write-ahead log is large (SweepRest)
//
// Invariants:
//   - Nothing is reported that is not on disk.
//   - A batch that the store refuses (a full disk) is refused to each of its requests, with that reason.
//   - If what is on disk is not known any more (a failed sync), the turn throws before anything is reported, and the
//     process must end.
//
// An environment may not reach back to the turn that runs in it: the turn is being changed.

struct CommitTurn {
    private let writer: Writer
    private var upkeep: Upkeep
    private var clock: SteadyClock
    private let held: HeldStates
    private var rest = SweepRest()
    private var isResting = false
    private var toldEvicted = EvictedHistory.Amount()

    init(writer: Writer, upkeep: Upkeep, held: HeldStates = HeldStates()) {
        self.writer = writer
        self.upkeep = upkeep
        clock = SteadyClock(lastCommit: writer.lastCommit)
        self.held = held
    }

    /// What time it is for what it decides.
    func time(at now: Instant) -> Timestamp { clock.time(at: now) }

    /// Whether there is something to do though no writes wait.
    var isUnderWay: Bool { upkeep.isUnderWay }

    /// For how long writes may be waited for before the next turn.
    var patience: Duration { !isUnderWay ? .seconds(1) : isResting ? .milliseconds(50) : .zero }

    /// - Throws: ``StoreError`` if the process must end.
    mutating func run<E: CommitEnvironment>(
        _ writes: [QueuedWrite], in environment: inout E
    ) throws(StoreError) {
        let wasSweeping = upkeep.isSweeping
        try commit(writes, in: &environment)
        isResting = wasSweeping && rest.isDue(bytes: environment.logBytes, now: environment.now)
        if wasSweeping, !isResting { try sweep(in: &environment) }
    }

    // MARK: The batch

    private mutating func commit<E: CommitEnvironment>(
        _ writes: [QueuedWrite], in environment: inout E
    ) throws(StoreError) {
        let now = environment.now
        // One time for all that this batch decides, which a wall clock that is set does not mislead.
        let time = clock.time(wall: environment.wall, now: now)
        writer.pass(to: now)
        var batch = TurnBatch(capacity: writes.count)
        for write in writes {
            switch write.job {
            case .compact(let request): upkeep.ask(request, ticket: write.ticket)
            case .item(let item):
                if let late = write.refusal(at: now) {
                    batch.refuse(write.ticket, late)
                } else {
                    batch.append(item, of: write.ticket)
                }
            }
        }
        var due = TurnBatch(capacity: 2)
        for item in upkeep.due(now: now) { due.append(item.item, of: item.ticket) }
        try make(batch, due, at: time, in: &environment)
    }

    /// Makes what was asked for and the upkeep that is due durable, as one batch if that can be: neither is to cost the
    /// other, so that where it can't be each has one try by itself.
    private mutating func make<E: CommitEnvironment>(
        _ asked: TurnBatch, _ due: TurnBatch, at time: Timestamp, in environment: inout E
    ) throws(StoreError) {
        do {
            return try write(asked, due, at: time, in: &environment)
        } catch {
            if error.isFatal { throw error }
            guard !asked.items.isEmpty, !due.items.isEmpty else { return refuse(asked, due, error, in: &environment) }
        }
        for (asked, due) in [(asked, TurnBatch(capacity: 0)), (TurnBatch(capacity: 0), due)] {
            do { try write(asked, due, at: time, in: &environment) } catch {
                if error.isFatal { throw error }
                refuse(asked, due, error, in: &environment)
            }
        }
    }

    private mutating func write<E: CommitEnvironment>(
        _ asked: TurnBatch, _ due: TurnBatch, at time: Timestamp, in environment: inout E
    ) throws(StoreError) {
        var answers = asked.answers
        guard !asked.items.isEmpty || !due.items.isEmpty else { return report(answers, in: &environment) }
        let all = due.items.isEmpty ? asked : asked.followed(by: due)
        let written = try environment.write(all.items, of: all.tickets, at: time)
        for (ticket, result) in zip(asked.tickets, written.results) { answers.append((ticket, .item(result))) }
        if !due.items.isEmpty {
            for (ticket, refusal) in upkeep.decided(zip(due.tickets, written.results.dropFirst(asked.items.count))) {
                environment.note(.compactionStopped(refusal.message))
                if ticket != .own { answers.append((ticket, .item(.refused(refusal)))) }
            }
        }
        report(answers, written, in: &environment)
    }

    /// Nothing of the batch was kept.
    private mutating func refuse<E: CommitEnvironment>(
        _ asked: TurnBatch, _ due: TurnBatch, _ error: StoreError, in environment: inout E
    ) {
        var answers = asked.answers
        if !asked.items.isEmpty {
            environment.note(.batchRefused(items: asked.items.count, error))
            for ticket in asked.tickets { answers.append((ticket, .item(.refused(error.refusal)))) }
        }
        if !due.items.isEmpty {
            environment.note(.compactionStopped(error.message))
            let refusal = Upkeep.refusal(after: error)
            for ticket in due.tickets where ticket != .own { answers.append((ticket, .item(.refused(refusal)))) }
        }
        report(answers, in: &environment)
    }

    private func report<E: CommitEnvironment>(
        _ answers: [(ticket: Ticket, result: WriteReport.Result)], _ written: WrittenBatch? = nil,
        in environment: inout E
    ) {
        let commits = written?.commits ?? []
        if answers.isEmpty && commits.isEmpty { return }
        environment.report(
            WriteReport(
                results: answers, commits: commits, deletedBranches: written?.deletedBranches ?? [],
                nextExpiry: writer.nextExpiry, sync: written?.sync, clock: clock))
    }

    // MARK: Sweeping

    private mutating func sweep<E: CommitEnvironment>(in environment: inout E) throws(StoreError) {
        let writer = writer
        let answers: [(ticket: Ticket, result: WriteReport.Result)]
        do {
            let oldest = held.oldest(now: environment.now)
            let more = try environment.sweep { () throws(StoreError) in try writer.sweep(upTo: oldest) }
            let done = upkeep.swept(more: more)
            if !more { tellEvicted(in: &environment) }
            let floor = done.isEmpty ? 0 : writer.floor
            answers = done.map { ($0, .compacted(floor: floor)) }
        } catch {
            if error.isFatal { throw error }
            environment.note(.compactionStopped(error.message))
            let refusal = Upkeep.refusal(after: error)
            answers = upkeep.abandon().map { ($0, .item(.refused(refusal))) }
        }
        report(answers, in: &environment)
    }

    private mutating func tellEvicted<E: CommitEnvironment>(in environment: inout E) {
        let evicted = writer.evictedHistory
        guard let evicted, evicted.all != toldEvicted else { return }
        toldEvicted = evicted.all
        environment.note(.historyEvicted(evicted, floor: writer.floor))
    }
}

/// What a turn touches, and how it learns the time.
protocol CommitEnvironment {
    var now: Instant { get }
    var wall: Timestamp { get }
    /// How much of the write-ahead log is in use, in bytes.
    var logBytes: Int64 { get }
    /// Makes a batch durable, all of it or nothing.
    /// - Parameter tickets: one for each item.
    /// - Throws: a fatal error if the process must end.
    mutating func write(_ items: [WriteItem], of tickets: [Ticket], at time: Timestamp) throws(StoreError)
        -> WrittenBatch
    /// Runs a bounded step of sweeping, which says whether there is more.
    mutating func sweep(_ step: () throws(StoreError) -> Bool) throws(StoreError) -> Bool
    /// Passes on what is durable. Reports arrive in their order.
    mutating func report(_ report: WriteReport)
    /// Tells people of what happened besides.
    mutating func note(_ note: CommitNote)
}

enum CommitNote {
    // Failures that the turn goes on after.
    /// It is as if the batch had never been.
    case batchRefused(items: Int, StoreError)
    /// It goes on when somebody asks again, or at the next look.
    case compactionStopped(String)
    /// There is too much history: all that went before its age so far, and what is still there.
    case historyEvicted(EvictedHistory, floor: Revision)
}

/// One turn's batch on its way.
private struct TurnBatch {
    var items: [WriteItem] = []
    var tickets: [Ticket] = []
    var answers: [(ticket: Ticket, result: WriteReport.Result)] = []

    init(capacity: Int) {
        items.reserveCapacity(capacity)
        tickets.reserveCapacity(capacity)
        answers.reserveCapacity(capacity)
    }

    mutating func append(_ item: WriteItem, of ticket: Ticket) {
        items.append(item)
        tickets.append(ticket)
    }
    func followed(by other: TurnBatch) -> TurnBatch {
        var all = self
        all.items += other.items
        all.tickets += other.tickets
        return all
    }
    mutating func refuse(_ ticket: Ticket, _ refusal: Refusal) { answers.append((ticket, .item(.refused(refusal)))) }
}
