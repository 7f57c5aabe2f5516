import MembusModel

@testable import MembusBroker
@testable import MembusStore

// Mutants between the broker's core and its store: what its threads hand over.

extension World {
    /// At the disk's door.
    func altered(_ item: WriteItem, isFirst: Bool, of broker: BrokerProcess) throws -> WriteItem {
        guard case .transact(var request, let fingerprint, var prepared) = item else { return item }
        if mutant == .planUnchecked, let found = prepared?.found {
            prepared = PreparedWork(
                found, head: broker.writer.head.revision, floor: broker.writer.floor, walk: ImpactWalk(), end: nil)
        }
        let known = mutants.decided[MutantState.Number(session: request.session, number: request.number)]
        switch (mutant, known) {
        case (.retryExecutedTwice, .some), (.conflictsNotStored, .some(.conflict)):
            let ghost = SessionID(dice.next() >> 1)
            _ = try broker.writeDurably([.openSession(ghost, agent: "ghost")], at: wall)
            (request.session, request.number, request.acknowledged) = (ghost, 1, 0)
        case (.resultsNeverDropped, _): request.acknowledged = 0
        case (.preconditionBeforeBatch, nil) where !isFirst:
            guard case .success(.transaction(var transaction)) = request.work else { return item }
            transaction.preconditions.removeAll { holds($0, on: transaction.branch, broker) }
            request.work = .success(.transaction(transaction))
        default:
            if let work = try? request.work.get(), let altered = altered(work, of: broker) {
                (request.work, prepared) = (.success(altered), nil)
            }
        }
        return .transact(request, fingerprint: fingerprint, prepared: prepared)
    }

    private func altered(_ work: Work, of broker: BrokerProcess) -> Work? {
        let head = broker.writer.head.revision
        switch (mutant, work) {
        case (.vectorsNotStored, .transaction(var transaction)):
            for (place, change) in transaction.changes.enumerated() {
                guard case .put(var put) = change.action else { continue }
                put.vectors = .none
                transaction.changes[place] = Change(change.key, .put(put))
            }
            return .transaction(transaction)
        case (.mergeOfOlder, .merge(var merge)):
            merge.at = max(0, (merge.at ?? head) - 3)
            return .merge(merge)
        case (.rollbackToLater, .rollback(var rollback)):
            rollback.to = min(head, rollback.to + 1)
            return .rollback(rollback)
        case (.revertOfAnother, .revert(var revert)):
            revert.revisions = revert.revisions.map { max(1, $0 - 1) }
            return .revert(revert)
        case (.pickOfAnother, .pick(var pick)):
            pick.revisions = pick.revisions.map { min(head, $0 + 1) }
            return .pick(pick)
        case (.quarantineOfAnother, .quarantine(var quarantine)):
            quarantine.revisions = quarantine.revisions.map { max(1, $0 - 1) }
            return .quarantine(quarantine)
        case (.cascadeOfAnother, .revert(var revert)) where revert.cascade != nil:
            revert.revisions = revert.revisions.map { max(1, $0 - 1) }
            return .revert(revert)
        case (.deletedNameReused, .fork(var fork)):
            let branches = (try? broker.reader.branches(visible: .max)) ?? []
            guard branches.contains(where: { $0.name == fork.name && $0.deleted != nil }) else { return nil }
            fork.name = BranchName(unchecked: "\(fork.name)-\(broker.writer.head.revision)")
            return .fork(fork)
        case (.expiryOnClosed, .branch(var change)) where change.action == .close:
            change.action = .protect
            return .branch(change)
        case (.frozenExpires, .fork(var fork)):
            fork.expires = true
            return .fork(fork)
        // The head is kept in any case.
        case (.tagDoesNotPin, .tag(var change)):
            guard case .create(let branch, _) = change.action else { return nil }
            change.action = .create(branch: branch, at: nil)
            return .tag(change)
        case (_, _): return nil
        }
    }

    /// What time it is.
    func altered(_ time: Timestamp, of items: [WriteItem]) -> Timestamp {
        let isSweeping = items.contains { if case .expire = $0 { true } else { false } }
        return mutant == .namedExpiryLeftOut && !isSweeping ? Timestamp(milliseconds: 0) : time
    }

    private func holds(_ precondition: Precondition, on branch: BranchName, _ broker: BrokerProcess) -> Bool {
        func revision(_ key: Key) -> Revision? {
            guard let record = try? broker.reader.get([key], on: branch, visible: .max).records.first else {
                return nil
            }
            return record.isDeleted ? 0 : record.revision
        }
        return switch precondition {
        case .at(let key, let seen): revision(key) == seen
        case .absent(let key): revision(key) == 0
        case .unchanged, .sound: false
        }
    }

    /// Behind COMMIT.
    func altered(_ results: [WriteResult], of items: [WriteItem]) -> [WriteResult] {
        guard mutant == .lastResultOnly || mutant == .retryExecutedTwice || mutant == .conflictsNotStored else {
            return results
        }
        return zip(items, results).map { item, result in
            guard case .transact(let request, _, _) = item, case .outcome(let outcome) = result else { return result }
            let number = MutantState.Number(session: request.session, number: request.number)
            if mutants.decided[number] != nil, mutant == .lastResultOnly,
                let last = mutants.lastOutcome[request.session]
            {
                return .outcome(last)
            }
            mutants.decided[number] = outcome
            mutants.lastOutcome[request.session] = outcome
            return result
        }
    }

    func committed(
        _ commits: [Commit], _ results: [(ticket: UInt64, result: WriteReport.Result)], of broker: BrokerProcess
    ) {
        for commit in commits {
            if commit.info.agent == CommitInfo.broker { broker.mutated.expiries.insert(commit.info.revision) }
            broker.mutated.matched[commit.info.revision] = broker.mutated.streams
        }
        guard mutant == .replyBeforePublish else { return }
        for (ticket, result) in results {
            guard case .item(.outcome(let outcome)) = result, let waiting = broker.core.waiting[ticket],
                let peer = waiting.peer
            else { continue }
            let reply = Reply(
                id: waiting.id, lineage: broker.lineage, instance: broker.core.instance, visible: broker.core.visible,
                body: .outcome(outcome))
            broker.tellEarly(reply, to: peer)
        }
    }
}
