import MembusModel

extension Check {
    mutating func take(_ read: Read) {
        let who = "read \(read.id) (\(read.consistency)) by agent \(read.agent) of \(read.keys)"
        let (lineage, at) = (read.token.lineage, read.token.revision)
        exists(read.token.position, lineage, who)
        guard let truth = history.truths[lineage], truth.holds(read.token.position) else { return }

        // 5 and 9: all of it is the state at its revision, nothing lower, nothing brought back.
        let found = Dictionary(read.found.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        for key in read.keys {
            let expected = truth.record(key, on: read.branch, at: at)
            let actual = found[key].flatMap { $0.isDeleted ? nil : $0 }
            if expected != actual {
                violated(
                    5, "\(who) at \(at): \(key) is \(actual?.description ?? "absent"), the truth is "
                        + (expected?.description ?? "absent"))
            }
        }
        checkSession(read, who)
        checkAge(read, who)
        agents[read.agent, default: [:]][lineage, default: Known()].read = max(
            agents[read.agent]?[lineage]?.read ?? 0, at)
        // What a strong read showed, no later strong read may miss.
        if isStrong(read) { told[lineage] = max(told[lineage] ?? 0, at) }
    }

    private func isStrong(_ read: Read) -> Bool {
        switch read.consistency {
        case .direct, .linearizable: true
        case .cached, .atLeast, .within: false
        }
    }

    /// 10: own writes are read, by views that the agent was told are complete.
    private mutating func checkSession(_ read: Read, _ who: String) {
        guard read.view == nil || read.isJoined else { return }
        // Writes that finished after the read began may be missed.
        let own = ownAtAsk[read.id]?[read.token.lineage]?.written[read.branch] ?? 0
        if own > read.token.revision {
            violated(10, "\(who) is of \(read.token.revision), though the agent's own write is \(own)")
        }
    }

    /// 11 and 12: as fresh as it was asked to be.
    private mutating func checkAge(_ read: Read, _ who: String) {
        let (lineage, at) = (read.token.lineage, read.token.revision)
        switch read.consistency {
        case .cached: break
        case .atLeast(let token):
            if token.lineage == lineage, at < token.revision { violated(11, "\(who) is of \(at), less than \(token.revision)") }
        case .linearizable, .direct:
            if let before = reads[read.id]?[lineage], before > at {
                violated(11, "\(who) is of \(at), though \(before) was acknowledged before it began")
            }
        case .within(let age):
            guard let asked = askedAt[read.id] else { return }
            let then = shown(lineage, at: asked - age)
            if then > at { violated(12, "\(who) is of \(at), though \(then) was visible \(age) before it was asked for") }
        }
    }
}
