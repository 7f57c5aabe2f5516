// REGISTER: ask for the stream, naming the newest state that is known of. Only the reply to the newest
// registration counts, and only if nothing newer was learned of since it was sent.

extension ViewCore {
    mutating func ask(repeated: Int = 0) -> Registering {
        let attempt = nextAttempt()
        outputs.append(.register(newest: newest, attempt: attempt))
        return .asked(attempt: attempt, newest: newest, at: now, repeated: repeated)
    }

    /// Back to REGISTER, with the state kept: at once, or after a pause if this is not the first setback.
    mutating func rejoin() -> ViewPhase {
        setbacks += 1
        hearing.wantsPing = false
        return .register(setbacks == 1 ? ask() : .pausing(until: now + backoff(setbacks)))
    }

    /// The events' socket is deaf. The driver will say when there is a new one.
    mutating func replaceSocket() -> ViewPhase {
        setbacks += 1
        hearing.wantsPing = false
        subscribed = nil
        outputs.append(.replaceSocket)
        return .register(.unconnected)
    }

    mutating func registered(
        _ reply: Registered, lineage: Lineage, instance: Instance, asked: Token?, repeated: Int
    ) -> ViewPhase {
        if newest != asked, repeated < bounds.repeatedRegistrations { return .register(ask(repeated: repeated + 1)) }
        adopt(lineage, instance, reset: reply.reset && asked != nil)
        stream = Stream(id: reply.stream, alias: reply.alias, generation: reply.generation)
        subscribe(to: reply.stream)
        return probe()
    }

    private mutating func subscribe(to stream: StreamID) {
        guard subscribed != stream else { return }
        if let subscribed { outputs.append(.unsubscribe(subscribed)) }
        outputs.append(.subscribe(stream))
        subscribed = stream
    }

    mutating func registerRefused(_ refusal: Refusal) -> ViewPhase {
        if refusal.code.remedy == .fixRequest {
            outputs.append(.failed(refusal))
            return .failed
        }
        return registerLost()
    }

    mutating func registerLost() -> ViewPhase {
        setbacks += 1
        return .register(.pausing(until: now + backoff(setbacks)))
    }

    mutating func afterTime(in registering: Registering) -> ViewPhase {
        switch registering {
        case .asked(_, _, let at, _) where now >= at + bounds.requestTimeout: return registerLost()
        case .pausing(let until) where now >= until: return .register(ask())
        case .unconnected, .asked, .pausing: return .register(registering)
        }
    }
}
