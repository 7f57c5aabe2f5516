import MembusModel

/// What a view has shown so far.
struct Seen {
    var branch: BranchName
    var filter: TopicFilter
    var mode: StreamMode
    var token: Token?
    /// The highest cut in each history: no reset lowers it.
    var highest: [Run: Revision] = [:]
    var isLive = false
    /// Runs, begun by an old copy, in which it was reset although its state was of theirs.
    var excused: Set<Run> = []

    init(branch: BranchName, filter: TopicFilter, mode: StreamMode, token: Token?) {
        self.branch = branch
        self.filter = filter
        self.mode = mode
        self.token = token
    }
    var at: Revision { token?.revision ?? 0 }
}

extension Check {
    // MARK: Invariants 4, 6, 7 and 15: what moves a view

    mutating func moved(_ name: ViewName, _ output: ViewOutput, _ lineage: Lineage?) {
        guard let seen = views[name] else { return }
        switch output {
        case .apply(let records, let to):
            if seen.token == nil { violated(.filteredTruth, "\(name): an event was applied to no state") }
            compare(name, seen, records, to, lineage, "event", invariant: .filteredTruth)
        case .catchUp(let records, let to):
            if seen.token == nil { violated(.filteredTruth, "\(name): changes were applied to no state") }
            compare(name, seen, records, to, lineage, "pull", invariant: .filteredTruth)
        case .advance(let to): compare(name, seen, [], to, lineage, "bookmark or heartbeat", invariant: .completeUpTo)
        case .install(let records, let at): install(name, seen, records, at, lineage)
        case .reset(let new): reset(name, seen, new)
        case .fresh(let asOf): proven(name, seen, asOf)
        case .live: views[name]?.isLive = true
        case .stale: views[name]?.isLive = false
        case .failed, .register, .subscribe, .unsubscribe, .ping, .pull, .replaceSocket: break
        }
    }

    private mutating func compare(
        _ name: ViewName, _ seen: Seen, _ records: [Record], _ to: Position, _ lineage: Lineage?, _ what: String,
        invariant: Invariant
    ) {
        guard let truth = move(name, to, lineage, what) else { return }
        let expected = truth.changes(on: seen.branch, seen.filter, after: seen.at, upTo: to.revision)
        if records.count != expected.count || !zip(records, expected).allSatisfy({ $0.tells($1) }) {
            violated(
                invariant,
                "\(name) of \(seen.filter) on \(seen.branch): the \(what) from \(seen.at) to \(to.revision) brought "
                    + "\(records), the truth is \(expected)")
        }
    }

    private mutating func install(
        _ name: ViewName, _ seen: Seen, _ records: [Record], _ at: Position, _ lineage: Lineage?
    ) {
        guard let truth = move(name, at, lineage, "snapshot"), seen.mode == .update else { return }
        let expected = truth.state(of: seen.branch, seen.filter, at: at.revision)
        if records.count != expected.count || !zip(records, expected).allSatisfy({ $0.tells($1) }) {
            violated(
                .filteredTruth,
                "\(name) of \(seen.filter): the snapshot at \(at.revision) is \(records), the truth is \(expected)")
        }
    }

    /// Only forward, and only to what is in the truth.
    private mutating func move(_ name: ViewName, _ to: Position, _ lineage: Lineage?, _ what: String) -> Truth? {
        guard let lineage, history.truths[lineage] != nil else {
            violated(.ownHistory, "\(name): a \(what) moved it in no known history")
            return nil
        }
        let old = views[name]?.token
        views[name]?.token = Token(lineage: lineage, position: to)
        guard let run = exists(to, lineage, "\(name): a \(what)"), let truth = truth(of: run) else { return nil }
        let highest = views[name]?.highest[run] ?? -1
        if to.revision <= max(highest, old?.lineage == lineage ? old?.revision ?? -1 : -1) {
            violated(
                .neverBack,
                "\(name): a \(what) moved the cut from \(max(highest, old?.revision ?? -1)) back to \(to.revision)")
        }
        if let old, old.lineage != lineage || !truth.holds(old.position) {
            violated(.ownHistory, "\(name): a \(what) of lineage \(lineage) on a state of another history, \(old)")
        }
        views[name]?.highest[run] = max(highest, to.revision)
        return truth
    }

    /// Only for another history.
    private mutating func reset(_ name: ViewName, _ seen: Seen, _ new: Lineage) {
        views[name]?.token = nil
        guard let old = seen.token, old.lineage == new else { return }
        let run = current(new)
        guard holds(run, old.position) else {
            // It was at a state that is lost, so it had not met this run: what it showed that is of both was of the
            // other.
            views[name]?.highest[run] = nil
            return
        }
        // Where a copy was put back, it may be what the agent knew of beyond its state that was lost. Once it is
        // told, it knows.
        if run.number > 0, views[name]?.excused.insert(run).inserted == true {
            views[name]?.highest[run] = nil
            return
        }
        violated(.ownHistory, "\(name) was reset at \(old.position), which is of the broker's own history")
    }

    // MARK: Invariant 16: what it begins with

    mutating func loaded(_ name: ViewName, _ token: Token, _ records: [Record]) {
        guard let seen = views[name], let run = run(holding: token.position, of: token.lineage),
            let truth = truth(of: run)
        else { return }
        let expected = truth.state(of: seen.branch, seen.filter, at: token.revision)
        if records.count != expected.count || !zip(records, expected).allSatisfy({ $0.tells($1) }) {
            violated(.warmFiles, "\(name) begins with \(records) for \(token), where the truth is \(expected)")
        }
    }

    // MARK: Invariant 12: how old it may be

    private mutating func proven(_ name: ViewName, _ seen: Seen, _ asOf: Instant) {
        guard let token = seen.token, let run = run(holding: token.position, of: token.lineage) else { return }
        let then = shown(run, before: asOf)
        if then > token.revision {
            violated(
                .boundedAge,
                "\(name) at \(token.revision) claims to hold all of \(now - asOf) ago, when \(then) was visible")
        }
        if isReplaced(token, before: asOf) {
            violated(
                .boundedAge,
                "\(name) claims to hold all of \(now - asOf) ago, and is at \(token), of a history replaced by then")
        }
    }

    // MARK: Invariants 8, 18 and 20: at its agent's turns, and at rest

    /// Two seconds of silence, and as long again for heartbeats that can't be judged.
    static let bound = Duration.seconds(5)
    /// From the end of faults to every view's being live and at the head.
    package static let recovery = Duration.seconds(10)

    mutating func watched(_ name: ViewName, _ token: Token?, _ isLive: Bool) {
        guard views[name] != nil, isLive else { return }
        guard let token else { return violated(.staleIsMarked, "\(name) is live without a state") }
        guard let run = run(holding: token.position, of: token.lineage) else { return }
        let then = shown(run, before: now - Self.bound)
        if then > token.revision {
            violated(
                .staleIsMarked, "\(name) is live at \(token.revision), though \(then) was visible \(Self.bound) ago")
        }
        let served = serving.last { $0.time <= now - Self.bound }?.run
        let isServed = served.map { $0.lineage == token.lineage && holds($0, token.position) } ?? true
        if let served, !isServed, serving.last?.run == served {
            violated(.ownHistory, "\(name) is live in lineage \(token), though \(served) is served for \(Self.bound)")
        }
    }

    /// 6: what it shows is what it was moved to. 9 and 18: what it knows is so, however it came to know it.
    mutating func holds(_ name: ViewName, _ token: Token?, _ entries: [CacheEntry], atRest: Bool) {
        guard let seen = views[name] else { return }
        if token != seen.token {
            violated(
                .neverBack,
                "\(name) shows \(token?.description ?? "nothing"), moved to \(seen.token?.description ?? "nothing")")
        }
        guard let token, let run = run(holding: token.position, of: token.lineage), let truth = truth(of: run) else {
            return
        }
        for entry in entries {
            let expected = truth.record(entry.key, on: seen.branch, at: token.revision)
            let isTrue = expected.map { entry.record?.tells($0) ?? false } ?? (entry.record == nil)
            if !isTrue {
                violated(
                    atRest ? .equalAtRest : .trueFills,
                    "\(name) holds \(entry.key) at \(token.revision) as \(entry.record?.description ?? "absent"), "
                        + "the truth is \(expected?.description ?? "absent")")
            }
        }
    }

    mutating func rested(
        _ name: ViewName, _ token: Token?, _ isLive: Bool, _ digest: StateDigest?, _ ofStore: StateDigest?
    ) {
        guard let seen = views[name] else { return }
        let waited = faultsEnded.map { now - $0 } ?? .zero
        if let faultsEnded, let recovered = recovered[name], recovered - faultsEnded > Self.recovery {
            violated(
                .liveAgain, "\(name) was live and at the head only \(recovered - faultsEnded) after the faults ended")
        }
        guard let token, isLive else {
            return violated(.liveAgain, "\(name) is not live \(waited) after the faults ended")
        }
        let run = run(holding: token.position, of: token.lineage) ?? current(token.lineage)
        if let served = visible[run]?.last?.revision, served != token.revision || serving.last?.run != run {
            violated(
                .liveAgain, "\(name) is at \(token.revision) \(waited) after the faults ended, the broker at \(served)")
        }
        guard let digest, let truth = truth(of: run) else { return }
        var builder = StateDigest.Builder()
        for record in truth.state(of: seen.branch, seen.filter, at: token.revision) { builder.add(record) }
        let expected = builder.finish()
        if digest != expected { violated(.equalAtRest, "\(name) at rest differs from the truth at \(token.revision)") }
        if let ofStore, ofStore != expected {
            violated(.equalAtRest, "the store's digest at \(token.revision) differs from its log")
        }
    }
}
