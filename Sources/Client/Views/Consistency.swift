/// How fresh a read must be. Each costs more than the one before.
public enum Consistency: Hashable, Sendable {
    /// What the view holds: no request.
    case cached
    /// A state that contains what the token stands for.
    case atLeast(Token)
    /// A state that contains everything that was visible this long ago.
    case within(Duration)
    /// A state that contains everything acknowledged to anybody before the read began.
    case linearizable
}

/// What a view does while it cannot vouch for its state.
public enum WhenStale: String, Hashable, Sendable, CaseIterable {
    /// Serve it; ``View/state`` tells its age.
    case serve
    /// `await view.get(…)` waits until the view is live; the reads that cannot wait throw.
    case wait
    /// Throw ``MembusError/stale(_:for:_:noEventsFrom:)``.
    case fail
}

/// How a view stands.
public enum ViewState: Hashable, Sendable {
    /// Complete up to its cut, and told of everything newer within a second or so.
    case live
    /// Its state is a whole, older one; it has not been vouched for, for this long.
    case stale(for: Duration)
    /// It can't be had at all, whatever is retried.
    case failed(Refusal)
    case closed
}

/// How the connection stands.
public enum ConnectionState: Hashable, Sendable {
    case connecting
    case connected
    /// Nothing has been heard from the broker for this long; it is being tried.
    case disconnected(for: Duration)
    /// The broker answers, but no event comes from this endpoint of its, for this long. Views are stale, watches read the
    /// broker's log once in a while. Empty: the broker named no endpoint.
    case withoutEvents(from: String, for: Duration)
    case closed
}
