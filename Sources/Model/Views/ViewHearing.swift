/// Whether the events' socket is heard, and when the broker was asked.
struct Hearing: Sendable {
    /// When a message of the present instance last came from the events' socket.
    private(set) var lastHeard = Instant(nanoseconds: 0)
    private(set) var isSilent = false
    /// When a ping sent in the present silence was answered.
    private(set) var answered: Instant?
    var lastPing: Instant?
    var wantsPing = false
    var pingsInSilence = 0

    mutating func heard(at now: Instant) {
        lastHeard = now
        isSilent = false
        answered = nil
        pingsInSilence = 0
    }
    mutating func fellSilent() { isSilent = true }
    mutating func pong(to sent: Instant, at now: Instant) {
        if isSilent, answered == nil, sent >= lastHeard { answered = now }
    }
}

extension ViewCore {
    /// Sends a ping now. Its reply carries the stream's bookmark, and so does the events' socket.
    @discardableResult
    mutating func ping() -> UInt64 {
        let nonce = max(jitter.next(), 1)
        hearing.lastPing = now
        hearing.wantsPing = false
        freshness.sent(nonce, at: now)
        outputs.append(.ping(nonce: nonce))
        return nonce
    }

    /// Many reasons to ask at once are one ping.
    mutating func flushPing() {
        if hearing.wantsPing, now >= nextPing { ping() }
    }
    var nextPing: Instant { hearing.lastPing.map { $0 + bounds.probeInterval } ?? now }

    mutating func pong(_ nonce: UInt64, clock: Int64, visible: Position) {
        guard let sent = freshness.answered(nonce, clock: clock, visible: visible.revision, now: now) else { return }
        hearing.pong(to: sent, at: now)
    }

    /// - Returns: whether the socket is deaf: the broker answers, yet nothing is heard.
    mutating func minding(silence now: Instant) -> Bool {
        guard now - hearing.lastHeard >= bounds.staleAfter else { return false }
        hearing.fellSilent()
        if let answered = hearing.answered { return now >= answered + bounds.patience }
        if now >= nextPingInSilence {
            ping()
            hearing.pingsInSilence += 1
        }
        return false
    }

    var nextPingInSilence: Instant {
        guard hearing.pingsInSilence > 0, let last = hearing.lastPing else { return now }
        return last + min(bounds.heartbeat * (1 << min(hearing.pingsInSilence - 1, 16)), bounds.backoffLimit)
    }

    /// When ``minding(silence:)`` has to look again.
    var silenceDeadline: Instant {
        if !hearing.isSilent { return hearing.lastHeard + bounds.staleAfter }
        return hearing.answered.map { $0 + bounds.patience } ?? nextPingInSilence
    }
}
