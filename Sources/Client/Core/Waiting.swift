// How a read gets as fresh as it asked for:
//
//   at least T     tell the view of T, wait until its cut is there. If T is of another history than the view,
//                  one of the two is outdated, and only the broker can tell which: ask it (a ping), then wait
//                  for the view to be reset to T's history, or fail
//   within Δ       the view's own proofs may do; else like linearizable
//   linearizable   a ping of the call's own; wait until the cut has reached what was visible at its reply
//
// A ping may be sent again: each of its replies was made after the call began, so any of them proves enough.

extension ClientCore {
    mutating func wait(for freshness: Freshness, of id: ViewID, _ call: CallID) {
        guard let seat = views[id] else { return finish(call, .failure(MembusError.closed)) }
        switch freshness {
        case .live: add(.live, id, call)
        case .changed(let after): add(.changed(after: after), id, call)
        case .atLeast(let token):
            if let lineage = seat.machine.lineage, lineage != token.lineage {
                ask(.ping(nonce: random.next()), for: .confirmation(call, id, token))
            } else {
                reach(token, id, call)
            }
        case .within(let age):
            if let fresh = seat.machine.freshAsOf, fresh >= now - age { return finish(call, .success(.reached)) }
            ask(.ping(nonce: random.next()), for: .freshness(call, id), streams: seat.machine.stream.map { [$0] } ?? [])
        case .linearizable:
            ask(.ping(nonce: random.next()), for: .freshness(call, id), streams: seat.machine.stream.map { [$0] } ?? [])
        }
    }

    /// The ping is answered: everything acknowledged before the call is at or below `visible`.
    mutating func proved(_ call: CallID, _ id: ViewID, _ reply: Reply) {
        switch reply.body {
        case .pong:
            feed(id, .learned(Token(lineage: reply.lineage, position: reply.visible)))
            add(.proved(reply.visible.revision, reply.lineage), id, call)
        case .failure(let failure): finish(call, .failure(MembusError.failure(failure)))
        default: break
        }
    }

    /// The ping is answered: the broker holds the token's history, or another.
    mutating func confirmed(_ call: CallID, _ id: ViewID, _ token: Token, _ reply: Reply) {
        switch reply.body {
        case .pong where reply.lineage == token.lineage: reach(token, id, call)
        case .pong: finish(call, .failure(MembusError.historyChanged(now: reply.lineage)))
        case .failure(let failure): finish(call, .failure(MembusError.failure(failure)))
        default: break
        }
    }

    private mutating func reach(_ token: Token, _ id: ViewID, _ call: CallID) {
        feed(id, .learned(token))
        add(.at(token.revision, token.lineage), id, call)
    }

    /// A view dropped its state. Who waited for one of its old history waits no more, though the new one may
    /// bear the same name (a backup that was copied back as a file); who waits for one of the new history goes on.
    mutating func failWaits(of id: ViewID, from old: Lineage?, resetTo new: Lineage) {
        var failed: [CallID] = []
        views[id]?.waits.removeAll { wait in
            guard let lineage = wait.lineage, old == new || lineage != new else { return false }
            failed.append(wait.call)
            return true
        }
        for call in failed { finish(call, .failure(MembusError.historyChanged(now: new))) }
    }

    private mutating func add(_ target: Seat.Wait.Target, _ id: ViewID, _ call: CallID) {
        guard calls[call] != nil else { return }
        views[id]?.waits.append(Seat.Wait(call: call, target: target))
        settleWaits(of: id)
    }

    mutating func settleWaits(of id: ViewID) {
        guard let seat = views[id], !seat.waits.isEmpty else { return }
        var left: [Seat.Wait] = []
        var settled: [(CallID, Result<Answer, any Error>)] = []
        for wait in seat.waits {
            if let result = outcome(of: wait, seat) { settled.append((wait.call, result)) } else { left.append(wait) }
        }
        views[id]?.waits = left
        for (call, result) in settled { finish(call, result) }
    }

    private func outcome(of wait: Seat.Wait, _ seat: Seat) -> Result<Answer, any Error>? {
        if seat.hasFailed, let failure = seat.lastFailure { return .failure(MembusError.failure(failure)) }
        switch wait.target {
        case .live:
            guard !seat.machine.isStale, let cut = seat.machine.cut else { return nil }
            let isTold = told(of: seat.follow.branch).allSatisfy {
                cut.revision >= $0.revision || $0.lineage != seat.machine.lineage
            }
            return isTold ? .success(.reached) : nil
        case .changed(let after): return seat.lastChange > after ? .success(.reached) : nil
        case .proved where seat.machine.instance != link.instance: return nil
        case .at(let revision, let lineage), .proved(let revision, let lineage):
            if let known = seat.machine.lineage, known != lineage {
                // The broker has answered from the awaited history: the view is about to be reset to it.
                return link.lineage == lineage ? nil : .failure(MembusError.historyChanged(now: known))
            }
            guard let cut = seat.machine.cut else { return nil }
            return cut.revision >= revision ? .success(.reached) : nil
        }
    }
}
