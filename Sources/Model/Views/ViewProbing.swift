// PROBE: is the subscription live? Ping until a bookmark with one of our nonces comes on the events' socket.
// Nothing is held before: what arrives so far may have holes that nobody sees.

extension ViewCore {
    mutating func probe() -> ViewPhase {
        hearing.heard(at: now)
        return .probe(Probing(nonces: [ping()], since: now, lastSent: now))
    }

    mutating func heard(_ content: Published.Content, in probing: consuming Probing) -> ViewPhase {
        guard case .bookmark(let bookmark) = content, let nonce = bookmark.nonce, probing.nonces.contains(nonce) else {
            return .probe(probing)
        }
        return pull(holding: content)
    }

    /// The broker answered on the request socket.
    func answered(in probing: consuming Probing) -> ViewPhase {
        if probing.answered == nil { probing.answered = now }
        return .probe(probing)
    }

    /// Without any answer a new socket would not help: the broker is away, or slow.
    mutating func afterTime(in probing: consuming Probing) -> ViewPhase {
        guard now >= probeDue(in: probing) else { return .probe(probing) }
        if probing.nonces.count >= bounds.probeTries, let answered = probing.answered,
            now >= answered + bounds.patience
        {
            return replaceSocket()
        }
        if probing.answered == nil, now >= probing.since + bounds.requestTimeout { return rejoin() }
        probing.lastSent = now
        probing.nonces.append(ping())
        return .probe(probing)
    }

    /// A subscription takes a moment to reach the broker: the first probes follow each other quickly.
    func probeDue(in probing: borrowing Probing) -> Instant {
        let shift = max(0, 5 - probing.nonces.count)
        return probing.lastSent + bounds.probeInterval / (1 << shift)
    }
}
