// The view: decides what a coherent local copy of one stream does about everything that may happen to it.
// Pure: no clock, randomness or I/O of its own. A driver performs what it answers.
//
// The order, and what each phase waits for:
//
//   REGISTER  ask for the stream, naming the newest state known of; the reply says whether our history holds
//   PROBE     subscribed; ping until a bookmark with our nonce arrives on the events' socket: it hears
//   PULL      hold what arrives, stage pages, install them all at once, then apply what was held, in order
//   LIVE      the gap rule: apply what is next in line, advance over what is complete, else back to PULL
//
// Any phase falls back to REGISTER, with the state kept, when the broker proves to be another instance or
// does not know the stream, and when the events' socket had to be replaced.
//
// Invariants:
//   1. The cut is the revision of everything that was output to be applied; it never goes back, except that
//      `.reset` drops it, and only the reply to the newest registration may cause that.
//   2. The cut moves only over what is complete: by an event with previous <= cut, by a bookmark or heartbeat
//      with last <= cut, or by a whole pull that starts at or below it.
//   3. Nothing is held before the probe's own nonce came back on the events' socket.
//   4. What another instance or stream published, and pages that were not asked for last, change nothing.
//   5. The view is not stale only in LIVE, and there only while the events' socket is heard.
//   6. A pull asks for at least the highest revision seen; what does not reach it is not installed.
//
// Phases are values with what belongs to them and nothing else (ViewPhases; but for what PULL holds, which is in
// ViewCore); a step takes the phase out, hands it to the function for that phase and input, and stores the phase that
// comes back. What outlives phases is in ViewCore, which cannot see the phase.

/// The state machine of one view. See the file's head for phases and invariants, and section "JOINING A
/// STREAM" of `bus.proto` for the rules.
package struct ViewMachine: Sendable {
    package enum Phase: String, Hashable, Sendable, CaseIterable { case register, probe, pull, live }

    package let branch: BranchName
    package let filter: TopicFilter
    package let mode: StreamMode
    private(set) var core: ViewCore
    var bounds: Bounds { core.bounds }
    private var state: ViewPhase

    /// - Parameters:
    ///   - start: warm start: the driver's state is already the one at this position.
    ///   - nonceSeed: random; machines with equal seeds would take each other's probes for their own.
    package init(
        branch: BranchName, filter: TopicFilter, mode: StreamMode, start: Token? = nil, nonceSeed: UInt64,
        bounds: Bounds = .init()
    ) {
        self.branch = branch
        self.filter = filter
        self.mode = mode
        core = ViewCore(start: start, seed: nonceSeed, bounds: bounds)
        state = .register(.unconnected)
    }

    /// Takes what happened at `now` and answers what to do, in order.
    package mutating func step(_ input: ViewInput, now: Instant) -> [ViewOutput] {
        core.begin(at: now)
        // What stands here meanwhile is seen by nobody: the core cannot reach it.
        var taken = ViewPhase.register(.unconnected)
        swap(&taken, &state)
        state = core.afterTime(in: core.after(input, in: taken))
        return core.finish(state.phase)
    }

    package var phase: Phase { state.phase }
    /// The revision that the view's records are at; `nil` before the first state and after a reset.
    package var cut: Position? { core.cut }
    package var lineage: Lineage? { core.lineage }
    /// The broker's, as of the last registration.
    package var instance: Instance? { core.instance }
    package var stream: StreamID? { core.stream?.id }
    /// Whether something may be missing. In LIVE it is so after a silence of the events' socket.
    package var isStale: Bool { core.reportedLive != true }
    /// Of what arrived during pulls, how much found no room.
    package var heldDropped: Int { core.held.dropped }
    package var staleSince: Instant? { core.staleSince }
    /// The state contains everything that was visible at this moment.
    package var freshAsOf: Instant? { core.freshness.asOf }
    /// Send ``ViewInput/tick`` at this moment, if nothing else happens before.
    package var wakeAt: Instant { core.wakeAt(in: state) }
}
