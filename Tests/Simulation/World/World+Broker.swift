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

    func killBroker(_ how: String) {
        guard broker != nil else { return }
        remark("broker \(lastBroker) is killed \(how)")
        kill = nil
        broker = nil
        for agent in agents { agent.brokerDied() }
        after(dice.milliseconds(dice.pick([1...50, 100...3000]))) { $0.restartBroker() }
    }

    func restartBroker() {
        guard broker == nil else { return }
        do { try startBroker() } catch { failure = error }
    }

    /// Takes a while to reach its point; if nothing is written, the broker is killed where it stands.
    func planKill() {
        guard broker != nil, kill == nil else { return }
        kill = dice.pick([.beforeCommit, .afterCommit, .publishing(dice.below(8)), .publishing(dice.below(3)), .afterCommit])
        let number = lastBroker
        after(dice.milliseconds(0...400)) { world in
            if world.lastBroker == number, world.kill != nil { world.killBroker("at an idle moment") }
        }
    }

    /// A backup of now, restored after a while.
    func planRestore() throws {
        guard let broker, !isCalm else { return }
        let copy = try disk.backup()
        remark("a backup of broker \(broker.number) at \(copy.head.revision)")
        after(dice.milliseconds(10...2000)) { world in
            do { try world.restore(copy) } catch { world.failure = error }
        }
    }

    private func restore(_ copy: (file: String, head: Position)) throws {
        if isCalm { return }
        killBroker("to restore a backup")
        try disk.harvest()
        guard disk.truth.holds(copy.head) else { return }
        history.truths[disk.truth.lineage] = disk.truth
        try disk.restore(copy, lineage: dice.next() | 1)
        remark("the backup at \(copy.head.revision) is restored as lineage \(disk.store.lineage)")
    }

    // MARK: Slowness

    func pace(_ range: ClosedRange<Int>) -> ClosedRange<Int> {
        if isCalm { return 0...1 }
        return slowUntil > now ? range.lowerBound...(range.upperBound * 4 + 50) : range
    }
}
