import Foundation
import MembusChecker
import MembusModel

@testable import Membus

extension World {
    func make(_ move: Move) throws {
        let agent = dice.pick(agents)
        switch move {
        case .write: write(by: agent)
        case .read: if let view = pickView(agent) { agent.read(view, keys(3), .cached) }
        case .dialled: dialled(agent)
        case .direct: agent.readDirectly(keys(2), on: dice.pick(branches))
        case .follow: follow(agent)
        case .unfollow: if agent.followers.count > 1, let view = pickView(agent) { agent.leave(view) }
        case .fork: fork(by: agent)
        case .restartAgent: restart(agent)
        case .pause: agent.pause(for: dice.milliseconds(dice.pick([10...300, 500...4000])))
        case .compact: compact(by: agent)
        case .kill: planKill()
        case .partition: agent.cutOff(for: dice.milliseconds(dice.pick([10...300, 500...6000])))
        case .cutEvents: agent.cutEvents()
        case .deafen: agent.deafen()
        case .overflow: agent.overflow(for: dice.milliseconds(dice.pick([5...50, 50...1500])))
        case .fullDisk:
            remark("the broker's disk is full for a while")
            diskIsFullUntil = now + dice.milliseconds(10...800)
        case .restore: try planRestore()
        case .slowDown:
            remark("the broker's machine is slow for a while")
            slowUntil = now + dice.milliseconds(50...1500)
        }
    }

    func keys(_ most: Int) -> [Key] {
        var keys: [Key] = []
        for _ in 0..<dice.within(1...most) {
            let key = dice.pick(profile.keys)
            if !keys.contains(key) { keys.append(key) }
        }
        return keys
    }

    private func pickView(_ agent: Agent) -> Follower? {
        agent.followers.isEmpty ? nil : dice.pick(agent.followers)
    }

    // MARK: Writes

    private func write(by agent: Agent) {
        lastOp += 1
        var transaction = Transaction(branch: dice.chance(75) ? .main : dice.pick(branches), message: "op \(lastOp)")
        for key in keys(3) { transaction.changes.append(Change(key, action(on: key))) }
        if dice.chance(15) { transaction.changes.append(Change(Key(unchecked: "n"), .increment(Int64(dice.within(-3...5))))) }
        if dice.chance(10) { transaction.changes.append(Change(Key(unchecked: "t"), .append(Data("+\(lastOp)".utf8)))) }
        if dice.chance(40) { transaction.preconditions = preconditions(agent, transaction.branch) }
        if dice.chance(4), !transaction.preconditions.isEmpty { transaction.changes = [] }
        agent.transact(lastOp, .transaction(transaction))
    }

    private func action(on key: Key) -> Change.Action {
        if dice.chance(12) { return .delete }
        let size = dice.chance(15) ? dice.pick([60, 150, 500]) : 0
        var put = Put(Data("op \(lastOp) \(key)\(String(repeating: ".", count: size))".utf8))
        if dice.chance(10) { put.expiry = .after(dice.milliseconds(20...3000)) }
        return .put(put)
    }

    /// Of what a view shows, or of nothing in particular.
    private func preconditions(_ agent: Agent, _ branch: BranchName) -> [Precondition] {
        keys(2).map { key in
            let view = agent.followers.first { $0.follow.branch == branch && $0.follow.filter.matches(key) }
            guard let view, let hit = try? view.shared.take([key]) else { return .absent(key) }
            view.shared.abandon(hit.missing)
            if dice.chance(25), let topic = view.follow.filter.topics.first(where: { $0.matches(key) }) {
                return .unchanged(topic, since: hit.missing.token.revision)
            }
            return .at(key, hit.found.first?.revision ?? 0)
        }
    }

    private func fork(by agent: Agent) {
        guard branches.count < 4 else { return }
        lastOp += 1
        let name = BranchName(unchecked: "fork-\(branches.count)")
        branches.append(name)
        agent.transact(lastOp, .fork(Fork(name: name, parent: .main, message: "op \(lastOp)")))
    }

    // MARK: Views

    private func follow(_ agent: Agent) {
        guard agent.followers.count < 4 else { return }
        let filter = TopicFilter(dice.pick(Profile.topics).map { Topic(unchecked: $0) })
        let mode: StreamMode = dice.chance(70) ? .update : .invalidate
        let branch = dice.chance(80) ? .main : dice.pick(branches)
        agent.join(Follow(branch: branch, filter: filter, mode: mode), capacity: profile.cacheBytes)
    }

    private func dialled(_ agent: Agent) {
        guard let view = pickView(agent) else { return }
        let consistency: Read.Consistency
        switch dice.below(4) {
        case 0: consistency = .within(dice.milliseconds(dice.pick([0...20, 20...500])))
        case 1 where !tokens.isEmpty: consistency = .atLeast(dice.pick(tokens.suffix(8)))
        default: consistency = .linearizable
        }
        agent.read(view, keys(3), consistency)
    }

    private func restart(_ agent: Agent) {
        if dice.chance(60) { agent.save() }
        agent.restart()
        for file in agent.warm where dice.chance(80) {
            let file = damaged(file)
            let follow = Follow(branch: file.branch, filter: file.filter, mode: .update, start: file.token)
            agent.join(follow, capacity: 1 << 20, warm: file)
        }
        if agent.followers.isEmpty { follow(agent) }
    }

    private func damaged(_ file: WarmFile) -> WarmFile {
        guard plant == .warmFileIncomplete else { return file }
        return WarmFile(branch: file.branch, filter: file.filter, token: file.token, records: file.records.dropLast())
    }

    private func compact(by agent: Agent) {
        guard let broker else { return }
        let below = broker.core.visible.revision - Int64(dice.within(0...10))
        agent.call(.request(.compact(Request.Compact(below: max(0, below)))), timeout: .seconds(20)) { _ in }
    }
}
