import MembusModel
import MembusStore

extension BrokerCore {
    /// Publish, then raise V, then reply: see the order at the head of BrokerCore.swift.
    mutating func complete(_ batch: WriteReport, now: Instant, into outputs: inout [BrokerOutput<Peer>]) {
        let isNearer =
            batch.nextExpiry != nextExpiry
            || batch.commits.contains { $0.info.agent.hasSameBytes(as: CommitInfo.broker) }
        nextExpiry = batch.nextExpiry
        // Two that began at different moments may have believed different wall clocks.
        if let clock = batch.clock { self.clock = clock }
        if let sync = batch.sync {
            counters.batches += 1
            counters.syncs.add(sync)
        }
        for commit in batch.commits { publish(commit, into: &outputs) }
        // Their views are to ask again, and to be told so.
        if !batch.deletedBranches.isEmpty {
            _ = streams.drop(batch.deletedBranches, drawn: UInt64.random(in: 1 ... .max, using: &random))
        }
        var oldest = now
        var hasSwept = false
        for (ticket, result) in batch.results {
            guard let request = takeWaiting(ticket) else { continue }
            writesWaiting -= 1
            writeBytesWaiting -= request.purpose.bytes
            if case .expiry = request.purpose {
                expiryUnderWay = false
                if case .item(.done) = result { hasSwept = isNearer }
            }
            oldest = min(oldest, request.received)
            guard let peer = request.peer else { continue }
            reply(to: peer, id: request.id, streams: request.streams, body(of: result, for: request), into: &outputs)
        }
        if batch.sync != nil { counters.latencies.add(now - oldest) }
        // What failed, or found nothing to do, waits for the next tick.
        if hasSwept { sweepExpired(now: now, into: &outputs) }
    }

    private mutating func publish(_ commit: Commit, into outputs: inout [BrokerOutput<Peer>]) {
        counters.commits += 1
        for message in streams.publish(
            commit, inlineLimit: settings.inlineValueBytes, eventLimit: settings.eventBytes)
        {
            outputs.append(.publish(message))
        }
    }

    private mutating func body(of result: WriteReport.Result, for request: Waiting) -> Reply.Body {
        switch result {
        case .item(.outcome(let outcome)):
            if case .conflict = outcome { counters.conflicts += 1 }
            return .outcome(outcome)
        case .item(.refused(let refusal)): return .refused(refusal)
        case .item(.done), .item(.more):
            switch request.purpose {
            case .session(let id, _): return .session(id)
            case .closing: return .sessionClosed(CloseSession.Answer())
            case .write, .lookUp, .planning, .register, .expiry: return .noted(NoteReads.Answer())
            }
        case .compacted(let floor): return .compacted(Compact.Answer(floor: floor))
        }
    }

    mutating func complete(
        _ ticket: UInt64, _ result: Result<LookUpResult, Refusal>, now: Instant,
        into outputs: inout [BrokerOutput<Peer>]
    ) {
        guard let request = takeWaiting(ticket), let peer = request.peer else { return }
        readsWaiting -= 1
        if case .planning(let session) = request.purpose {
            return planned(result, for: session, now: now, into: &outputs)
        }
        let body: Reply.Body
        switch (result, request.purpose) {
        case (.failure(let refusal), _): body = .refused(refusal)
        case (.success(.hash(let hash)), .register(let register, let scope)):
            body = answer(register, scope, hash: hash, now: now)
        case (.success(.hash), _): preconditionFailure("a hash is only looked up for a registration")
        case (.success(.prepared), _): preconditionFailure("only what is to be committed is planned ahead")
        case (.success(.body(.status(var figures))), _):
            count(into: &figures, now: now)
            body = .status(figures)
        case (.success(.body(let found)), _): body = found
        }
        for id in [request.id] + request.otherIDs {
            reply(to: peer, id: id, streams: request.streams, body, into: &outputs)
        }
    }

    private mutating func answer(_ register: Register, _ scope: Scope, hash: UInt64?, now: Instant) -> Reply.Body {
        let id = StreamID(
            high: UInt64.random(in: 0 ..< .max, using: &random), low: UInt64.random(in: 0 ... .max, using: &random))
        do {
            return .registered(
                try streams.register(
                    register, scope: scope, lineage: lineage, knownHash: hash, drawnID: id, now: now))
        } catch {
            return .refused(error)
        }
    }

    /// Beside what the reader told of the store.
    private func count(into figures: inout BrokerFigures, now: Instant) {
        figures.head = visible
        figures.software = settings.software
        figures.uptime = now - started
        figures.transactionsWaiting = writesWaiting
        figures.readsWaiting = readsWaiting
        figures.streams = streams.count
        figures.commits = counters.commits
        figures.conflicts = counters.conflicts
        figures.refused = counters.refused
        figures.busy = counters.busy
        figures.malformed = counters.malformed
        figures.eventsPublished = streams.counters.eventsPublished
        figures.eventsAnnounced = streams.counters.eventsAnnounced
        figures.repliesDropped = counters.repliesDropped
        figures.pulls = counters.pulls
        figures.batches = counters.batches
        figures.syncMedian = counters.syncs.percentile(0.5)
        figures.syncP99 = counters.syncs.percentile(0.99)
        figures.commitMedian = counters.latencies.percentile(0.5)
        figures.commitP99 = counters.latencies.percentile(0.99)
    }
}
