/// What a request was sent for.
enum Purpose: Hashable, Sendable {
    case hello
    /// Is anybody there?
    case probe
    case openSession
    case closeSession
    case notes
    case call(CallID)
    case register(ViewID, attempt: UInt64)
    case pull(ViewID, attempt: UInt64)
    case ping(ViewID, nonce: UInt64)
    /// A proof of freshness that a call waits for.
    case freshness(CallID, ViewID)
    /// Whether the broker holds the history of a token that a call waits for.
    case confirmation(CallID, ViewID, Token)
    /// Whether a token that the view has passed is a place in the broker's history.
    case recognition(CallID, ViewID, Token)

    /// Views repeat their own requests, under new attempts.
    var isRepeatedHere: Bool {
        switch self {
        case .register, .pull, .ping: false
        default: true
        }
    }
}

/// A request that is not answered yet.
struct Ask: Sendable {
    let id: UInt64
    let body: Request.Body
    let streams: [StreamID]
    let purpose: Purpose
    let deadline: Instant?
    var firstSent: Instant?
    /// When to send it (again).
    var due: Instant
    var resend: Backoff
    var busy: Backoff
    /// The last refusal that was worth retrying.
    var refusal: Refusal?
}

/// All unanswered requests but the transactions.
struct AskTable: Sendable {
    private(set) var asks: [UInt64: Ask] = [:]
    /// No request is due before.
    private(set) var nextDue: Instant?
    fileprivate var lastID: UInt64 = 0

    subscript(id: UInt64) -> Ask? { asks[id] }
    func contains(where test: (Ask) -> Bool) -> Bool { asks.values.contains(where: test) }
    func refusal(of purpose: Purpose) -> Refusal? {
        asks.values.lazy.filter { $0.purpose == purpose }.compactMap(\.refusal).first
    }
    /// Of those that are repeated; since when the oldest is under way.
    var oldestSent: Instant? { asks.values.lazy.compactMap(\.firstSent).min() }

    mutating func put(_ ask: Ask) {
        asks[ask.id] = ask
        nextDue = min(nextDue ?? ask.due, ask.due)
    }
    @discardableResult
    mutating func remove(_ id: UInt64) -> Ask? { asks.removeValue(forKey: id) }
    mutating func removeAll(where test: (Ask) -> Bool) { asks = asks.filter { !test($0.value) } }

    mutating func makeAllDue(at now: Instant) {
        for id in asks.keys { asks[id]?.due = now }
        nextDue = now
    }
    mutating func makeUnsentDue(at now: Instant) {
        for (id, ask) in asks where ask.firstSent == nil { asks[id]?.due = now }
        nextDue = now
    }

    /// Those that are due, in order.
    mutating func takeDue(at now: Instant) -> [Ask] {
        guard let nextDue, nextDue <= now else { return [] }
        let due = asks.values.filter { $0.due <= now }.sorted { $0.id < $1.id }
        self.nextDue = asks.values.lazy.filter { $0.due > now }.map(\.due).min()
        return due
    }
}

extension ClientCore {
    /// Has a request made; it is sent at once if the broker has been greeted.
    mutating func ask(
        _ body: Request.Body, for purpose: Purpose, streams: [StreamID] = [], deadline: Instant? = nil,
        after pause: Duration = .zero
    ) {
        let patience = body.traits.patience
        let ask = Ask(
            id: asks.nextID(), body: body, streams: streams, purpose: purpose, deadline: deadline, due: now + pause,
            resend: Backoff(
                first: patience ?? settings.resend, longest: max(patience ?? .zero, settings.resendLongest)),
            busy: Backoff(first: settings.busy, longest: settings.busyLongest))
        if pause == .zero { transmit(ask) } else { asks.put(ask) }
    }

    private mutating func transmit(_ ask: Ask) {
        var ask = ask
        guard link.welcome != nil || ask.purpose == .hello else {
            ask.due = now + .seconds(3600)
            return asks.put(ask)
        }
        if !ask.purpose.isRepeatedHere, ask.firstSent != nil {
            asks.remove(ask.id)
            return
        }
        if case .call(let id) = ask.purpose, let refusal = refusalByAge(of: ask.body) {
            asks.remove(ask.id)
            return finish(id, .failure(MembusError.refused(refusal)))
        }
        ask.firstSent = ask.firstSent ?? now
        ask.due = now + (ask.purpose.isRepeatedHere ? ask.resend.next(&random) : .seconds(10))
        let left = ask.deadline.map { max($0 - now, .milliseconds(1)) }
        outputs.append(
            .send(
                Request(
                    id: ask.id, deadline: left, instance: link.instance, streams: ask.streams,
                    body: catchingUp(ask.body))))
        asks.put(ask)
    }

    /// While nothing is heard only the probe and the greeting are repeated, so that a broker that comes back
    /// does not find a heap of duplicates; what is unanswered is sent again once it is heard.
    mutating func sendDueAsks() {
        var isSilent = false
        if case .silent = link.state { isSilent = true }
        for var ask in asks.takeDue(at: now) {
            if isSilent, ask.firstSent != nil, ask.purpose != .probe, ask.purpose != .hello, ask.purpose.isRepeatedHere
            {
                ask.due = now + settings.silence
                asks.put(ask)
            } else {
                transmit(ask)
            }
        }
    }

    mutating func take(_ reply: Reply) {
        hear(reply)
        for entry in reply.bookmarks {
            for id in streams[entry.stream] ?? [] { feed(id, .bookmark(entry.bookmark, instance: reply.instance)) }
        }
        if let number = session.numbers[reply.id] {
            decide(reply, number)
        } else if let ask = asks[reply.id] {
            answer(ask, reply)
        }
    }

    private mutating func answer(_ ask: Ask, _ reply: Reply) {
        if ask.purpose.isRepeatedHere, case .refused(let refusal) = reply.body, postpone(ask, refusal) { return }
        asks.remove(ask.id)
        switch ask.purpose {
        case .hello: welcomed(reply.body)
        case .probe: break
        case .openSession: opened(reply.body)
        // A broker that doesn't know the request lets the session lapse.
        case .closeSession: break
        case .notes: noted(reply.body)
        case .call(let id):
            if case .refused(let refusal) = reply.body {
                finish(id, .failure(MembusError.refused(refusal)))
            } else {
                finish(id, .success(.reply(reply)))
            }
        case .freshness(let call, let view): proved(call, view, reply)
        case .confirmation(let call, let view, let token): confirmed(call, view, token, reply)
        case .recognition(let call, let view, let token): recognised(call, view, token, reply)
        case .register(let view, let attempt): answerRegister(view, attempt, reply)
        case .pull(let view, let attempt): answerPull(view, attempt, reply)
        case .ping(let view, let nonce): answerPing(view, nonce, reply)
        }
    }

    /// A refusal that may pass: the request is sent again.
    private mutating func postpone(_ ask: Ask, _ refusal: Refusal) -> Bool {
        var ask = ask
        switch refusal.code {
        case .instanceChanged: ask.due = now
        case .diskFull where ask.body.traits.isUpkeep, .storeFailed where ask.body.traits.isUpkeep: return false
        case _ where refusal.code.remedy == .retry: ask.due = now + ask.busy.next(&random)
        default: return false
        }
        ask.refusal = refusal
        asks.put(ask)
        if refusal.code == .instanceChanged { sendDueAsks() }
        return true
    }
}

extension AskTable {
    /// Numbers are shared with the transactions' requests.
    mutating func nextID() -> UInt64 {
        lastID += 1
        return lastID
    }
}
