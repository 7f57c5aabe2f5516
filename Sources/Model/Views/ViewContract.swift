// What a view's machine and whoever drives it say to each other: the client's core in the product, a test, a seeded
// world. The machine never waits: each input is answered at once, with what is to be done, in order.

/// What happens to a view.
package enum ViewInput: Sendable {
    /// The request and events sockets are up (first connection, or after the driver replaced the events'
    /// socket, which loses every subscription): register.
    case connected
    /// Reply to ``ViewOutput/register``; `attempt` echoes it.
    case registered(Registered, attempt: UInt64, lineage: Lineage, instance: Instance, visible: Position)
    /// Reply to ``ViewOutput/pull``.
    case page(PullPage, attempt: UInt64, instance: Instance)
    /// A register, pull or ping was refused; for a ping `attempt` is its nonce.
    case refused(Refusal, attempt: UInt64, instance: Instance)
    /// Reply to ``ViewOutput/ping``. `clock`: the broker's monotonic clock. The bookmark for this stream
    /// comes as ``bookmark(_:instance:)`` just before.
    case pong(nonce: UInt64, clock: Int64, visible: Position, instance: Instance)
    /// This stream's bookmark in any reply; `nil`: the broker does not know the stream.
    case bookmark(Bookmark?, instance: Instance)
    /// From the events' socket: for this view's stream, or a heartbeat.
    case published(Published)
    /// A newer state of this branch's history is known of: an acknowledgement, or a token that somebody waits for.
    case learned(Token)
    /// A reply to anybody's request came from this instance.
    case instance(Instance)
    /// Time passed; comes at least every 50 ms, and at ``ViewMachine/wakeAt``.
    case tick
}

/// What the driver is to do, in order.
package enum ViewOutput: Sendable {
    case register(newest: Token?, attempt: UInt64)
    /// Subscribe the events' socket to the stream (the driver has subscribed to heartbeats before). On one
    /// socket each subscription is made once and taken back at most once: safe to count per view.
    case subscribe(StreamID)
    case unsubscribe(StreamID)
    /// Ping with this nonce, naming the stream in the request.
    case ping(nonce: UInt64)
    case pull(stream: StreamID, from: Token?, atLeast: Revision, page: PageToken?, attempt: UInt64)
    /// The events' socket is deaf: replace it, then send ``ViewInput/connected`` to every view that uses it.
    case replaceSocket
    /// Apply one commit's matching records (deletions included): the cut is then `to`.
    case apply([Record], to: Position)
    /// Replace all state by these records (none for an invalidate stream: everything held is void).
    case install([Record], at: Position)
    /// Apply the changes of a pull, all at once.
    case catchUp([Record], to: Position)
    /// Nothing of this stream changed up to here.
    case advance(to: Position)
    /// The history is another one: drop records, fills and waiters (which fail), tell the owner.
    case reset(Lineage)
    case live
    case stale(since: Instant)
    /// The state is proven to contain everything that was visible at this moment of the local clock.
    case fresh(asOf: Instant)
    /// The stream can't be had at all, whatever is retried (an unknown branch, a filter that is refused).
    case failed(Refusal)
}
