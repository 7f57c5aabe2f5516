import MembusChecker
import MembusModel
import MembusStore

@testable import MembusBroker

// The commit thread's turns, and those of the thread that checkpoints the log.

extension BrokerProcess {
    func scheduleWriting() {
        guard !isWriting else { return }
        isWriting = true
        after(world.dice.milliseconds(world.writingPace)) { $0.write() }
    }

    func write() {
        if world.kill == .beforeCommit {
            publishUncommitted()
            world.coverage.count(.killedBeforeCommit)
            return world.killBroker("before COMMIT")
        }
        do {
            if !writes.isEmpty { try writeBatch() }
            guard world.broker === self else { return }
            try compact()
            guard world.broker === self else { return }
        } catch { world.failure = error }
        isWriting = false
        if !writes.isEmpty || compactions.isUnderWay { scheduleWriting() }
    }

    func writeBatch() throws {
        var results: [(ticket: UInt64, result: WriteReport.Result)] = []
        var items: [(ticket: UInt64, item: WriteItem)] = []
        for write in writes {
            switch write.job {
            case .compact(let request): compactions.ask(request, ticket: write.ticket)
            case .item where write.deadline.map({ $0 < now }) ?? false:
                results.append((write.ticket, .item(.refused(Refusal(.deadlineExceeded, "waited too long")))))
            case .item where world.diskIsFullUntil > world.now && world.disk.faults == nil:
                results.append((write.ticket, .item(.refused(Refusal(.diskFull, "the disk is full")))))
            case .item(let item):
                world.noteAcknowledged(by: item)
                items.append((write.ticket, try world.altered(item, isFirst: items.isEmpty, of: self)))
            }
        }
        writes = []
        let batch: WrittenBatch
        do { batch = try writer.commit(items.map(\.item), now: world.wall) } catch {
            guard survives(error) else { return }
            // As the commit thread does: refused whole, with that reason.
            results += items.map { ($0.ticket, .item(.refused(error.refusal))) }
            return report(WriteReport(results: results, commits: [], nextExpiry: writer.nextExpiry))
        }
        let batchResults = world.altered(batch.results, of: items.map(\.item))
        if world.kill == .afterCommit {
            world.coverage.count(.killedAfterCommit)
            return world.killBroker("after COMMIT, before anybody was told")
        }
        for commit in batch.commits where commit.info.agent == CommitInfo.broker {
            world.coverage.count(.expired, times: commit.records.count)
        }
        for (entry, result) in zip(items, batchResults) { results.append((entry.ticket, .item(result))) }
        world.committed(batch.commits, results, of: self)
        report(WriteReport(results: results, commits: batch.commits, nextExpiry: writer.nextExpiry, sync: batch.sync))
    }

    /// - Returns: false if power is gone, or if the process ends itself: what is on disk is not known any more.
    private func survives(_ error: StoreError) -> Bool {
        guard let faults = world.disk.faults else {
            world.failure = error
            return false
        }
        if faults.hasStopped {
            world.killBroker("by a loss of power, in the middle of writing: \(error.message)", .power)
            return false
        }
        guard error.isFatal else { return true }
        world.coverage.count(.syncFailed)
        // The kernel may have dropped what was not synced, or not.
        world.killBroker("by itself: \(error.message)", world.dice.chance(50) ? .power : .process)
        return false
    }

    /// The checkpointing thread's turn.
    func checkpoint() {
        do throws(StoreError) {
            if !isWriting {
                try checkpointer?.run()
                world.coverage.count(.checkpointed)
            }
        } catch {
            guard survives(error) else { return }
        }
        after(.milliseconds(200)) { $0.checkpoint() }
    }

    /// What nobody should do: tell of a batch that is not on disk. It is decided on a copy of the store.
    private func publishUncommitted() {
        guard world.mutant == .publishBeforeCommit, !writes.isEmpty else { return }
        do {
            let items = writes.compactMap { write in
                if case .item(let item) = write.job { (ticket: write.ticket, item: item) } else { nil }
            }
            let batch = try world.disk.commitOnACopy(items.map(\.item), now: world.wall)
            let results = zip(items, batch.results).map { ($0.ticket, WriteReport.Result.item($1)) }
            let report = WriteReport(results: results, commits: batch.commits, nextExpiry: nil)
            for output in core.step(.written(report), now: now) { carryOut(output) }
        } catch { world.failure = error }
    }

    /// Reports arrive in their order.
    func report(_ report: WriteReport) {
        if report.results.isEmpty, report.commits.isEmpty { return }
        reportsUnderWay += 1
        lastReport = max(lastReport, world.now + world.dice.milliseconds(world.writingPace))
        after(lastReport - world.now) { broker in
            broker.reportsUnderWay -= 1
            broker.step(.written(report))
        }
    }

    /// In a history that is shorter than the product's period, only where little is kept.
    var looksAfterHistory: Bool { world.profile.bounds.history != nil }

    /// The commit thread's turn when nothing is written for a while.
    func lookAfterHistory() {
        scheduleWriting()
        after(SmallBounds.lookingPeriod) { $0.lookAfterHistory() }
    }

    private func compact() throws {
        let isAsked = compactions.isUnderWay
        guard isAsked || looksAfterHistory else { return }
        try world.disk.harvest()
        let finished: [(ticket: UInt64, floor: Revision)]
        do throws(StoreError) { finished = try compactions.step(now: now, wall: world.wall) } catch {
            guard survives(error) else { return }
            let failed = compactions.abandon()
            return report(
                WriteReport(
                    results: failed.map { ($0, .item(.refused(error.refusal))) }, nextExpiry: writer.nextExpiry))
        }
        if writer.floor != floor {
            floor = writer.floor
            world.note(.floor(lineage, floor))
            world.coverage.count(isAsked ? .compacted : .compactedByAge)
        }
        report(
            WriteReport(
                results: finished.map { ($0.ticket, .compacted(floor: $0.floor)) }, nextExpiry: writer.nextExpiry))
    }
}
