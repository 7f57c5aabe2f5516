/// What is known of the broker, and when it was last heard.
struct BrokerLink: Sendable {
    var isStarted = false
    var welcome: Welcome?
    /// The broker will never serve this client: it speaks another major version.
    var refusal: Refusal?
    var instance: Instance?
    var lineage: Lineage?
    /// Where the events' socket is connected.
    var events: String?
    var state = LinkState.connecting
    /// When anything came, on either socket; when anything came on the request socket.
    var lastHeard: Instant
    var lastReply: Instant
    /// When anything came on the events' socket, or when it was first connected there.
    var lastEvent: Instant
    /// Since when it has been answering without a break; when that was last looked after.
    var answeringSince: Instant
    var lastMinded: Instant
    /// Since when a request is unanswered without anything having come on the request socket.
    var lastReopen: Instant
    var reopenPause: Duration?
    var lastReplace: Instant?
    var replaceAt: Instant?

    init(now: Instant) {
        lastHeard = now
        lastReply = now
        lastEvent = now
        answeringSince = now
        lastMinded = now
        lastReopen = now
    }

    /// It was heard, and is not silent now.
    var isAnswering: Bool {
        switch state {
        case .connected, .eventless: true
        case .connecting, .silent, .closed: false
        }
    }
}

extension ClientCore {
    mutating func greet() {
        link.isStarted = true
        if asks.contains(where: { $0.purpose == .hello }) { return }
        ask(.hello(Hello(agent: settings.agent)), for: .hello)
    }

    /// What every reply tells, whoever it is for.
    mutating func hear(_ reply: Reply) {
        link.lastReply = now
        link.reopenPause = nil
        if link.lineage != reply.lineage {
            if link.lineage != nil {
                loseSession(from: nil)
                disownWrites()
            }
            link.lineage = reply.lineage
            acknowledged = [:]
            inherited = [:]
        }
        if link.instance != reply.instance {
            let isRestart = link.instance != nil
            link.instance = reply.instance
            if isRestart { meetInstance() }
        }
        heard()
        for id in viewOrder {
            if let known = views[id]?.machine.instance, known != reply.instance { feed(id, .instance(reply.instance)) }
        }
    }

    /// Another broker process: what the one before had not answered is lost.
    private mutating func meetInstance() {
        inherited.merge(acknowledged) { $0.revision > $1.revision ? $0 : $1 }
        acknowledged = [:]
        asks.makeAllDue(at: now)
        repeatSession(after: .zero)
        greet()
    }

    mutating func heard() {
        link.lastHeard = now
        if link.isAnswering || link.welcome == nil { return }
        if case .silent = link.state {
            asks.makeAllDue(at: now)
            repeatSession(after: .zero)
        }
        link.answeringSince = now
        post(.connected)
    }

    /// Something came on the events' socket.
    mutating func heardEvent() {
        link.lastEvent = now
        heard()
        if case .eventless = link.state { post(.connected) }
    }

    /// The broker answers requests, but of its events, a few each second, none comes: a port that is not forwarded, or an
    /// endpoint that this machine does not reach.
    private mutating func missEvents() {
        // Whoever was stopped for a while has yet to look at what came meanwhile.
        if now - link.lastMinded >= settings.silence / 2 { link.answeringSince = now }
        link.lastMinded = now
        guard link.state == .connected, now - link.lastReply < settings.eventless,
            now - max(link.lastEvent, link.answeringSince) >= settings.eventless
        else { return }
        post(.eventless(from: link.events ?? "", since: link.lastEvent))
    }

    private mutating func post(_ state: LinkState) {
        guard link.state != state else { return }
        link.state = state
        outputs.append(.state(state))
    }

    mutating func welcomed(_ body: Reply.Body) {
        switch body {
        case .welcome(let welcome):
            link.welcome = welcome
            heard()
            connectEvents(welcome)
            finishWelcomed()
            asks.makeUnsentDue(at: now)
            sendDueAsks()
        case .refused(let refusal) where refusal.code.remedy == .retry:
            ask(.hello(Hello(agent: settings.agent)), for: .hello, after: sessionPause.busy.next(&random))
        case .refused(let refusal): refuseAll(refusal)
        default: break
        }
    }

    private mutating func connectEvents(_ welcome: Welcome) {
        guard let endpoint = EventsEndpoint.choose(from: welcome.events, broker: settings.endpoint),
            endpoint != link.events
        else { return }
        link.events = endpoint
        link.lastEvent = now
        streams = [:]
        outputs.append(.connectEvents(endpoint))
        for id in viewOrder { feed(id, .connected) }
    }

    /// A view found the events' socket deaf. Many views find that at once: one replacement serves all, and
    /// there is at most one a second.
    mutating func wantNewEvents() {
        if link.replaceAt == nil { link.replaceAt = max(now, link.lastReplace.map { $0 + .seconds(1) } ?? now) }
    }

    private mutating func replaceEvents() {
        guard let due = link.replaceAt, due <= now, link.events != nil else { return }
        link.replaceAt = nil
        link.lastReplace = now
        streams = [:]
        outputs.append(.replaceEvents)
        for id in viewOrder { feed(id, .connected) }
    }

    // MARK: Silence

    mutating func mindLink() {
        replaceEvents()
        guard link.isStarted, link.welcome != nil else { return reopenIfDead() }
        let isQuiet = now - link.lastHeard >= settings.silence / 2
        let isUnanswered = asks.oldestSent.map { now - max($0, link.lastReply) >= settings.silence } ?? false
        if isQuiet || isUnanswered, !asks.contains(where: { $0.purpose == .probe }) {
            ask(.ping(Ping(nonce: random.next())), for: .probe)
        }
        if now - link.lastHeard >= settings.silence, link.isAnswering { post(.silent(since: link.lastHeard)) }
        missEvents()
        reopenIfDead()
    }

    /// Nothing at all comes back on the request socket: its connection may be half open.
    private mutating func reopenIfDead() {
        let pause = link.reopenPause ?? settings.reopen
        guard let oldest = asks.oldestSent, now - max(oldest, max(link.lastReply, link.lastReopen)) >= pause else {
            return
        }
        link.lastReopen = now
        link.reopenPause = min(pause * 2, settings.reopenLongest)
        outputs.append(.reopenRequests)
        asks.makeAllDue(at: now)
        repeatSession(after: .zero)
    }
}

/// Which of a broker's events endpoints to use.
enum EventsEndpoint {
    /// The first with the transport of the request endpoint, else the first. A wildcard host stands for the
    /// host by which the broker was reached.
    static func choose(from endpoints: [String], broker: String) -> String? {
        let transport = broker.prefix { $0 != ":" }
        guard let chosen = endpoints.first(where: { $0.hasPrefix("\(transport)://") }) ?? endpoints.first else {
            return nil
        }
        guard chosen.hasPrefix("tcp://"), let colon = chosen.lastIndex(of: ":") else { return chosen }
        let host = chosen[
            chosen.index(chosen.startIndex, offsetBy: 6)..<max(colon, chosen.index(chosen.startIndex, offsetBy: 6))]
        guard ["*", "0.0.0.0", "[::]"].contains(host), broker.hasPrefix("tcp://"), let end = broker.lastIndex(of: ":")
        else {
            return chosen
        }
        return String(broker[..<end] + chosen[colon...])
    }
}
