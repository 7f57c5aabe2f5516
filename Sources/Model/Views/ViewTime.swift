// What passing time does to each phase, and when it does so next.

extension ViewCore {
    mutating func afterTime(in state: consuming ViewPhase) -> ViewPhase {
        switch state {
        case .register(let registering): return afterTime(in: registering)
        case .probe(let probing): return afterTime(in: probing)
        case .pull(let pulling): return afterTime(in: pulling)
        case .live(let living): return afterTime(in: living)
        case .failed: return .failed
        }
    }

    /// The next moment at which time alone changes something. Far away while only the driver can go on.
    func wakeAt(in state: ViewPhase) -> Instant {
        let phase = deadline(in: state)
        return hearing.wantsPing ? min(phase, nextPing) : phase
    }

    private func deadline(in state: ViewPhase) -> Instant {
        switch state {
        case .failed, .register(.unconnected): now + .seconds(3600)
        case .register(.asked(_, _, let at, _)): at + bounds.requestTimeout
        case .register(.pausing(let until)): until
        case .probe(let probing): probeDue(in: probing)
        case .pull(let pulling): min(deadline(in: pulling.stage), silenceDeadline)
        case .live(let living): min(deadline(in: living), silenceDeadline, keepAliveDue)
        }
    }

    private func deadline(in stage: Pulling.Stage) -> Instant {
        switch stage {
        case .asked(_, let at, _): at + bounds.requestTimeout
        case .pausing(let until, _): until
        }
    }

    private func deadline(in living: Living) -> Instant {
        let doubt = living.doubt.map { $0 + bounds.staleAfter } ?? now + .seconds(3600)
        guard let awaited = living.awaited else { return doubt }
        return min(doubt, awaited.since + (awaited.isNudged ? bounds.patience : bounds.nudge))
    }
}
