import DequeModule
import MembusModel
import MembusStore

// What is planned (a merge, a rollback, a revert, a pick, a quarantine) goes to a reader first:
//
//   received ──▶ planned by a reader ──▶ handed to the commit thread, with the plan
//                      └─ there is none: handed to it all the same, which plans by itself
//
// All that its session asks the commit thread for meanwhile waits behind it, in its order: numbers are decided in theirs, what
// was read after a transaction is put on record after it, and a session is closed when all is done. A repeat takes the place of
// what it repeats. All of these count as waiting writes.

extension BrokerCore {
    /// A session whose next number is being planned.
    struct Planning: Sendable {
        struct Held: Sendable {
            enum Wish: Sendable {
                case transact(Transact, fingerprint: UInt64)
                case other(WriteJob, Waiting.Purpose)
            }
            let wish: Wish
            let asked: Asked<Peer>
            let received: Instant
        }
        var first: Held
        var behind: Deque<Held> = []
        /// Numbers up to this one were handed on.
        var last: UInt64 = 0
    }

    mutating func write(
        _ held: Planning.Held, of session: SessionID, now: Instant, into outputs: inout [BrokerOutput<Peer>]
    ) {
        if !planning.isEmpty, planning[session] != nil {
            hold(held, behind: session)
        } else if held.isPlanned {
            count(held, by: 1)
            plan(Planning(first: held), of: session, now: now, into: &outputs)
        } else {
            commit(held, nil, now: now, into: &outputs)
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
        count(planning.first, by: -1)
        commit(planning.first, prepared, now: now, into: &outputs)
        planning.last = max(planning.last, planning.first.number ?? 0)
        while let next = planning.behind.popFirst() {
            if next.isPlanned, let number = next.number, number > planning.last {
                planning.first = next
                return plan(planning, of: session, now: now, into: &outputs)
            }
            count(next, by: -1)
            commit(next, nil, now: now, into: &outputs)
            planning.last = max(planning.last, next.number ?? 0)
        }
    }

    private mutating func plan(
        _ planning: Planning, of session: SessionID, now: Instant, into outputs: inout [BrokerOutput<Peer>]
    ) {
        guard case .transact(let transact, _) = planning.first.wish else { return }
        self.planning[session] = planning
        admit(
            PlanAhead(transact: transact, now: clock.time(at: now)), purpose: .planning(session),
            for: planning.first.asked(now: now), now: now, into: &outputs)
    }

    private mutating func commit(
        _ held: Planning.Held, _ prepared: PreparedWork?, now: Instant, into outputs: inout [BrokerOutput<Peer>]
    ) {
        let asked = held.asked(now: now)
        switch held.wish {
        case .transact(let transact, let fingerprint):
            admit(
                .item(.transact(transact, fingerprint: fingerprint, prepared: prepared)),
                purpose: .write(bytes: asked.bytes), for: asked, now: now, into: &outputs)
        case .other(let job, let purpose): admit(job, purpose: purpose, for: asked, now: now, into: &outputs)
        }
    }

    private mutating func hold(_ held: Planning.Held, behind session: SessionID) {
        count(held, by: 1)
        if let first = planning[session]?.first, held.repeats(first) {
            count(first, by: -1)
            planning[session]?.first = held
        } else if let place = planning[session]?.behind.firstIndex(where: { held.repeats($0) }) {
            if let other = planning[session]?.behind[place] { count(other, by: -1) }
            planning[session]?.behind[place] = held
        } else {
            planning[session]?.behind.append(held)
        }
    }

    private mutating func count(_ held: Planning.Held, by sign: Int) {
        writesWaiting += sign
        writeBytesWaiting += sign * held.asked.bytes
    }
}

extension BrokerCore.Planning.Held {
    var number: UInt64? { if case .transact(let transact, _) = wish { transact.number } else { nil } }

    var isPlanned: Bool {
        guard case .transact(let transact, _) = wish, case .success(let work) = transact.work else { return false }
        return switch work {
        case .merge, .rollback, .revert, .pick, .quarantine: true
        case .transaction, .fork, .branch, .tag: false
        }
    }

    /// Whether it is the same, sent again.
    func repeats(_ other: Self) -> Bool {
        switch (wish, other.wish) {
        case (.transact(let mine, let name), .transact(let theirs, let othersName)):
            mine.number == theirs.number && name == othersName
        case (.other, .other): asked.peer == other.asked.peer && asked.id == other.asked.id
        case (_, _): false
        }
    }

    /// Its deadline counts from when it came.
    func asked(now: Instant) -> Asked<Peer> {
        var asked = asked
        asked.deadline = asked.deadline.map { max(.zero, $0 - (now - received)) }
        return asked
    }
}
