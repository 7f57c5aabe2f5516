// How a read gets as fresh as it asked for:
//
//   at least T     tell the view of T, wait until its cut is there. If T is of another history than the view,
//                  one of the two is outdated, and only the broker can tell which: ask it (a ping), then wait
//                  for the view to be reset to T's history, or fail. A history that an old copy of the file has
//                  replaced bears the same name: so a view that is beyond T must know T's place in its history,
//                  or the broker has to
//   within Δ       the view's own proofs may do; else like linearizable
//   linearizable   a ping of the call's own; wait until the cut has reached what was visible at its reply
//
// A ping may be sent again: each of its replies was made after the call began, so any of them proves enough.

extension ClientCore {
    mutating func wait(for freshness: Freshness, of id: ViewID, _ call: CallID) {
        guard let entry = views[id] else { return finish(call, .failure(MembusError.closed)) }
        switch freshness {
        case .live: add(.live, id, call)
        case .changed(let after, let instance): add(.changed(after: after, asOf: instance), id, call)
        case .atLeast(let token):
            if let lineage = entry.machine.lineage, lineage != token.lineage {
                ask(.ping(Ping(nonce: random.next())), for: .confirmation(call, id, token))
            } else {
                reach(token, id, call)
            }
        case .within(let age):
            if let fresh = entry.machine.freshAsOf, fresh >= now - age {
                return finish(call, .success(.reached(at: entry.token)))
            }
            ask(
                .ping(Ping(nonce: random.next())), for: .freshness(call, id),
                streams: entry.machine.stream.map { [$0] } ?? []
            )
        case .linearizable:
            ask(
                .ping(Ping(nonce: random.next())), for: .freshness(call, id),
                streams: entry.machine.stream.map { [$0] } ?? []
            )
        }
    }

    /// The ping is answered: everything acknowledged before the call is at or below `visible`.
    mutating func proved(_ call: CallID, _ id: ViewID, _ reply: Reply) {
        switch reply.body {
        case .pong:
            feed(id, .learned(Token(lineage: reply.lineage, position: reply.visible)))
            add(.proved(reply.visible.revision, reply.lineage), id, call)
        case .refused(let refusal): finish(call, .failure(MembusError.refused(refusal)))
        default: break
        }
    }

    /// The ping is answered: the broker holds the token's history, or another.
    mutating func confirmed(_ call: CallID, _ id: ViewID, _ token: Token, _ reply: Reply) {
        switch reply.body {
        case .pong where reply.lineage == token.lineage: reach(token, id, call)
        case .pong: finish(call, .failure(MembusError.historyChanged(now: reply.lineage)))
        case .refused(let refusal): finish(call, .failure(MembusError.refused(refusal)))
        default: break
        }
    }

    private mutating func reach(_ token: Token, _ id: ViewID, _ call: CallID) {
        feed(id, .learned(token))
        add(.at(token), id, call)
    }

    /// Whether the view's history holds what a token stands for, which it has passed, is for the broker to say.
    private mutating func recognise(_ token: Token, _ id: ViewID, _ call: CallID) {
        guard let branch = views[id]?.follow.branch else { return }
        ask(.get(Get(branch: branch, keys: [], at: token.position)), for: .recognition(call, id, token))
    }

    mutating func recognised(_ call: CallID, _ id: ViewID, _ token: Token, _ reply: Reply) {
        switch reply.body {
        case .records where reply.lineage == token.lineage:
            know(token.position, id, reply.instance)
        case .refused(let refusal) where refusal.code == .belowFloor && reply.lineage == token.lineage:
            // Nobody can tell any more; the history bears the token's name.
            know(token.position, id, reply.instance)
        case .records: return finish(call, .failure(MembusError.historyChanged(now: reply.lineage)))
        case .refused(let refusal) where refusal.code == .historyDiffers:
            return finish(call, .failure(MembusError.historyChanged(now: reply.lineage)))
        case .refused(let refusal): return finish(call, .failure(MembusError.refused(refusal)))
        default: return
        }
        add(.at(token), id, call)
    }

    /// The broker's word counts for a view that is registered with that very broker.
    mutating func know(_ position: Position, _ id: ViewID, _ instance: Instance) {
        if views[id]?.machine.instance == instance { views[id]?.places.add(position) }
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

    private mutating func add(_ target: ViewEntry.Wait.Target, _ id: ViewID, _ call: CallID) {
        guard calls[call] != nil else { return }
        views[id]?.waits.append(ViewEntry.Wait(call: call, target: target, since: now))
        if let cut = views[id]?.machine.cut { views[id]?.pass(Quiet(upTo: cut.revision, basis: cut)) }
        settleWaits(of: id)
    }

    mutating func settleWaits(of id: ViewID) {
        guard let entry = views[id], !entry.waits.isEmpty else { return }
        var left: [ViewEntry.Wait] = []
        var settled: [(CallID, Result<Answer, any Error>)] = []
        var doubtful: [(CallID, Token)] = []
        for wait in entry.waits {
            switch verdict(on: wait, entry) {
            case .wait: left.append(wait)
            case .finish(let result): settled.append((wait.call, result))
            case .ask(let token): doubtful.append((wait.call, token))
            }
        }
        views[id]?.waits = left
        for (call, result) in settled { finish(call, result) }
        for (call, token) in doubtful { recognise(token, id, call) }
    }

    /// Whether the log may have more to say than was read of it.
    private func isWorthReading(
        _ after: Revision, as instance: Instance?, since: Instant, _ entry: ViewEntry
    ) -> Bool {
        if entry.lastChange > after { return true }
        // Another broker was met: whether it holds what was read, reading on tells.
        let present = entry.machine.instance
        if !entry.machine.isStale, present == link.instance, present != instance { return true }
        // The events do not come, though the broker answers: it is looked for them now and then.
        guard let stale = entry.machine.staleSince, link.isAnswering else { return false }
        return now - stale >= settings.eventless && now - since >= settings.pollEvery
    }

    private enum Verdict {
        case wait
        case finish(Result<Answer, any Error>)
        case ask(Token)
    }

    private func verdict(on wait: ViewEntry.Wait, _ entry: ViewEntry) -> Verdict {
        if entry.hasFailed, let refusal = entry.lastRefusal { return .finish(.failure(MembusError.refused(refusal))) }
        // What the view shows is about to be held against another instance's history.
        if case .proved = wait.target, entry.machine.instance != link.instance { return .wait }
        if let lineage = wait.lineage, let known = entry.machine.lineage, known != lineage {
            // If the broker has answered from the awaited history, the view is about to be reset to it.
            return link.lineage == lineage ? .wait : .finish(.failure(MembusError.historyChanged(now: known)))
        }
        let reached = Verdict.finish(.success(.reached(at: entry.token)))
        switch wait.target {
        case .live:
            guard !entry.machine.isStale, let cut = entry.machine.cut else { return .wait }
            let isTold = told(of: entry.follow.branch).allSatisfy {
                cut.revision >= $0.revision || $0.lineage != entry.machine.lineage
            }
            return isTold ? reached : .wait
        case .changed(let after, let instance):
            return isWorthReading(after, as: instance, since: wait.since, entry)
                ? .finish(.success(.heard(wait.quiet))) : .wait
        case .proved(let revision, _):
            guard let cut = entry.machine.cut else { return .wait }
            return cut.revision >= revision ? reached : .wait
        case .at(let token):
            guard let cut = entry.machine.cut, cut.revision >= token.revision else { return .wait }
            switch entry.places.holds(token.position) {
            case true?: return reached
            case false?: return .finish(.failure(MembusError.historyChanged(now: token.lineage)))
            case nil: return entry.machine.instance == link.instance ? .ask(token) : .wait
            }
        }
    }
}
