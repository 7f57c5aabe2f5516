// Which function of which phase takes an input. One function per family of inputs; the phases' own rules are
// in ViewRegistering, ViewProbing, ViewPulling and ViewLiving.

extension ViewCore {
    mutating func after(_ input: ViewInput, in state: consuming ViewPhase) -> ViewPhase {
        if case .failed = state { return state }
        switch input {
        case .connected: return connected()
        case .registered(let reply, let attempt, let lineage, let instance, _):
            return registered(reply, attempt: attempt, lineage: lineage, instance: instance, in: state)
        case .refused(let refusal, let attempt, let instance):
            return refused(refusal, attempt: attempt, instance: instance, in: state)
        case .page(let page, let attempt, let instance):
            return paged(page, attempt: attempt, instance: instance, in: state)
        case .pong(let nonce, let clock, let visible, let instance):
            return ponged(nonce, clock: clock, visible: visible, instance: instance, in: state)
        case .bookmark(let bookmark, let instance): return told(bookmark, instance: instance, in: state)
        case .published(let message): return heard(message, in: state)
        case .learned(let token): return learned(token, in: state)
        case .instance(let instance): return isForeign(instance, in: state) ? rejoin() : state
        case .tick: return state
        }
    }

    /// A reply of another instance: the stream that we are registered for is gone.
    private func isForeign(_ instance: Instance, in state: borrowing ViewPhase) -> Bool {
        state.isRegistered && instance != self.instance
    }

    /// The driver's sockets are new: no subscription is left on them.
    private mutating func connected() -> ViewPhase {
        subscribed = nil
        hearing.wantsPing = false
        return .register(ask())
    }

    private mutating func registered(
        _ reply: Registered, attempt: UInt64, lineage: Lineage, instance: Instance, in state: consuming ViewPhase
    ) -> ViewPhase {
        switch state {
        case .register(.asked(attempt, let newest, _, let repeated)):
            return registered(reply, lineage: lineage, instance: instance, asked: newest, repeated: repeated)
        case .live(let living) where living.renewal?.attempt == attempt:
            return renewed(reply, lineage: lineage, instance: instance, in: living)
        default: return state
        }
    }

    private mutating func refused(
        _ refusal: Refusal, attempt: UInt64, instance: Instance, in state: consuming ViewPhase
    ) -> ViewPhase {
        if case .register(.asked(attempt, _, _, _)) = state { return registerRefused(refusal) }
        if isForeign(instance, in: state) { return rejoin() }
        switch state {
        case .pull(let pulling) where pulling.isAsked(attempt): return pullRefused(refusal, in: pulling)
        case .live(var living) where living.renewal?.attempt == attempt:
            living.renewal = nil
            return .live(living)
        default:
            return refusal.code == .unknownStream && freshness.awaits(attempt) ? rejoin() : state
        }
    }

    private mutating func paged(
        _ page: PullPage, attempt: UInt64, instance: Instance, in state: consuming ViewPhase
    ) -> ViewPhase {
        if isForeign(instance, in: state) { return rejoin() }
        guard case .pull(let pulling) = state else { return state }
        return turn(page, attempt: attempt, in: pulling)
    }

    private mutating func ponged(
        _ nonce: UInt64, clock: Int64, visible: Position, instance: Instance, in state: consuming ViewPhase
    ) -> ViewPhase {
        if isForeign(instance, in: state) { return rejoin() }
        guard state.isRegistered else { return state }
        pong(nonce, clock: clock, visible: visible)
        guard case .probe(let probing) = state else { return state }
        return probing.nonces.contains(nonce) ? answered(in: probing) : .probe(probing)
    }

    /// The stream's bookmark in a reply.
    private mutating func told(
        _ bookmark: Bookmark?, instance: Instance, in state: consuming ViewPhase
    ) -> ViewPhase {
        if isForeign(instance, in: state) { return rejoin() }
        guard state.isRegistered else { return state }
        guard let bookmark else { return rejoin() }
        saw(bookmark.position.revision)
        switch state {
        case .live(let living): return told(bookmark, in: living)
        default: return state
        }
    }

    private mutating func heard(_ message: Published, in state: consuming ViewPhase) -> ViewPhase {
        guard state.isRegistered, let stream else { return state }
        guard message.instance == instance else {
            hearing.wantsPing = true
            return state
        }
        guard message.topic == stream.id || message.topic == .heartbeat else { return state }
        note(message.content)
        switch state {
        case .probe(let probing): return heard(message.content, in: probing)
        case .pull(let pulling): return heard(message.content, in: pulling)
        case .live(let living): return heard(message.content, in: living)
        case .register, .failed: return state
        }
    }

    /// What any phase takes from a message of the present instance, whatever else becomes of it.
    private mutating func note(_ content: Published.Content) {
        hearing.heard(at: now)
        switch content {
        case .event(let event): saw(event.revision)
        case .bookmark(let bookmark): saw(bookmark.position.revision)
        case .heartbeat(let beat):
            saw(beat.position.revision)
            freshness.stamped(beat.clock, visible: beat.position.revision, now: now)
        }
    }

    private mutating func learned(_ token: Token, in state: consuming ViewPhase) -> ViewPhase {
        learn(token)
        guard case .live(let living) = state, learned == token else { return state }
        return awaiting(token.revision, in: living)
    }
}
