// PULL: the state, or what changed since the cut, page by page.
//
//   hold what the stream publishes → stage the pages → with the last one install all at once → follow what was
//   held, in order → LIVE, or PULL again if that shows another hole
//
// Every page is asked for under an attempt of its own, so that no page is staged twice or out of turn.

extension Pulling {
    func isAsked(_ attempt: UInt64) -> Bool {
        if case .asked(attempt, _, _) = stage { true } else { false }
    }
}

extension ViewCore {
    /// - Parameters:
    ///   - message: the first to hold.
    ///   - pause: before the first page is asked for.
    mutating func pull(holding message: Published.Content? = nil, after pause: Duration = .zero) -> ViewPhase {
        held.clear()
        if let message { held.append(message, within: bounds) }
        return .pull(Pulling(stage: pause > .zero ? .pausing(until: now + pause, then: .first) : ask(.first)))
    }

    private mutating func ask(_ turn: consuming Pulling.Turn) -> Pulling.Stage {
        let attempt = nextAttempt()
        let atLeast = turn.atLeast ?? max(highest, learned?.revision ?? 0)
        turn.atLeast = atLeast
        if let stream {
            outputs.append(
                .pull(stream: stream.id, from: cutToken, atLeast: atLeast, page: turn.page, attempt: attempt))
        }
        return .asked(attempt: attempt, at: now, turn)
    }

    mutating func heard(_ content: Published.Content, in pulling: consuming Pulling) -> ViewPhase {
        held.append(content, within: bounds)
        return .pull(pulling)
    }

    mutating func turn(_ page: PullPage, attempt: UInt64, in pulling: consuming Pulling) -> ViewPhase {
        guard case .asked(attempt, _, let turn) = pulling.stage else { return .pull(pulling) }
        var staged = Staged(first: page)
        if let before = turn.staged {
            guard before.continues(with: page) else { return pullBroken(in: pulling) }
            staged = before
            staged.pages.append(page.records)
        }
        guard let next = page.next else { return finish(staged, atLeast: turn.atLeast ?? 0, in: pulling) }
        guard next.target == staged.target else { return pullBroken(in: pulling) }
        pulling.failures = 0
        pulling.stage = ask(Pulling.Turn(atLeast: turn.atLeast, page: next, staged: staged))
        return .pull(pulling)
    }

    /// The last page is there.
    private mutating func finish(
        _ staged: Staged, atLeast: Revision, in pulling: consuming Pulling
    ) -> ViewPhase {
        if contradicts(staged.target) || !staged.isSnapshot && contradicts(staged.base) {
            distrust()
            return rejoin()
        }
        guard staged.target.revision >= max(atLeast, at), staged.isSnapshot || staged.base.revision <= at else {
            return pullBroken(in: pulling)
        }
        if staged.target.revision > at { install(staged) }
        return followHeld()
    }

    /// Of the same revision as the cut, but of another history.
    private func contradicts(_ position: Position) -> Bool {
        guard let cut else { return false }
        return position.revision == cut.revision && position.hash != cut.hash
    }

    private mutating func install(_ staged: Staged) {
        let records = staged.pages.count == 1 ? staged.pages[0] : Array(staged.pages.joined())
        outputs.append(
            staged.isSnapshot ? .install(records, at: staged.target) : .catchUp(records, to: staged.target))
        move(to: staged.target)
    }

    /// What was held, by the same rules as if it arrived now.
    private mutating func followHeld() -> ViewPhase {
        while let message = held.popFirst() {
            switch follow(message) {
            case .settled: continue
            case .doubtful: hearing.wantsPing = true
            case .lost(let isHeld):
                if isHeld { held.prepend(message) }
                return .pull(Pulling(stage: ask(.first)))
            }
        }
        setbacks = 0
        return .live(Living())
    }

    mutating func pullRefused(_ refusal: Refusal, in pulling: consuming Pulling) -> ViewPhase {
        switch (refusal.code, refusal.code.remedy) {
        case (.historyDiffers, _):
            distrust()
            return rejoin()
        case (.pullBroken, _), (_, .fixRequest): return pullBroken(in: pulling)
        case (_, .resync): return rejoin()
        case (_, .retry): return pullPutOff(in: pulling)
        }
    }

    /// The broker is busy: the same page again after a pause. Starting over would only make it busier.
    private mutating func pullPutOff(in pulling: consuming Pulling) -> ViewPhase {
        guard case .asked(_, _, let turn) = pulling.stage else { return .pull(pulling) }
        return pause(pulling, then: turn)
    }

    /// Drop what is staged and start again after a pause.
    mutating func pullBroken(in pulling: consuming Pulling) -> ViewPhase { pause(pulling, then: .first) }

    /// After many failures ask who we are talking to.
    private mutating func pause(_ pulling: consuming Pulling, then turn: Pulling.Turn) -> ViewPhase {
        pulling.failures += 1
        if pulling.failures >= bounds.pullTries { return rejoin() }
        pulling.stage = .pausing(until: now + backoff(pulling.failures), then: turn)
        return .pull(pulling)
    }

    mutating func afterTime(in pulling: consuming Pulling) -> ViewPhase {
        if minding(silence: now) { return replaceSocket() }
        switch pulling.stage {
        case .asked(_, let at, _) where now >= at + bounds.requestTimeout: return pullBroken(in: pulling)
        case .pausing(let until, let turn) where now >= until: pulling.stage = ask(turn)
        case .asked, .pausing: break
        }
        return .pull(pulling)
    }
}
