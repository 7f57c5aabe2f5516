extension ViewMachine {
    /// How long a view waits and how much it holds. The defaults are the protocol's.
    public struct Bounds: Hashable, Sendable {
        /// How often the broker sends heartbeats.
        public var heartbeat: Duration = .milliseconds(250)
        /// Silence of the events' socket after which the view may be stale.
        public var staleAfter: Duration = .seconds(2)
        /// Between two probes; the first ones follow each other faster, so that joining is prompt.
        public var probeInterval: Duration = .milliseconds(100)
        /// Probes that are answered, but not on the events' socket, before that socket is replaced.
        public var probeTries: Int = 10
        /// A request without a reply for so long is lost.
        public var requestTimeout: Duration = .seconds(2)
        /// How long the events' socket may lag behind what a reply told.
        public var patience: Duration = .milliseconds(250)
        /// When to ask the broker whether this stream is concerned by a newer state that was learned of.
        public var nudge: Duration = .milliseconds(20)
        /// A stream lives while it is named: ping at least so often. Renews the clock comparison too.
        public var keepAlive: Duration = .seconds(5)
        /// What is held while a pull is under way; dropping any of it is safe.
        public var heldEvents: Int = 10_000
        public var heldBytes: Int = 16 << 20
        /// The first pause after a setback; each further one doubles it, up to the limit.
        public var backoff: Duration = .milliseconds(50)
        public var backoffLimit: Duration = .seconds(2)
        /// Subscribers that lost the same message pull at moments spread over this time.
        public var pullSpread: Duration = .milliseconds(10)
        /// Registrations sent anew because something newer was learned of meanwhile, before going on all the
        /// same: a stream of acknowledgements must not keep a view from joining.
        public var repeatedRegistrations: Int = 16
        /// Pulls that failed in a row before the view registers again.
        public var pullTries: Int = 8

        public init() {}
    }
}
