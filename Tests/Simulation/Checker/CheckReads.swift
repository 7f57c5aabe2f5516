import MembusModel

extension Check {
    mutating func take(_ read: Read) {
        let who = "read \(read.id) (\(read.consistency)) by agent \(read.agent) of \(read.keys)"
        let at = read.token.revision
        guard let run = exists(read.token.position, read.token.lineage, who), let truth = truth(of: run) else { return }

        // 5 and 9: all of it is the state at its revision, nothing lower, nothing brought back.
        let found = Dictionary(read.found.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        for key in read.keys {
            let expected = truth.record(key, on: read.branch, at: at)
            let actual = found[key].flatMap { $0.isDeleted ? nil : $0 }
            if let expected, let actual, read.isAnnouncing, actual.tells(expected) { continue }
            if expected != actual {
                violated(
                    .oneState,
                    "\(who) at \(at): \(key) is \(actual?.description ?? "absent"), the truth is "
                        + (expected?.description ?? "absent"))
            }
        }
        checkOrder(read, run, who)
        checkSession(read, run, who)
        checkAge(read, run, who)
        checkPolicy(read, who)
        agents[read.agent, default: [:]][run, default: Known()].read = max(agents[read.agent]?[run]?.read ?? 0, at)
        // What a strong read showed, no later strong read may miss.
        if read.isStrong { told[run] = max(told[run] ?? 0, at) }
    }

    /// 6: a view's reads never go back.
    private mutating func checkOrder(_ read: Read, _ run: Run, _ who: String) {
        guard let view = read.view else { return }
        let asked = reads[read.id]
        if let before = asked?.answers[view]?[run]?.before(asked?.time ?? now), before > read.token.revision {
            violated(
                .neverBack, "\(who) of \(view) is of \(read.token.revision), though one before it was of \(before)")
        }
        answers[view, default: [:]][run, default: Answered()].add(read.token.revision, at: now)
    }

    /// 10: own writes are read, by views that the agent was told are complete. Writes that finished after the
    /// read began may be missed.
    private mutating func checkSession(_ read: Read, _ run: Run, _ who: String) {
        guard read.view == nil || read.isJoined, let asked = reads[read.id] else { return }
        let own = asked.own[run]?.written[read.branch] ?? 0
        if own > read.token.revision {
            violated(.ownWrites, "\(who) is of \(read.token.revision), though the agent's own write is \(own)")
        }
        let later = asked.own.first {
            $0.key.lineage == run.lineage && $0.key.number > run.number && $0.value.written[read.branch] != nil
        }
        if later != nil {
            violated(
                .ownWrites, "\(who) is of a history that was replaced, though the agent has written to the one after it"
            )
        }
    }

    /// 11 and 12: as fresh as it was asked to be.
    private mutating func checkAge(_ read: Read, _ run: Run, _ who: String) {
        let at = read.token.revision
        switch read.consistency {
        case .cached: break
        case .atLeast(let token):
            // Who waits for a state of another history waits in vain, and is told so.
            if token.lineage != run.lineage {
                violated(.ownHistory, "\(who) is of lineage \(run.lineage), not of its token's")
            } else if at < token.revision {
                violated(.linearizable, "\(who) is of \(at), less than \(token.revision)")
            } else if !holds(run, token.position) {
                violated(.linearizable, "\(who) is of a history without its token's \(token.position)")
            }
        case .linearizable, .direct:
            guard let asked = reads[read.id] else { return }
            if let before = asked.told[run], before > at {
                violated(.linearizable, "\(who) is of \(at), though \(before) was acknowledged before it began")
            }
            if lastServed(read.token) < asked.served - 1 {
                violated(.linearizable, "\(who) is of a history that was replaced before it was asked for")
            }
        case .within(let age):
            guard let asked = reads[read.id] else { return }
            let then = shown(run, before: asked.time - age)
            if then > at {
                violated(.boundedAge, "\(who) is of \(at), though \(then) was visible \(age) before it was asked for")
            }
            if isReplaced(read.token, before: asked.time - age) {
                violated(
                    .boundedAge, "\(who) is of \(read.token), whose history was replaced \(age) before it was asked for"
                )
            }
        }
    }

    /// The place of the last run served that holds the state; -1: none does.
    private func lastServed(_ token: Token) -> Int {
        serving.lastIndex { $0.run.lineage == token.lineage && holds($0.run, token.position) } ?? -1
    }

    /// Whether another history was served at a time, or before, and none since that holds the state.
    func isReplaced(_ token: Token, before time: Instant) -> Bool {
        guard let served = serving.lastIndex(where: { $0.time < time }) else { return false }
        return lastServed(token) < served
    }

    /// 8: what its owner chose for a stale view.
    private mutating func checkPolicy(_ read: Read, _ who: String) {
        guard read.isStrict, let name = read.view, let view = views[name] else { return }
        if !view.isLive { violated(.staleIsMarked, "\(who) was served by \(name), which is stale and must not") }
    }
}

extension Read {
    var isStrong: Bool {
        switch consistency {
        case .direct, .linearizable: true
        case .cached, .atLeast, .within: false
        }
    }
}
