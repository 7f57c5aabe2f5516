import CFaultyDisk
import MembusChecker
import MembusModel

@testable import MembusBroker

extension World {
    func startBroker() throws {
        lastBroker += 1
        let started = try BrokerProcess(lastBroker, in: self)
        broker = started
        remark("broker \(lastBroker) starts, instance \(started.core.instance)")
        started.start()
        for agent in agents { agent.brokerStarted() }
    }

    /// What a broker's process dies of.
    enum Death { case process, power }

    func killBroker(_ how: String, _ death: Death = .process) {
        guard broker != nil else { return }
        remark("broker \(lastBroker) is killed \(how)")
        kill = nil
        broker = nil
        losesPower = death == .power
        isDirty = true
        for agent in agents { agent.brokerDied() }
        after(dice.milliseconds(dice.pick([1...50, 100...3000]))) { $0.restartBroker() }
    }

    func restartBroker() {
        guard broker == nil else { return }
        do {
            try recover()
            try startBroker()
        } catch { failure = error }
    }

    /// By now nobody holds on to the dead process's files.
    func recover() throws {
        guard isDirty, disk.faults != nil else { return }
        if !losesPower { coverage.count(.walRecovered) }
        try disk.recover(losingPower: losesPower, seed: dice.next())
        (isDirty, losesPower) = (false, false)
        try settleDoubt()
    }

    /// Takes a while to reach its point; if nothing is written, the broker is killed where it stands.
    func planKill() {
        guard broker != nil, kill == nil else { return }
        kill = dice.pick([
            .beforeCommit, .afterCommit, .publishing(dice.below(8)), .publishing(dice.below(3)), .afterCommit,
        ])
        let number = lastBroker
        after(dice.milliseconds(0...400)) { world in
            guard world.lastBroker == number, world.kill != nil else { return }
            world.coverage.count(.killedIdle)
            world.killBroker("at an idle moment")
        }
    }

    func pauseBroker() {
        guard let broker else { return }
        let time = dice.milliseconds(dice.pick([10...300, 500...4000]))
        remark("broker \(broker.number) is stopped for \(time)")
        coverage.count(.brokerPaused)
        broker.pause(for: time)
    }

    // MARK: The disk

    /// Power goes at one of the next writes or syncs, or at an idle moment.
    func planPowerLoss() {
        guard broker != nil, let faults = disk.faults, !faults.isPlanned else { return }
        faults.plan(FAULTY_DISK_STOPS, after: dice.pick([dice.below(3), dice.below(16)]))
        let number = lastBroker
        after(dice.milliseconds(50...600)) { world in
            guard world.lastBroker == number, world.broker != nil, world.disk.faults?.isPlanned == true else { return }
            world.coverage.count(.powerLostIdle)
            world.killBroker("by a loss of power, at an idle moment", .power)
        }
    }

    func planDiskError() {
        guard let faults = disk.faults, !faults.isPlanned else { return }
        faults.plan(dice.chance(50) ? FAULTY_DISK_SYNC_FAILS : FAULTY_DISK_WRITE_FAILS, after: dice.below(6))
        remark("a sync or a write of the broker's disk will fail")
    }

    func fillDisk() {
        remark("the broker's disk is full for a while")
        coverage.count(.diskFull)
        let time = dice.milliseconds(10...800)
        diskIsFullUntil = now + time
        disk.faults?.setFull(true)
        after(time) { world in if world.diskIsFullUntil <= world.now { world.disk.faults?.setFull(false) } }
    }

    // MARK: Backups

    /// A backup of now, put in the store's place after a while.
    /// - Parameter untold: as a file; the history goes on under its name. Else properly.
    func planRestore(untold: Bool) throws {
        guard let broker, !isCalm else { return }
        let copy = try disk.backup()
        remark("a backup of broker \(broker.number) at \(copy.head.revision)")
        after(dice.milliseconds(0...1000)) { world in
            for agent in world.agents where world.dice.chance(40) { agent.save() }
        }
        after(dice.milliseconds(10...2000)) { world in
            do { try world.restore(copy, untold: untold) } catch { world.failure = error }
        }
    }

    private func restore(_ copy: Disk.Copy, untold: Bool) throws {
        if isCalm || untold && copy.lineage != disk.truth.lineage { return }
        killBroker("to restore a backup")
        // After the turn that is under way, so that nobody holds on to the old files.
        after(.microseconds(10)) { world in
            do { try world.replaceStore(by: copy, untold: untold) } catch { world.failure = error }
        }
    }

    private func replaceStore(by copy: Disk.Copy, untold: Bool) throws {
        guard broker == nil else { return }
        try recover()
        try disk.harvest()
        guard disk.truth.holds(copy.head), !untold || copy.lineage == disk.truth.lineage else { return }
        if untold {
            history.earlier[disk.truth.lineage, default: []].append(disk.truth)
            coverage.count(.copiedBack)
            try disk.copyBack(copy)
            note(.copiedBack(disk.truth.lineage, copy.head))
        } else {
            history.truths[disk.truth.lineage] = disk.truth
            guard try disk.restore(copy, lineage: dice.next() | 1) else {
                coverage.count(.restoreFailed)
                return remark("the disk fails the restore of a backup")
            }
            coverage.count(.restored)
            remark("the backup at \(copy.head.revision) is restored as lineage \(disk.store.lineage)")
        }
        searching.isReplaced = true
        try followAnew()
        // Who starts now may do so from a file of what was replaced.
        guard !agents.isEmpty, dice.chance(40) else { return }
        let agent = dice.pick(agents)
        after(dice.milliseconds(0...1500)) { if !$0.isCalm { $0.restart(agent) } }
    }

    // MARK: Clocks

    /// The broker machine's wall clock is set.
    func jumpClock() {
        let size = dice.milliseconds(dice.pick([1...50, 100...3000, 10_000...600_000]))
        let isForward = dice.chance(50)
        coverage.count(isForward ? .clockForward : .clockBack)
        remark("the broker's wall clock jumps \(isForward ? "forward" : "back") by \(size)")
        wallOffset += isForward ? size : .zero - size
    }

    // MARK: Slowness

    func pace(_ range: ClosedRange<Int>) -> ClosedRange<Int> {
        if isCalm { return 0...1 }
        return slowUntil > now ? range.lowerBound...(range.upperBound * 4 + 50) : range
    }

    var writingPace: ClosedRange<Int> {
        let range = pace(profile.writing)
        return slowDiskUntil > now ? range.upperBound...(range.upperBound * 4 + 400) : range
    }
}
