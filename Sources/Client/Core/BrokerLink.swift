import MembusBus

/// What is known of the broker, and when it was last heard.
struct BrokerLink: Sendable {
    var isStarted = false
    var welcome: Welcome?
    /// The broker will never serve this client: it speaks another major version.
    var refusal: Refusal?
    var instance: Instance?
    var lineage: Lineage?
    /// V, as far as the present instance has told.
    var visible: Revision = 0
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
                // First: what transactions carry is let go of with them.
                loseSession(from: nil, isOfOtherHistory: true)
                forgetReads()
                disownWrites()
            }
            link.lineage = reply.lineage
            acknowledged = [:]
            inherited = [:]
        }
        if link.instance != reply.instance {
            let isRestart = link.instance != nil
            link.instance = reply.instance
            link.visible = 0
            if isRestart { meetInstance() }
        }
        link.visible = max(link.visible, reply.visible.revision)
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
    /// The first that suits the request endpoint best: of its transport, and of its family of addresses. A wildcard
    /// host stands for the host by which the broker was reached. A link-local address is taken with the zone by which
    /// the broker was reached: the one that it tells is an interface of its own machine.
    static func choose(from endpoints: [String], broker: String) -> String? {
        guard let reached = try? Address(broker) else { return endpoints.first }
        // The first of the least: `min` keeps the order.
        let ranked = endpoints.map { (url: $0, rank: rank(try? Address($0), reached)) }
        guard let chosen = ranked.min(by: { $0.rank < $1.rank })?.url else { return nil }
        guard case .tcp(let host, let port)? = try? Address(chosen), case .tcp(let known, _) = reached else {
            return chosen
        }
        if host.isEvery { return Address.tcp(known, port: port).url }
        if case .ipv6(var address) = host, address.isLinkLocal, case .ipv6(let by) = known, by.zone != nil {
            address.zone = by.zone
            return Address.tcp(.ipv6(address), port: port).url
        }
        return chosen
    }

    private static func rank(_ offered: Address?, _ reached: Address) -> Int {
        switch (offered, reached) {
        case (.ipc?, .ipc): 0
        case (.tcp(let host, _)?, .tcp(let known, _)): host.suits(known) ? 0 : 1
        case (nil, _), (.ipc?, .tcp), (.tcp?, .ipc): 2
        }
    }
}

extension Address.Host {
    /// Whether who reached the broker as `known` will reach it as this, too. Of names nobody can tell.
    fileprivate func suits(_ known: Address.Host) -> Bool {
        switch (self, known) {
        case (.ipv6(let address), .ipv6(let by)): !address.isLinkLocal || by.zone != nil
        case (.ipv6(let address), _): address.isEvery || (!known.isIPv4 && !address.isLinkLocal)
        case (_, .ipv6): !isIPv4
        default: true
        }
    }
}
