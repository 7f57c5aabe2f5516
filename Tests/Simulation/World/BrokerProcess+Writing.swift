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
        if world.kill == .beforeCommit, writes.isEmpty { return killBeforeCommit() }
        let taken = writes
        writes = []
        var environment = WorldEnvironment(broker: self)
        // What it throws after has ended the process already.
        do throws(StoreError) { try turn.run(taken, in: &environment) } catch { return }
        // Nothing of it came to be executed.
        if world.kill == .beforeCommit { return killBeforeCommit() }
        isWriting = false
        if !writes.isEmpty || turn.isUnderWay { scheduleWriting() }
    }

    func killBeforeCommit() {
        world.coverage.count(.killedBeforeCommit)
        world.killBroker("before COMMIT", world.disk.faults?.hasStopped == true ? .power : .process)
    }

    /// The store's part of a turn, and the second store's.
    func writeDurably(_ items: [WriteItem], at time: Timestamp) throws(StoreError) -> WrittenBatch {
        var decided: DecidedBatch?
        do throws(StoreError) {
            let written = try writer.write(items, at: time) { decided = $0 }
            if let decided { world.follow(decided) }
            return written
        } catch {
            let fate = fate(of: error)
            if fate.isFatal { world.doubtful = decided }
            throw fate
        }
    }

    /// What comes of a failure: a fatal one if power is gone, or if the process ends itself, since what is on disk is
    /// not known any more.
    func fate(of error: StoreError) -> StoreError {
        let end = StoreError(.fatal, error.message, hint: error.hint)
        guard let faults = world.disk.faults else {
            world.failure = error
            return end
        }
        if faults.hasStopped {
            world.killBroker("by a loss of power, in the middle of writing: \(error.message)", .power)
            return end
        }
        guard error.isFatal else { return error }
        world.coverage.count(.syncFailed)
        // The kernel may have dropped what was not synced, or not.
        world.killBroker("by itself: \(error.message)", world.dice.chance(50) ? .power : .process)
        return end
    }

    /// The checkpointing thread's turn.
    func checkpoint() {
        do throws(StoreError) {
            if !isWriting {
                try checkpointer?.run()
                world.coverage.count(.checkpointed)
            }
        } catch {
            if fate(of: error).isFatal { return }
        }
        after(.milliseconds(200)) { $0.checkpoint() }
    }

    /// What nobody should do: tell of a batch that is not on disk. It is decided on a copy of the store.
    func publishUncommitted(_ items: [WriteItem], of tickets: [Ticket]) {
        guard world.mutant == .publishBeforeCommit else { return }
        do {
            let batch = try world.disk.commitOnACopy(items, now: world.wall)
            let results = zip(tickets, batch.results).map { ($0, WriteReport.Result.item($1)) }
            let report = WriteReport(
                results: results, commits: batch.commits, deletedBranches: batch.deletedBranches,
                nextExpiry: nil)
            for output in core.step(.written(report), now: now) { carryOut(output) }
        } catch { world.failure = error }
    }

    /// Reports arrive in their order.
    func report(_ report: WriteReport) {
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

    /// - Parameter isAsked: by somebody; else by the retention.
    func noteFloor(isAsked: Bool) {
        guard writer.floor != floor else { return }
        floor = writer.floor
        world.note(.floor(lineage, floor))
        world.coverage.count(isAsked ? .compacted : .compactedByAge)
    }
}
