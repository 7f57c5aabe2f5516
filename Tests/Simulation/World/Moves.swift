import Foundation
import MembusChecker
import MembusModel

@testable import Membus

extension World {
    func make(_ move: Move) throws {
        let number = dice.below(profile.agents)
        guard number < agents.count || !move.isAnAgents else { return }
        let agent = agents[min(number, agents.count - 1)]
        switch move {
        case .write: write(by: agent)
        case .read: if let view = pickView(agent) { read(view, by: agent) }
        case .dialled: dialled(agent)
        case .direct: readDirectly(by: agent)
        case .watch: watch(by: agent)
        case .follow: follow(agent)
        case .unfollow: if agent.followers.count > 1, let view = pickView(agent) { agent.leave(view) }
        case .fork: fork(by: agent)
        case .merge: mergeOrUndo(by: agent)
        case .life: liveBranches(by: agent)
        case .compact: compact(by: agent)
        case .restartAgent: restart(agent)
        case .pause: agent.pause(for: dice.milliseconds(dice.pick([10...300, 500...4000])))
        default: try disturb(move, agent)
        }
    }

    private func disturb(_ move: Move, _ agent: Agent) throws {
        switch move {
        case .kill: planKill()
        case .pauseBroker: pauseBroker()
        case .powerLoss: planPowerLoss()
        case .diskError: planDiskError()
        case .fullDisk: fillDisk()
        case .restore: try planRestore(untold: false)
        case .copyBack: try planRestore(untold: true)
        case .jumpClock: jumpClock()
        case .partition: agent.cutOff(for: dice.milliseconds(dice.pick([10...300, 500...6000])))
        case .cutEvents: agent.cutEvents()
        case .cutRequests: agent.cutRequests()
        case .deafen: agent.deafen()
        case .halfOpen: agent.halfOpen(upwards: dice.chance(50))
        case .overflow: agent.overflow(for: dice.milliseconds(dice.pick([5...50, 50...1500])))
        case .slowDown:
            remark("the broker's machine is slow for a while")
            coverage.count(.slowMachine)
            slowUntil = now + dice.milliseconds(50...1500)
        case .slowDisk:
            remark("the broker's disk is slow for a while")
            coverage.count(.diskSlow)
            slowDiskUntil = now + dice.milliseconds(50...3000)
        case .write, .read, .dialled, .direct, .follow, .unfollow, .fork, .merge, .life, .compact, .restartAgent,
            .pause,
            .watch:
            break
        }
    }

    /// Beside those of the profile: only merged, or deleted.
    static let specialKeys = ["n", "t", "j"].map { Key(unchecked: $0) }

    func keys(_ most: Int) -> [Key] {
        var keys: [Key] = []
        for _ in 0..<dice.within(1...most) {
            let key = dice.pick(profile.keys)
            if !keys.contains(key) { keys.append(key) }
        }
        return keys
    }

    /// What is read and asked for in preconditions: the keys that are only merged, too.
    private func anyKeys(_ most: Int) -> [Key] {
        var keys = keys(most)
        if dice.chance(25) {
            keys[dice.below(keys.count)] = dice.pick(Self.specialKeys)
            coverage.count(.readMerged)
        }
        return keys
    }

    private func readDirectly(by agent: Agent) {
        let branch = dice.pick(branches)
        guard dice.chance(30) else { return agent.readDirectly(anyKeys(2), on: branch) }
        let filter = TopicFilter(dice.pick(Profile.topics).map { Topic(unchecked: $0) })
        let pageSize = dice.pick([1, 2, 3, 1000])
        guard dice.chance(40) else { return agent.readRange(filter, on: branch, pageSize: pageSize) }
        agent.readDiff(
            BranchState(branch, at: pastRevision()), BranchState(dice.pick(branches), at: pastRevision()), filter,
            pageSize: pageSize)
    }

    /// Mostly none.
    private func pastRevision() -> Revision? {
        guard dice.chance(30), let newest = tokens.last else { return nil }
        return Revision(dice.below(Int(newest.revision) + 1))
    }

    private func pickView(_ agent: Agent) -> Follower? {
        agent.followers.isEmpty ? nil : dice.pick(agent.followers)
    }

    // MARK: Writes

    func write(by agent: Agent) {
        if profile.readingWriters > 0, dice.chance(profile.readingWriters) {
            return readThenWrite(by: agent, keys(2), on: dice.chance(75) ? .main : dice.pick(branches))
        }
        lastOp += 1
        var transaction = Transaction(branch: dice.chance(75) ? .main : dice.pick(branches), message: "op \(lastOp)")
        for key in keys(3) { transaction.changes.append(Change(key, action(on: key))) }
        for (place, key) in Self.specialKeys.enumerated() where dice.chance(12) {
            transaction.changes.append(Change(key, merge(place)))
        }
        setSearch(in: &transaction)
        if dice.chance(40) { transaction.preconditions = preconditions(agent, transaction.branch) }
        if dice.chance(4), !transaction.preconditions.isEmpty { transaction.changes = [] }
        agent.transact(lastOp, .transaction(transaction))
    }

    /// Changes that conflict with nothing.
    private func merge(_ place: Int) -> Change.Action {
        if dice.chance(8) { return .delete }
        switch place {
        case 0:
            coverage.count(.incremented)
            return .increment(Int64(dice.within(-3...5)))
        case 1:
            coverage.count(.appended)
            // Some are long enough for what follows to be stored as what it appends.
            return .append(Data(String(repeating: "+\(lastOp)", count: lastOp % 3 == 0 ? 40 : 1).utf8))
        default:
            coverage.count(.patched)
            let (name, inner) = (dice.pick(["x", "y", "z"]), dice.pick(["p", "q"]))
            let value = dice.pick([
                "null", "\(lastOp)", "\"op \(lastOp)\"", "{\"\(inner)\":\(lastOp)}", "{\"\(inner)\":null}",
                "[1,\(lastOp)]",
            ])
            return .mergePatch(Data("{\"\(name)\":\(value)}".utf8))
        }
    }

    func action(on key: Key) -> Change.Action {
        if dice.chance(profile.deletions) { return .delete }
        let size = dice.chance(15) ? dice.pick([60, 150, 500]) : 0
        var put = Put(Data("op \(lastOp) \(key)\(String(repeating: ".", count: size))".utf8))
        if dice.chance(10) { put.expiry = .after(dice.milliseconds(20...3000)) }
        put.vectors = vectors(for: key)
        return .put(put)
    }

    /// Of what a view shows, or of nothing in particular.
    private func preconditions(_ agent: Agent, _ branch: BranchName) -> [Precondition] {
        anyKeys(2).map { key in
            // Of a past that may be gone, or of a whole topic.
            if dice.chance(10) {
                let topic = Topic(unchecked: dice.pick(dice.pick(Profile.topics)))
                let head = broker?.core.visible.revision ?? 0
                return .unchanged(topic, since: max(0, head - Int64(dice.below(6))))
            }
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
        guard branches.count < 5 else { return }
        lastOp += 1
        let name = BranchName(unchecked: "fork-\(branches.count)")
        let parent = dice.chance(70) ? .main : dice.pick(branches)
        branches.append(name)
        var fork = Fork(name: name, parent: parent, message: "op \(lastOp)")
        if dice.chance(60), let head = broker?.core.visible.revision {
            fork.at = max(0, head - Int64(dice.below(8)))
            coverage.count(.forkedMidway)
        }
        agent.transact(lastOp, .fork(fork))
    }

    /// Branches are brought together, set back, or rid of commits.
    private func mergeOrUndo(by agent: Agent) {
        lastOp += 1
        let message = "op \(lastOp)"
        let branch = dice.pick(branches)
        let head = broker?.core.visible.revision ?? 0
        switch dice.below(13) {
        case 0:
            // From now on nobody has to decide.
            let policy = Put(Data(#"{"topic": "/", "policy": "newest"}"#.utf8), kind: .json)
            let change = Change(Key(unchecked: ".membus/policies/all"), .put(policy))
            agent.transact(lastOp, .transaction(Transaction(branch: branch, message: message, changes: [change])))
        case 1...5:
            let source = dice.pick(branches)
            guard source != branch else { return }
            var merge = Merge(source, into: branch, message: message)
            if dice.chance(30) { merge.at = max(0, head - Int64(dice.below(8))) }
            merge.parks = dice.chance(40)
            agent.transact(lastOp, .merge(merge))
        case 6, 7:
            let filter = TopicFilter(dice.pick(Profile.topics).map { Topic(unchecked: $0) })
            let to = max(0, head - Int64(dice.below(10)))
            agent.transact(lastOp, .rollback(Rollback(branch, to: to, filter: filter, message: message)))
        case 8, 9:
            let revisions = (0..<dice.within(1...2)).map { _ in max(1, head - Int64(dice.below(12))) }
            agent.transact(lastOp, .revert(Revert(branch, revisions: revisions, message: message)))
        case 10:
            let cascade = Cascade(ownOnly: dice.chance(30))
            let revisions = [max(1, head - Int64(dice.below(12)))]
            coverage.count(.cascaded)
            agent.transact(lastOp, .revert(Revert(branch, revisions: revisions, cascade: cascade, message: message)))
        case 11:
            let revisions = Set((0..<dice.within(1...2)).map { _ in max(1, head - Int64(dice.below(12))) }).sorted()
            coverage.count(.picked)
            agent.transact(
                lastOp,
                .pick(Pick(revisions, onto: branch, sameReads: dice.chance(30), message: message)))
        default:
            let cascade = dice.chance(50) ? Cascade() : nil
            coverage.count(.quarantined)
            agent.transact(
                lastOp,
                .quarantine(
                    Quarantine(
                        branch, revisions: [max(1, head - Int64(dice.below(12)))], cascade: cascade, reason: "doubt",
                        message: message)))
        }
    }

    // MARK: Views

    func follow(_ agent: Agent) {
        guard agent.followers.count < 4 else { return }
        let filter = TopicFilter(dice.pick(Profile.topics).map { Topic(unchecked: $0) })
        let mode: StreamMode = dice.chance(60) ? .update : .invalidate
        let branch = dice.chance(80) ? .main : dice.pick(branches)
        agent.join(
            Follow(branch: branch, filter: filter, mode: mode), capacity: profile.cacheBytes, whenStale: policy())
    }

    private func policy() -> WhenStale {
        dice.chance(profile.strictViews) ? dice.pick([.wait, .fail]) : .serve
    }

    private func read(_ view: Follower, by agent: Agent) {
        switch dice.below(10) {
        case 0, 1: agent.readAtOnce(view, anyKeys(1)[0], byHandle: dice.chance(50))
        case 2: agent.readWhole(view)
        default: agent.read(view, anyKeys(3), .cached)
        }
    }

    private func dialled(_ agent: Agent) {
        guard let view = pickView(agent) else { return }
        let consistency: Read.Consistency
        switch dice.below(4) {
        case 0: consistency = .within(dice.milliseconds(dice.pick([0...20, 20...500])))
        case 1: consistency = handedToken(to: agent).map { .atLeast($0) } ?? .linearizable
        default: consistency = .linearizable
        }
        agent.read(view, anyKeys(3), consistency)
    }

    /// Of a commit, or of what another agent's view shows.
    private func handedToken(to agent: Agent) -> Token? {
        if dice.chance(40) {
            let giver = dice.pick(agents)
            guard giver !== agent, let view = pickView(giver), let token = giver.token(of: view) else { return nil }
            coverage.count(.readHandedToken)
            return token
        }
        return tokens.isEmpty ? nil : dice.pick(tokens.suffix(8))
    }

    // MARK: Warm starts

    func restart(_ agent: Agent) {
        for each in agents where dice.chance(each === agent ? 60 : 20) { each.save() }
        agent.restart()
        let giver = dice.chance(75) ? agent : dice.pick(agents)
        for file in giver.warm where dice.chance(80) {
            guard let file = travelled(altered(file)) else { continue }
            coverage.count(giver === agent ? .warmStart : .warmOtherAgent)
            if file.token.lineage != disk.truth.lineage || !disk.truth.mayHold(file.token.position) {
                coverage.count(.warmOverReplaced)
            }
            let follow = Follow(branch: file.branch, filter: file.filter, mode: .update, start: file.token)
            agent.join(follow, capacity: 1 << 20, whenStale: policy(), warm: file)
        }
        if agent.followers.isEmpty { follow(agent) }
    }

    /// Now and then as a real file, which may get damaged on its way: then nothing of it may be taken.
    private func travelled(_ file: WarmFile) -> WarmFile? {
        guard dice.chance(20) else { return file }
        do {
            let bytes = try disk.written(file)
            let decoded = try WarmFile(decoding: bytes)
            if decoded.token != file.token || decoded.records != file.records {
                note(.broken(.warmFiles, "a warm file of \(file.token) is read as another state"))
            }
            var torn = bytes
            if dice.chance(50) {
                torn = torn.prefix(dice.below(torn.count))
            } else {
                torn[dice.below(torn.count)] ^= UInt8(1 << dice.below(8))
            }
            if (try? WarmFile(decoding: torn)) != nil {
                note(.broken(.warmFiles, "a damaged warm file of \(file.token) is taken"))
            }
            coverage.count(.warmDamaged)
            return decoded
        } catch {
            note(.broken(.warmFiles, "a warm file of \(file.token) is not read: \(error)"))
            return nil
        }
    }

    private func compact(by agent: Agent) {
        guard let broker else { return }
        let below = broker.core.visible.revision - Int64(dice.within(0...10))
        agent.call(.request(.compact(Compact(below: max(0, below)))), timeout: .seconds(20)) { _ in }
    }
}
