import MembusChecker
import MembusModel

@testable import Membus

/// A tag that its maker was told of.
struct KnownTag {
    var name: TagName
    var branch: BranchName
    var revision: Revision
    /// Of the commit that made it.
    var token: Token
}

extension World {
    /// Branches that come and go: made, also under a name that was used before; written to; closed, protected, deleted. And
    /// states that are tagged, and read by their tags after whatever was compacted.
    func liveBranches(by agent: Agent) {
        lastOp += 1
        let message = "op \(lastOp)"
        let head = broker?.core.visible.revision ?? 0
        switch dice.below(14) {
        case 0...2: forkBriefly(agent, message, head)
        case 3...5:
            guard !briefs.isEmpty else { return }
            var transaction = Transaction(branch: dice.pick(briefs), message: message)
            for key in keys(2) {
                var action = action(on: key)
                if case .put(var put) = action, dice.chance(50) {
                    put.expiry = .after(dice.milliseconds(20...1500))
                    action = .put(put)
                }
                transaction.changes.append(Change(key, action))
            }
            agent.transact(lastOp, .transaction(transaction))
        case 6:
            guard !briefs.isEmpty else { return }
            agent.transact(lastOp, .merge(Merge(dice.pick(briefs), into: .main, message: message)))
        case 7...9:
            guard !briefs.isEmpty else { return }
            coverage.count(.branchChanged)
            let actions: [BranchChange.Action] = [.close, .close, .reopen, .protect, .unprotect, .delete]
            let change = BranchChange(dice.pick(briefs), dice.pick(actions), message: message)
            agent.transact(lastOp, .branch(change))
        case 10, 11: tag(agent, message, head)
        default: readTag(agent)
        }
    }

    private func forkBriefly(_ agent: Agent, _ message: String, _ head: Revision) {
        let isNew = briefs.isEmpty || (briefs.count < 6 && dice.chance(60))
        let name = isNew ? BranchName(unchecked: "brief-\(briefs.count)") : dice.pick(briefs)
        if isNew { briefs.append(name) } else { coverage.count(.nameAgain) }
        var fork = Fork(name: name, parent: dice.pick(branches), message: message)
        if dice.chance(60) { fork.at = max(0, head - Int64(dice.below(8))) }
        fork.expires = dice.chance(20)
        agent.transact(lastOp, .fork(fork))
    }

    private func tag(_ agent: Agent, _ message: String, _ head: Revision) {
        let op = lastOp
        let branch = dice.pick(branches + briefs)
        let revision = max(0, head - Int64(dice.below(6)))
        let name = TagName(unchecked: "tag-\(op)")
        let work = Work.tag(TagChange(name, .create(branch: branch, at: revision), message: message))
        note(.invoked(op, agent: agent.index, work))
        agent.call(.transact(work), timeout: .seconds(10)) { [unowned self, unowned agent] result in
            agent.finished(op, result)
            guard case .success(.decided(let outcome, let lineage)) = result, let position = outcome.commit else {
                return
            }
            coverage.count(.tagged)
            let token = Token(lineage: lineage, position: position)
            tags.append(KnownTag(name: name, branch: branch, revision: revision, token: token))
        }
    }

    /// What a tag names is there for as long as it is, whatever was compacted.
    private func readTag(_ agent: Agent) {
        guard !tags.isEmpty else { return }
        let tag = dice.pick(tags)
        coverage.count(.tagRead)
        agent.readTag(tag, against: .main) { [unowned self] error in
            // Of a history that is gone, nobody knows.
            guard case MembusError.refused(let refusal) = error, disk.truth.lineage == tag.token.lineage,
                disk.truth.holds(tag.token.position),
                [.unknownTag, .belowFloor].contains(refusal.code)
            else { return }
            note(
                .broken(
                    .oneState, "the tag \(tag.name) of \(tag.branch)@\(tag.revision) is not kept: \(refusal.message)"))
        }
    }
}

extension Agent {
    func readTag(
        _ tag: KnownTag, against branch: BranchName, _ failed: @escaping (any Error) -> Void
    ) {
        let asked = GetDiff(
            from: BranchState(.main, .tag(tag.name)), to: BranchState(branch), filter: .everything, limit: 3)
        var found: [Difference] = []
        let driving = Driving(Paging(DifferencePages(asked: asked)), by: self, .each(.seconds(5))) {
            [unowned self] driving, result in
            let page: ReadPage<Difference>
            switch result {
            case .success(let read): page = read
            case .failure(let error): return failed(error)
            }
            guard let states = driving.driven.list.states else { return }
            if page.isBegunAnew { found = [] }
            found += page.elements
            guard page.isLast else { return driving.take(.passed) }
            let from = driving.driven.list.asked.from.branch
            if states.from.lineage == tag.token.lineage, from != tag.branch || states.from.revision != tag.revision {
                world.note(
                    .broken(
                        .oneState,
                        "the tag \(tag.name) of \(tag.branch)@\(tag.revision) names \(from)@\(states.from.revision)"))
            }
            if let broker = world.broker, states.from.revision < broker.floor {
                world.coverage.count(.tagReadBelowFloor)
            }
            world.note(
                .differed(Diffed(agent: index, from: from, states.from, to: branch, states.to, .everything, found)))
        }
        driving.begin()
    }
}
