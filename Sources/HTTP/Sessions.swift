import MembusDocuments
import MembusMCP
import MembusModel

// Sessions of the handshake's era: a client begins one by `initialize`, names it with each request, and ends it by DELETE, or
// by staying away.
//
// Invariants:
//   1. There are no more than `most`. Who comes when all are taken gets the place of the one that stayed away for longest,
//      if there is one.
//   2. A session that somebody waits at, by a request or a stream, does not end by itself.

actor Sessions {
    static let most = 1000
    /// A session that nobody comes to for so long is over.
    static let patience: Duration = .seconds(1800)

    struct Session: Sendable {
        let conversation: Conversation
        /// What is said unasked, to whoever reads the session's stream.
        let outbox: Handover
    }
    private struct Place {
        let session: Session
        var lastSeen: ContinuousClock.Instant
        var visitors = 0
    }
    private var places: [ByBytes: Place] = [:]
    private var isClosed = false

    /// - Returns: its name; `nil`: all places are taken.
    func add(_ session: Session) async -> String? {
        if isClosed { return nil }
        if places.count >= Self.most {
            let idle = places.filter { $0.value.visitors == 0 }
            guard let longest = idle.min(by: { $0.value.lastSeen < $1.value.lastSeen })?.key else { return nil }
            await remove(longest.text)
        }
        var random = SystemRandomNumberGenerator()
        let name = (0..<4).map { _ in String(random.next() as UInt64, radix: 36) }.joined(separator: "-")
        places[ByBytes(name)] = Place(session: session, lastSeen: .now)
        return name
    }

    /// Somebody comes to a session; `leave` follows.
    func enter(_ name: String) -> Session? {
        places[ByBytes(name)]?.visitors += 1
        return places[ByBytes(name)]?.session
    }
    func leave(_ name: String) {
        places[ByBytes(name)]?.visitors -= 1
        places[ByBytes(name)]?.lastSeen = .now
    }

    @discardableResult
    func remove(_ name: String) async -> Bool {
        guard let place = places.removeValue(forKey: ByBytes(name)) else { return false }
        await place.session.outbox.close()
        await place.session.conversation.end()
        return true
    }

    /// Those that nobody has come to for too long.
    func sweep() async {
        let start = ContinuousClock.now - Self.patience
        for (name, place) in places where place.visitors == 0 && place.lastSeen < start { await remove(name.text) }
    }

    /// The server ends: nothing more is said unasked.
    func closeStreams() async {
        isClosed = true
        for place in places.values { await place.session.outbox.close() }
    }
}
