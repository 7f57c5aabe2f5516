/// A call that is not finished.
struct CallState: Sendable {
    enum Stage: Sendable {
        case welcome
        case request(what: String)
        /// A transaction: waiting for its number, numbered, or decided and waiting for the own views.
        case queued
        case numbered(UInt64)
        case unseen(Receipt)
        case view(ViewID)
    }
    var stage: Stage
    let deadline: Instant
    /// Own views have to show what it writes.
    var isShown = true
}

extension ClientCore {
    mutating func take(_ call: Call, _ id: CallID, deadline: Instant) {
        if let refusal = link.refusal { return outputs.append(.finish(id, .failure(MembusError.refused(refusal)))) }
        guard calls.count < settings.mostCalls else {
            let busy = Refusal(
                .busy, "more than \(settings.mostCalls) calls are under way", hint: "await some of them first")
            return outputs.append(.finish(id, .failure(MembusError.refused(busy))))
        }
        nextDeadline = min(nextDeadline ?? deadline, deadline)
        switch call {
        case .welcome:
            if link.welcome != nil { return outputs.append(.finish(id, .success(.reached(at: nil)))) }
            calls[id] = CallState(stage: .welcome, deadline: deadline)
        case .request(let body):
            calls[id] = CallState(stage: .request(what: body.traits.name), deadline: deadline)
            ask(body, for: .call(id), deadline: deadline)
        case .transact(let work, let isShown):
            calls[id] = CallState(stage: .queued, deadline: deadline, isShown: isShown)
            session.waiting.append(Session.Waiting(call: id, work: work, readsBefore: notes.last))
        case .reach(let view, let freshness):
            calls[id] = CallState(stage: .view(view), deadline: deadline)
            wait(for: freshness, of: view, id)
        }
    }

    mutating func finish(_ id: CallID, _ result: Result<Answer, any Error>) {
        if calls.removeValue(forKey: id) != nil { outputs.append(.finish(id, result)) }
    }

    mutating func finishWelcomed() {
        for id in sortedCalls(where: { if case .welcome = $0 { true } else { false } }) {
            finish(id, .success(.reached(at: nil)))
        }
    }

    /// The broker speaks another version: nothing will ever be answered.
    mutating func refuseAll(_ refusal: Refusal) {
        link.refusal = refusal
        for id in calls.keys.sorted() { finish(id, .failure(MembusError.refused(refusal))) }
        asks.removeAll { _ in true }
    }

    private func sortedCalls(where test: (CallState.Stage) -> Bool) -> [CallID] {
        calls.filter { test($0.value.stage) }.keys.sorted()
    }

    // MARK: Deadlines and cancellation

    mutating func expireCalls() {
        guard let due = nextDeadline, due <= now else { return }
        let now = now
        for id in calls.filter({ $0.value.deadline <= now }).keys.sorted() { giveUp(id, cancelled: false) }
        nextDeadline = calls.values.lazy.map(\.deadline).min()
    }

    mutating func cancel(_ id: CallID) { giveUp(id, cancelled: true) }

    /// The caller waits no longer. What was sent goes on being resolved where that matters.
    private mutating func giveUp(_ id: CallID, cancelled: Bool) {
        guard let call = calls[id] else { return }
        let error: any Error
        switch call.stage {
        case .welcome:
            error = MembusError.timeout(
                of: "the greeting of the broker at \(settings.endpoint)", outcomeUnknown: false, last: nil)
        case .request(let what):
            error = MembusError.timeout(of: what, outcomeUnknown: false, last: dropAsks(of: id))
        case .queued:
            session.waiting.removeAll { $0.call == id }
            // Why it got no number: the session was refused, or what stands before it.
            let last = session.slots.first { !$0.isDecided }?.refusal ?? asks.refusal(of: .openSession)
            error = MembusError.timeout(of: "the transaction", outcomeUnknown: false, last: last)
        case .numbered(let number): error = abandon(number)
        case .unseen(let receipt):
            for branch in ownWrites.keys { ownWrites[branch]?.removeAll { $0.call == id } }
            error = MembusError.committedButNotSeen(receipt)
        case .view(let view):
            _ = dropAsks(of: id)
            views[view]?.waits.removeAll { $0.call == id }
            error = notCaughtUp(view)
        }
        finish(id, .failure(cancelled ? CancellationError() : error))
    }

    /// Why a view is not where it was awaited.
    private func notCaughtUp(_ view: ViewID) -> MembusError {
        if case .eventless(let endpoint, _) = link.state, let entry = views[view], let since = entry.machine.staleSince
        {
            return .stale(entry.follow.filter, for: now - since, .wait, noEventsFrom: endpoint)
        }
        return .timeout(of: "the view's catching up", outcomeUnknown: false, last: views[view]?.lastRefusal)
    }

    private mutating func dropAsks(of call: CallID) -> Refusal? {
        var refusal: Refusal?
        asks.removeAll { ask in
            switch ask.purpose {
            case .call(call), .freshness(call, _), .confirmation(call, _, _), .recognition(call, _, _):
                refusal = ask.refusal
                return true
            default: return false
            }
        }
        return refusal
    }
}
