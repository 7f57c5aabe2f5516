// The contract between the client's core and whoever drives it: the driver's thread in the product, a
// seeded world in simulations.

/// Something that an agent asked for and waits for.
struct CallID: Hashable, Comparable, Sendable {
    let number: UInt64
    static func < (a: CallID, b: CallID) -> Bool { a.number < b.number }
}

/// One of the client's views.
struct ViewID: Hashable, Comparable, Sendable {
    let number: UInt64
    static func < (a: ViewID, b: ViewID) -> Bool { a.number < b.number }
}

enum Call: Sendable {
    /// Finishes once the broker has answered the first hello.
    case welcome
    /// A request that is safe to repeat: it is sent again until it is answered.
    case request(Request.Body)
    /// A transaction or fork, executed once; finishes when it is decided and, if it is to be shown, the own views have reached it.
    case transact(Work, isShown: Bool = true)
    /// Waits until the view's state is as fresh as this.
    case reach(ViewID, Freshness)
}

/// What a view is awaited for.
enum Freshness: Hashable, Sendable {
    /// Joined and live, with everything that this client was told of.
    case live
    case atLeast(Token)
    case within(Duration)
    case linearizable
    /// Something of the view's topics changed after this revision, up to which somebody has read the log as this broker
    /// gave it. A hint: it may be early, never late. It comes now and then, too, while the view can't tell.
    case changed(after: Revision, asOf: Instance?)
}

/// What a view follows.
struct Follow: Hashable, Sendable {
    var branch: BranchName
    var filter: TopicFilter
    var mode: StreamMode
    /// The state that it starts from: a warm file's.
    var start: Token? = nil
    /// Only tells that something changed: it has no readers, so that no write waits for it.
    var isSignal = false
}

enum ClientInput: Sendable {
    /// The request socket is there.
    case started
    case reply(Reply)
    case published(Published)
    case call(CallID, Call, deadline: Instant)
    /// The caller has gone.
    case cancel(CallID)
    case follow(ViewID, Follow)
    case unfollow(ViewID)
    /// First reads of cached records, to be put on record.
    /// - Parameter dropped: so many more could not be kept.
    case noted([NotedRead], dropped: Int = 0)
    /// The same of what was read before a transaction that is about to come, and carries them.
    case read([NotedRead], dropped: Int = 0)
    /// The connection is about to end: what was read until now is to be put on record at once, and the session closed.
    case leaving([NotedRead], dropped: Int = 0)
    /// Time passed; comes at least every 50 ms.
    case tick
}

enum ClientOutput: Sendable {
    case send(Request)
    /// The request socket seems dead: replace it. What was under way on it is sent again by the core.
    case reopenRequests
    /// Connect the events' socket there, in place of the one before; it knows heartbeats only.
    case connectEvents(String)
    /// The events' socket is deaf: replace it, to the same endpoint; it knows heartbeats only.
    case replaceEvents
    case subscribe(StreamID)
    case unsubscribe(StreamID)
    /// Carry this out on the view's cache. Comes before the ``finish(_:_:)`` of whoever waited for it.
    case view(ViewID, ViewOutput, of: Lineage?)
    case finish(CallID, Result<Answer, any Error>)
    case state(LinkState)
}

/// What a call comes back with.
enum Answer: Sendable {
    case reply(Reply)
    case decided(Outcome, Lineage)
    /// A view is where the caller wanted it: there. `nil`: it has no state, or it was no view that was waited for.
    case reached(at: Token?)
    /// A signal tells that there is more to read, beyond what it knows to be quiet.
    case heard(Quiet?)
}

/// How the connection stands, by the monotonic clock.
enum LinkState: Hashable, Sendable {
    case connecting
    case connected
    case silent(since: Instant)
    /// The broker answers, but nothing comes on the events' socket, which is connected to this endpoint.
    case eventless(from: String, since: Instant)
    case closed
}
