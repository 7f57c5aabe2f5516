/// A view as the core knows it; its records are with whoever applies the outputs.
struct ViewEntry: Sendable {
    struct Wait: Sendable {
        enum Target: Hashable, Sendable {
            case live
            /// A state that contains what the token stands for.
            case at(Token)
            /// One of at least this revision, of the history that the broker has now.
            case proved(Revision, Lineage)
            /// Behind what was read of the log as this instance gave it.
            case changed(after: Revision, asOf: Instance?)
        }
        let call: CallID
        let target: Target
        let since: Instant
        /// Of a wait for changes: whether the view has been in the history that was read, and how far it has gone from
        /// there without a change.
        var isAnchored = false
        var quiet: Quiet?
        /// The one history that it is for.
        var lineage: Lineage? {
            switch target {
            case .at(let token): token.lineage
            case .proved(_, let lineage): lineage
            case .live, .changed: nil
            }
        }
    }
    let follow: Follow
    var machine: ViewMachine
    var waits: [Wait] = []
    /// Of the history that the view shows.
    var places = KnownPlaces()
    /// Nothing of the topics changed between this revision and the cut.
    var lastChange: Revision = 0
    var lastRefusal: Refusal?
    var hasFailed = false
    /// Where it is.
    var token: Token? {
        guard let lineage = machine.lineage, let cut = machine.cut else { return nil }
        return Token(lineage: lineage, position: cut)
    }
    /// A new history emptied it; until its next state its owner sees none, and no write of his in it.
    var isEmptied = false

    /// Tells those who wait for a change how far there was none. They have read another view of the history, the log: that it is
    /// the same one is known once this view was registered with the instance that gave it. From then on the
    /// view's own moves continue it, over restarts of the broker too, unless the view is reset.
    mutating func pass(_ quiet: Quiet) {
        for index in waits.indices {
            guard case .changed(let after, let instance) = waits[index].target, lastChange <= after else { continue }
            if machine.cut != nil, machine.instance == instance { waits[index].isAnchored = true }
            guard waits[index].isAnchored, quiet.upTo > waits[index].quiet?.upTo ?? after else { continue }
            waits[index].quiet = quiet
        }
    }
}

/// A committed transaction that its caller waits to see.
struct OwnWrite: Sendable {
    let call: CallID
    let token: Token
    let outcome: Outcome
    /// Whose acknowledgement it is.
    let instance: Instance
}

extension ClientCore {
    mutating func join(_ id: ViewID, _ follow: Follow) {
        let machine = ViewMachine(
            branch: follow.branch, filter: follow.filter, mode: follow.mode, start: follow.start,
            nonceSeed: random.next(),
            bounds: settings.views)
        views[id] = ViewEntry(follow: follow, machine: machine)
        if let start = follow.start { views[id]?.places.add(start.position) }
        viewOrder.append(id)
        for token in told(of: follow.branch) { feed(id, .learned(token)) }
        if link.events != nil { feed(id, .connected) }
    }

    mutating func leave(_ id: ViewID) {
        guard let entry = views.removeValue(forKey: id) else { return }
        viewOrder.removeAll { $0 == id }
        for wait in entry.waits { finish(wait.call, .failure(MembusError.closed)) }
        for stream in streams.keys.sorted() { unsubscribe(id, stream) }
        asks.removeAll { ask in
            switch ask.purpose {
            case .register(id, _), .pull(id, _), .ping(id, _), .freshness(_, id), .confirmation(_, id, _),
                .recognition(_, id, _):
                true
            default: false
            }
        }
        for call in calls.keys.sorted() {
            if case .view(id)? = calls[call]?.stage { finish(call, .failure(MembusError.closed)) }
        }
        showOwnWrites(on: entry.follow.branch)
    }

    mutating func tickViews() {
        for id in viewOrder {
            feed(id, .tick)
            if views[id]?.follow.isSignal == true { settleWaits(of: id) }
        }
        settleReplacement()
    }

    /// Every view has had its say about the events' socket.
    private mutating func settleReplacement() { if link.replaceAt != nil { mindLink() } }

    mutating func take(_ published: Published) {
        if let instance = link.instance, published.instance != instance { askWhoIsThere() }
        heardEvent()
        if published.topic == .heartbeat {
            for id in viewOrder { feed(id, .published(published)) }
        } else {
            for id in streams[published.topic] ?? [] { feed(id, .published(published)) }
        }
    }

    /// Events of another instance: the broker was restarted, and may not have told us on the request socket.
    private mutating func askWhoIsThere() {
        if !asks.contains(where: { $0.purpose == .probe }) { ask(.ping(Ping(nonce: random.next())), for: .probe) }
    }

    // MARK: The machine's turn

    mutating func feed(_ id: ViewID, _ input: ViewInput) {
        let (old, broker) = (views[id]?.machine.lineage, views[id]?.machine.instance)
        guard let made = views[id]?.machine.step(input, now: now), !made.isEmpty else { return }
        if let entry = views[id], entry.machine.instance != broker {
            views[id]?.places.forget(after: entry.machine.cut?.revision ?? 0)
        }
        var hasMoved = false
        for output in made {
            if carryOut(output, for: id) { hasMoved = true }
            if case .reset(let new) = output { failWaits(of: id, from: old, resetTo: new) }
        }
        guard hasMoved, let entry = views[id] else { return }
        settleWaits(of: id)
        if !entry.follow.isSignal { showOwnWrites(on: entry.follow.branch) }
    }

    /// - Returns: whether somebody may have waited for it.
    private mutating func carryOut(_ output: ViewOutput, for id: ViewID) -> Bool {
        guard let follow = views[id]?.follow else { return false }
        switch output {
        case .register(let newest, let attempt):
            let register = Register(
                branch: follow.branch, filter: follow.filter, mode: follow.mode, newest: newest)
            ask(.register(register), for: .register(id, attempt: attempt))
            return false
        case .ping(let nonce):
            ask(
                .ping(Ping(nonce: nonce)), for: .ping(id, nonce: nonce),
                streams: views[id]?.machine.stream.map { [$0] } ?? []
            )
            return false
        case .pull(let stream, let from, let atLeast, let page, let attempt):
            let pull = Pull(stream: stream, from: from, atLeast: atLeast, page: page)
            ask(.pull(pull), for: .pull(id, attempt: attempt))
            return false
        case .subscribe(let stream): subscribe(id, stream)
        case .unsubscribe(let stream): unsubscribe(id, stream)
        case .replaceSocket: wantNewEvents()
        case .apply(let records, let to):
            views[id]?.places.add(to)
            passQuietly(id, records, to: to)
            if !records.isEmpty { views[id]?.lastChange = to.revision }
            outputs.append(.view(id, output, of: views[id]?.machine.lineage))
            return true
        case .catchUp(let records, let position):
            views[id]?.places.add(position)
            passQuietly(id, records, to: position)
            if !records.isEmpty { views[id]?.lastChange = position.revision }
            views[id]?.isEmptied = false
            outputs.append(.view(id, output, of: views[id]?.machine.lineage))
            return true
        case .install(_, let position):
            views[id]?.places.add(position)
            views[id]?.lastChange = position.revision
            views[id]?.isEmptied = false
            outputs.append(.view(id, output, of: views[id]?.machine.lineage))
            return true
        case .reset:
            views[id]?.places = KnownPlaces()
            views[id]?.lastChange = .max
            views[id]?.isEmptied = true
            outputs.append(.view(id, output, of: views[id]?.machine.lineage))
            forgetReplaced()
            return true
        case .failed(let refusal):
            views[id]?.hasFailed = true
            views[id]?.lastRefusal = refusal
            outputs.append(.view(id, output, of: views[id]?.machine.lineage))
            return true
        case .advance(let position):
            views[id]?.places.add(position)
            passQuietly(id, [], to: position)
            outputs.append(.view(id, output, of: views[id]?.machine.lineage))
            return true
        case .live:
            // What it was refused before has passed.
            if views[id]?.hasFailed == false { views[id]?.lastRefusal = nil }
            outputs.append(.view(id, output, of: views[id]?.machine.lineage))
            return true
        case .stale, .fresh:
            outputs.append(.view(id, output, of: views[id]?.machine.lineage))
            return true
        }
        return false
    }

    /// The cut moves: up to the first of these records nothing of the topics changed.
    private mutating func passQuietly(_ id: ViewID, _ records: [Record], to position: Position) {
        guard views[id]?.waits.isEmpty == false else { return }
        let first = records.lazy.map(\.revision).min()
        views[id]?.pass(Quiet(upTo: first.map { $0 - 1 } ?? position.revision, basis: position))
    }

    private mutating func subscribe(_ id: ViewID, _ stream: StreamID) {
        if streams[stream, default: []].isEmpty { outputs.append(.subscribe(stream)) }
        if streams[stream]?.contains(id) != true { streams[stream, default: []].append(id) }
    }

    private mutating func unsubscribe(_ id: ViewID, _ stream: StreamID) {
        guard let sharing = streams[stream], sharing.contains(id) else { return }
        let left = sharing.filter { $0 != id }
        streams[stream] = left.isEmpty ? nil : left
        if left.isEmpty { outputs.append(.unsubscribe(stream)) }
    }

    // MARK: Replies to views

    mutating func answerRegister(_ id: ViewID, _ attempt: UInt64, _ reply: Reply) {
        if case .registered(let registered) = reply.body {
            feed(
                id,
                .registered(
                    registered, attempt: attempt, lineage: reply.lineage, instance: reply.instance,
                    visible: reply.visible))
        } else {
            refuse(id, attempt, reply)
        }
    }

    mutating func answerPull(_ id: ViewID, _ attempt: UInt64, _ reply: Reply) {
        if case .page(let page) = reply.body {
            feed(id, .page(page, attempt: attempt, instance: reply.instance))
        } else {
            refuse(id, attempt, reply)
        }
    }

    mutating func answerPing(_ id: ViewID, _ nonce: UInt64, _ reply: Reply) {
        if case .pong(let answer) = reply.body {
            feed(id, .pong(nonce: nonce, clock: answer.clock, visible: reply.visible, instance: reply.instance))
        } else {
            refuse(id, nonce, reply)
        }
    }

    private mutating func refuse(_ id: ViewID, _ attempt: UInt64, _ reply: Reply) {
        guard case .refused(let refusal) = reply.body else { return }
        views[id]?.lastRefusal = refusal
        feed(id, .refused(refusal, attempt: attempt, instance: reply.instance))
    }

    /// A view was reset: an old copy of the store was put in its place, or another store. What earlier instances
    /// acknowledged beyond the copy is lost with it, and what is in the copy every new state shows.
    private mutating func forgetReplaced() {
        inherited = [:]
        let present = link.instance
        disownWrites { $0.instance != present }
    }

    // MARK: Own writes

    /// What this client was told of as acknowledged, the older first.
    func told(of branch: BranchName) -> [Token] { [inherited[branch], acknowledged[branch]].compactMap { $0 } }

    /// The broker told this client of a commit: every view of the branch is to know.
    mutating func acknowledge(_ token: Token, on branch: BranchName) {
        if let known = acknowledged[branch], known.lineage == token.lineage, known.revision >= token.revision { return }
        acknowledged[branch] = token
        for id in viewOrder where views[id]?.follow.branch == branch { feed(id, .learned(token)) }
    }

    mutating func showOwnWrite(_ write: OwnWrite, on branch: BranchName) {
        calls[write.call]?.stage = .unseen(Receipt(token: write.token, isCommitted: true))
        let place = ownWrites[branch, default: []].lastIndex { $0.token.revision <= write.token.revision }
        ownWrites[branch, default: []].insert(write, at: place.map { $0 + 1 } ?? 0)
        showOwnWrites(on: branch)
    }

    /// Finishes what every joined view of the branch shows by now.
    private mutating func showOwnWrites(on branch: BranchName) {
        guard let writes = ownWrites[branch], !writes.isEmpty else { return }
        let shown = shownRevision(of: branch)
        let seen = writes.prefix { $0.token.revision <= shown }
        guard !seen.isEmpty else { return }
        ownWrites[branch] = seen.count == writes.count ? nil : Array(writes.dropFirst(seen.count))
        for write in seen {
            finish(write.call, .success(.decided(write.outcome, write.token.lineage)))
        }
    }

    /// The history that holds them was replaced: no view will show them.
    mutating func disownWrites(where test: (OwnWrite) -> Bool = { _ in true }) {
        let writes = ownWrites.values.joined().filter(test).sorted { $0.call < $1.call }
        for branch in ownWrites.keys { ownWrites[branch]?.removeAll(where: test) }
        for write in writes {
            finish(
                write.call, .failure(MembusError.committedButNotSeen(Receipt(token: write.token, isCommitted: true))))
        }
    }

    /// What the slowest view of the branch is at, in the present history. A view that is only being joined shows
    /// nothing old, and its owner waits until it has all acknowledgements; one that a new history emptied, or
    /// will empty, shows nothing of what was written since. Whether its state is of the present history, a view
    /// knows only once it is registered with the present instance.
    private func shownRevision(of branch: BranchName) -> Revision {
        var shown = Revision.max
        for id in viewOrder {
            guard let entry = views[id], entry.follow.branch == branch, !entry.follow.isSignal, !entry.hasFailed
            else { continue }
            if let known = entry.machine.lineage, known != link.lineage { return -1 }
            if let cut = entry.machine.cut {
                guard entry.machine.instance == link.instance else { return -1 }
                shown = min(shown, cut.revision)
            } else if entry.isEmptied {
                return -1
            }
        }
        return shown
    }
}
