import MembusChecker
import MembusModel
import MembusStore

@testable import MembusBroker

// The commit turn's environment in the world: it alters what mutants alter, kills before durability and behind it,
// fills the disk and lets it fail, harvests history before it goes, and reports late. What it says is fatal has ended
// the process already.
//
// It never looks at the broker's turn, which is being changed while it runs.
struct WorldEnvironment: CommitEnvironment {
    let broker: BrokerProcess
    private let world: World

    init(broker: BrokerProcess) {
        self.broker = broker
        world = broker.world
    }

    var now: Instant { broker.now }
    var wall: Timestamp { world.wall }
    /// When a step of the sweep comes is drawn already, by the pace of the turns.
    var logBytes: Int64 { 0 }

    func write(_ items: [WriteItem], of tickets: [Ticket], at time: Timestamp) throws(StoreError) -> WrittenBatch {
        if world.kill == .beforeCommit { throw killed(before: items, of: tickets, at: time) }
        if world.diskIsFullUntil > world.now, world.disk.faults == nil {
            throw StoreError(.diskFull, "the disk is full", hint: "")
        }
        let altered = try passed { try self.altered(items) }
        var written = try broker.writeDurably(altered, at: world.altered(time, of: altered))
        if !written.commits.isEmpty { world.note(.decided(written.commits.map(\.info.position), at: time)) }
        for case .outcome(.merged(let position, let report)) in written.results {
            world.note(.merged(position, upTo: report.source))
        }
        let raised = floor(raisedBy: items, of: tickets)
        if raised != nil, broker.writer.floor != broker.floor { try passed { try world.disk.take(written.commits) } }
        written.results = world.altered(written.results, of: altered)
        if world.kill == .afterCommit {
            world.coverage.count(.killedAfterCommit)
            world.killBroker("after COMMIT, before anybody was told")
            throw StoreError(.fatal, "killed after COMMIT", hint: "")
        }
        if let raised { broker.noteFloor(isAsked: raised == .asked) }
        for commit in written.commits where commit.info.agent == CommitInfo.broker {
            world.coverage.count(.expired, times: commit.records.count)
        }
        let results = zip(tickets, written.results).map { ($0, WriteReport.Result.item($1)) }
        world.committed(written.commits, results, of: broker)
        return written
    }

    func sweep(_ step: () throws(StoreError) -> Bool) throws(StoreError) -> Bool {
        try passed { try world.disk.harvest() }
        do throws(StoreError) { return try step() } catch { throw broker.fate(of: error) }
    }

    func report(_ report: WriteReport) { broker.report(report) }

    func note(_ note: CommitNote) {}

    // MARK: What passes

    /// At the disk's door; history that may go is harvested.
    private func altered(_ items: [WriteItem]) throws -> [WriteItem] {
        if floor(raisedBy: items, of: items.map { _ in .own }) != nil { try world.disk.harvest() }
        var altered: [WriteItem] = []
        for item in items {
            world.noteAcknowledged(by: item)
            altered.append(try world.altered(item, isFirst: altered.isEmpty, of: broker))
        }
        return altered
    }

    private enum Raise { case asked, byAge }

    private func floor(raisedBy items: [WriteItem], of tickets: [Ticket]) -> Raise? {
        for case (.compact, let ticket) in zip(items, tickets) { return ticket == .own ? .byAge : .asked }
        return nil
    }

    /// It is decided, and COMMIT never comes.
    private func killed(before items: [WriteItem], of tickets: [Ticket], at time: Timestamp) -> StoreError {
        broker.publishUncommitted(items, of: tickets)
        let end = StoreError(.fatal, "killed before COMMIT", hint: "")
        _ = try? broker.writer.write(items, at: time) { _ in throw end }
        broker.killBeforeCommit()
        return end
    }

    /// What the world itself can't go on from ends it.
    private func passed<T>(_ body: () throws -> T) throws(StoreError) -> T {
        do { return try body() } catch let error as StoreError { throw error } catch {
            world.failure = world.failure ?? error
            throw StoreError(.fatal, "\(error)", hint: "")
        }
    }
}
