import DequeModule
import MembusModel
import MembusStore

// What is planned (a merge, a rollback, a revert, a pick, a quarantine) goes to a reader first:
//
//   received ──▶ planned by a reader ──▶ handed to the commit thread, with the plan
//                      └─ there is none: handed to it all the same, which plans by itself
//
// What its session asks for meanwhile waits behind it, repeats included: a session's numbers are decided in their order, and
// a number that came before its turn would be refused. All of these count as waiting writes.

extension BrokerCore {
    /// A session whose next number is being planned.
    struct Planning: Sendable {
        struct Transaction: Sendable {
            let transact: Transact
            let fingerprint: UInt64
            let asked: Asked<Peer>
            let received: Instant
        }
        var first: Transaction
        var behind: Deque<Transaction> = []
    }

    mutating func write(
        _ transaction: Planning.Transaction, now: Instant, into outputs: inout [BrokerOutput<Peer>]
    ) {
        let session = transaction.transact.session
        if planning[session] != nil {
            hold(transaction)
            planning[session]?.behind.append(transaction)
        } else if transaction.isPlanned {
            hold(transaction)
            plan(Planning(first: transaction), now: now, into: &outputs)
        } else {
            commit(transaction, nil, now: now, into: &outputs)
        }
    }

    /// The plan is there, or there will be none.
    mutating func planned(
        _ result: Result<LookUpResult, Refusal>, for session: SessionID, now: Instant,
        into outputs: inout [BrokerOutput<Peer>]
    ) {
        guard var planning = planning.removeValue(forKey: session) else { return }
        var prepared: PreparedWork?
        if case .success(.prepared(let found)) = result { prepared = found }
        letGo(planning.first)
        commit(planning.first, prepared, now: now, into: &outputs)
        while let next = planning.behind.popFirst() {
            if next.isPlanned {
                planning.first = next
                return plan(planning, now: now, into: &outputs)
            }
            letGo(next)
            commit(next, nil, now: now, into: &outputs)
        }
    }

    private mutating func plan(_ planning: Planning, now: Instant, into outputs: inout [BrokerOutput<Peer>]) {
        let transaction = planning.first
        guard case .success(let work) = transaction.transact.work else { return }
        self.planning[transaction.transact.session] = planning
        admit(
            PlanAhead(work: work, now: clock.time(at: now)), purpose: .planning(transaction.transact.session),
            for: transaction.asked(now: now), now: now, into: &outputs)
    }

    private mutating func commit(
        _ transaction: Planning.Transaction, _ prepared: PreparedWork?, now: Instant,
        into outputs: inout [BrokerOutput<Peer>]
    ) {
        let asked = transaction.asked(now: now)
        admit(
            .item(.transact(transaction.transact, fingerprint: transaction.fingerprint, prepared: prepared)),
            purpose: .write(bytes: asked.bytes), for: asked, now: now, into: &outputs)
    }

    private mutating func hold(_ transaction: Planning.Transaction) {
        writesWaiting += 1
        writeBytesWaiting += transaction.asked.bytes
    }

    private mutating func letGo(_ transaction: Planning.Transaction) {
        writesWaiting -= 1
        writeBytesWaiting -= transaction.asked.bytes
    }
}

extension BrokerCore.Planning.Transaction {
    var isPlanned: Bool {
        guard case .success(let work) = transact.work else { return false }
        return switch work {
        case .merge, .rollback, .revert, .pick, .quarantine: true
        case .transaction, .fork, .branch, .tag: false
        }
    }

    /// Its deadline counts from when it came.
    func asked(now: Instant) -> Asked<Peer> {
        var asked = asked
        asked.deadline = asked.deadline.map { max(.zero, $0 - (now - received)) }
        return asked
    }
}
