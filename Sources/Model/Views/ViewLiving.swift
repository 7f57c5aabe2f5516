// LIVE: the gap rule. A small case: the cut is 7, the stream's commits are 7, 9 and 12.
//
//   event 9 (previous 7)         next in line: apply, the cut is 9
//   event 12 (previous 9)        lost 9 instead? then previous 9 > 7: hold 12 and pull
//   bookmark 11 (last 9)         at 9: nothing is missing up to 11. At 7: 9 is missing, pull
//   heartbeat 11 (9, 11], none   at 9: the same. At 7: 7 < 9, the beat says nothing about (7, 9]: ping

/// What a published message shows about the cut.
enum Following {
    /// Applied, or nothing new.
    case settled
    /// It cannot be judged: ask.
    case doubtful
    /// Something is missing; `isHeld` if the message itself is worth keeping until it is there.
    case lost(isHeld: Bool)
}

extension ViewCore {
    mutating func follow(_ content: Published.Content) -> Following {
        switch content {
        case .event(let event): follow(event)
        case .bookmark(let bookmark): follow(bookmark)
        case .heartbeat(let beat): follow(beat)
        }
    }

    private mutating func follow(_ event: Event) -> Following {
        if event.revision <= at { return .settled }
        if event.previous > at { return .lost(isHeld: !event.isAnnounced) }
        if event.isAnnounced { return .lost(isHeld: false) }
        outputs.append(.apply(event.records, to: event.position))
        move(to: event.position)
        return .settled
    }

    private mutating func follow(_ bookmark: Bookmark) -> Following {
        complete(to: bookmark.position, last: bookmark.last)
    }

    private mutating func follow(_ beat: Heartbeat) -> Following {
        guard let stream, beat.generation == stream.generation, at >= beat.since else { return .doubtful }
        let last = beat.changed.first { $0.alias == stream.alias }?.last
        return complete(to: beat.position, last: last ?? at)
    }

    private mutating func complete(to position: Position, last: Revision) -> Following {
        if position.revision <= at { return .settled }
        if last > at { return .lost(isHeld: false) }
        outputs.append(.advance(to: position))
        move(to: position)
        return .settled
    }

    mutating func heard(_ content: Published.Content, in living: consuming Living) -> ViewPhase {
        switch follow(content) {
        case .settled:
            return .live(settled(living, by: content))
        case .doubtful where reportedLive == false:
            // The first sign of life after a silence, and it does not say what the silence hid.
            return pull()
        case .doubtful:
            hearing.wantsPing = true
            living.doubt = living.doubt ?? now
            return .live(renewing(living, after: content))
        case .lost(let isHeld): return repair(content, isHeld: isHeld)
        }
    }

    private mutating func repair(_ content: Published.Content, isHeld: Bool) -> ViewPhase {
        pull(holding: isHeld ? content : nil, after: isNextInLine(content) ? .zero : jitter.upTo(bounds.pullSpread))
    }

    /// Announced because it is large: not lost, and awaited by nobody else's mistake.
    private func isNextInLine(_ content: Published.Content) -> Bool {
        if case .event(let event) = content { event.isAnnounced && event.previous <= at } else { false }
    }

    /// A bookmark in a reply: it may have overtaken events.
    mutating func told(_ bookmark: Bookmark, in living: consuming Living) -> ViewPhase {
        if case .lost = follow(bookmark) { return awaiting(bookmark.last, in: living) }
        return .live(settled(living, by: .bookmark(bookmark)))
    }

    /// An event says what came next, not that nothing else is missing: only the others end a doubt.
    private func settled(_ living: consuming Living, by content: Published.Content) -> Living {
        living.awaited = living.awaited?.reached(at)
        if case .event = content { return living }
        living.doubt = nil
        return living
    }

    func awaiting(_ revision: Revision, in living: consuming Living) -> ViewPhase {
        if living.awaited == nil { living.awaited = Awaited(revision, since: now) }
        living.awaited?.add(revision, at: now)
        return .live(living)
    }

    // MARK: renewal

    /// The generation changed, so our alias may name another stream: besides asking for the bookmark, learn
    /// the new alias. The view stays live meanwhile: nothing but the alias is in doubt.
    private mutating func renewing(_ living: consuming Living, after content: Published.Content) -> Living {
        guard case .heartbeat(let beat) = content, beat.generation != stream?.generation else { return living }
        if let renewal = living.renewal, now < renewal.at + bounds.requestTimeout { return living }
        let attempt = nextAttempt()
        outputs.append(.register(newest: newest, attempt: attempt))
        living.renewal = (attempt, now)
        return living
    }

    mutating func renewed(
        _ reply: Registered, lineage: Lineage, instance: Instance, in living: consuming Living
    ) -> ViewPhase {
        guard !reply.reset, reply.stream == stream?.id, lineage == self.lineage, instance == self.instance else {
            return rejoin()
        }
        stream = Stream(id: reply.stream, alias: reply.alias, generation: reply.generation)
        living.renewal = nil
        return .live(living)
    }

    // MARK: time

    mutating func afterTime(in living: consuming Living) -> ViewPhase {
        if minding(silence: now) { return replaceSocket() }
        if let awaited = living.awaited {
            if now >= awaited.since + bounds.patience { return pull() }
            if !awaited.isNudged, now >= awaited.since + bounds.nudge {
                living.awaited?.isNudged = true
                hearing.wantsPing = true
            }
        }
        if let doubt = living.doubt, now >= doubt + bounds.staleAfter { return pull() }
        if now >= keepAliveDue { hearing.wantsPing = true }
        return .live(living)
    }

    /// Soon, while no ping was answered yet: nothing is known then about how old the view is.
    var keepAliveDue: Instant {
        let interval = freshness.isCompared ? bounds.keepAlive : bounds.heartbeat
        return hearing.lastPing.map { $0 + interval } ?? now
    }
}
