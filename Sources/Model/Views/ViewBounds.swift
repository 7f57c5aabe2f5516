extension ViewMachine {
    /// How long a view waits and how much it holds. The defaults are the protocol's.
    package struct Bounds: Hashable, Sendable {
        /// How often the broker sends heartbeats.
        package var heartbeat: Duration = .milliseconds(250)
        /// Silence of the events' socket after which the view may be stale.
        package var staleAfter: Duration = .seconds(2)
        /// Between two probes; the first ones follow each other faster, so that joining is prompt.
        package var probeInterval: Duration = .milliseconds(100)
        /// Probes that are answered, but not on the events' socket, before that socket is replaced.
        package var probeTries: Int = 10
        /// A request without a reply for so long is lost.
        package var requestTimeout: Duration = .seconds(2)
        /// How long the events' socket may lag behind what a reply told.
        package var patience: Duration = .milliseconds(250)
        /// When to ask the broker whether this stream is concerned by a newer state that was learned of.
        package var nudge: Duration = .milliseconds(20)
        /// A stream lives while it is named: ping at least so often. Renews the clock comparison too.
        package var keepAlive: Duration = .seconds(5)
        /// What is held while a pull is under way; dropping any of it is safe.
        package var heldEvents: Int = 10_000
        package var heldBytes: Int = 16 << 20
        /// The first pause after a setback; each further one doubles it, up to the limit.
        package var backoff: Duration = .milliseconds(50)
        package var backoffLimit: Duration = .seconds(2)
        /// Subscribers that lost the same message pull at moments spread over this time.
        package var pullSpread: Duration = .milliseconds(10)
        /// Registrations sent anew because something newer was learned of meanwhile, before going on all the
        /// same: a stream of acknowledgements must not keep a view from joining.
        package var repeatedRegistrations: Int = 16
        /// Pulls that failed in a row before the view registers again.
        package var pullTries: Int = 8

        package init() {}
    }
}
