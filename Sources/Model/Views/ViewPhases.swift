import DequeModule

/// A phase with everything that belongs to it and to no other.
enum ViewPhase: Sendable {
    case register(Registering)
    case probe(Probing)
    case pull(Pulling)
    case live(Living)
    /// The stream cannot be had; nothing changes that.
    case failed

    var phase: ViewMachine.Phase {
        switch self {
        case .register, .failed: .register
        case .probe: .probe
        case .pull: .pull
        case .live: .live
        }
    }
    var isLive: Bool { if case .live = self { true } else { false } }
    /// In REGISTER nobody is believed but the reply to the newest registration.
    var isRegistered: Bool {
        switch self {
        case .register, .failed: false
        case .probe, .pull, .live: true
        }
    }
}

enum Registering: Sendable {
    /// Until the driver says that sockets are up.
    case unconnected
    case asked(attempt: UInt64, newest: Token?, at: Instant, repeated: Int)
    case pausing(until: Instant)
}

struct Probing: Sendable {
    var nonces: [UInt64]
    let since: Instant
    var lastSent: Instant
    /// When the broker first answered on the request socket: it is there, only the events are not.
    var answered: Instant?
}

struct Pulling: Sendable {
    enum Stage: Sendable {
        case pausing(until: Instant, then: Turn)
        case asked(attempt: UInt64, at: Instant, Turn)
    }
    /// The page whose turn it is, and what was staged before it.
    struct Turn: Sendable {
        /// `nil`: the highest revision seen when the page is asked for, which is the first.
        var atLeast: Revision?
        var page: PageToken?
        var staged: Staged?
        static let first = Turn()
    }
    var stage: Stage
    /// In a row, without a page in between.
    var failures = 0
}

/// The pages of one pull so far. Kept per page, so that staging never copies records.
struct Staged: Sendable {
    let isSnapshot: Bool
    let base: Position
    let target: Position
    var pages: [[Record]]

    init(first page: PullPage) {
        isSnapshot = page.isSnapshot
        base = page.base
        target = page.target
        pages = [page.records]
    }

    func continues(with page: PullPage) -> Bool {
        page.isSnapshot == isSnapshot && page.base == base && page.target == target
    }
}

struct Living: Sendable {
    var awaited: Awaited?
    /// A registration that only renews alias and generation, under way since.
    var renewal: (attempt: UInt64, at: Instant)?
    /// Since when heartbeats have been heard that could not be judged, and nothing else settled the matter.
    var doubt: Instant?
}

/// States that the events' socket is to bring soon: something faster told of them.
struct Awaited: Sendable {
    private(set) var revision: Revision
    private(set) var since: Instant
    var isNudged = false
    private var newest: (revision: Revision, since: Instant)

    init(_ revision: Revision, since: Instant) {
        self.revision = revision
        self.since = since
        newest = (revision, since)
    }

    /// Later targets wait behind the first: a steady flow of them must not put off its deadline.
    mutating func add(_ revision: Revision, at now: Instant) {
        if revision > newest.revision { newest = (revision, now) }
    }

    /// What is left to wait for at this cut.
    func reached(_ cut: Revision) -> Awaited? {
        if revision > cut { return self }
        return newest.revision > cut ? Awaited(newest.revision, since: newest.since) : nil
    }
}

/// What arrived while a pull is under way; empty in every other phase. It stands in ``ViewCore``, where it
/// changes in place: a payload would be copied with each message. Bounded; the oldest goes first, since the pull covers
/// it best.
struct Held: Sendable {
    private var messages: Deque<Published.Content> = []
    private(set) var bytes = 0
    /// Since the view began: what found no room.
    private(set) var dropped = 0

    var count: Int { messages.count }
    var isEmpty: Bool { messages.isEmpty }
    mutating func clear() {
        let before = dropped
        self = Held()
        dropped = before
    }

    mutating func append(_ message: Published.Content, within bounds: ViewMachine.Bounds) {
        if case .heartbeat = message, case .heartbeat? = messages.last { messages.removeLast() }
        messages.append(message)
        bytes += Self.footprint(message)
        while messages.count > bounds.heldEvents || bytes > bounds.heldBytes {
            _ = popFirst()
            dropped += 1
        }
    }

    mutating func prepend(_ message: Published.Content) {
        messages.prepend(message)
        bytes += Self.footprint(message)
    }

    mutating func popFirst() -> Published.Content? {
        guard let first = messages.popFirst() else { return nil }
        bytes -= Self.footprint(first)
        return first
    }

    private static func footprint(_ message: Published.Content) -> Int {
        guard case .event(let event) = message else { return 0 }
        return event.records.reduce(64) { $0 + $1.footprint }
    }
}
