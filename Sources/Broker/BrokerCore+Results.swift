import MembusModel
import MembusStore

extension BrokerCore {
    /// Publish, then raise V, then reply: see the order at the head of BrokerCore.swift.
    mutating func complete(_ batch: WriteReport, now: Instant, into outputs: inout [BrokerOutput<Peer>]) {
        nextExpiry = batch.nextExpiry
        if let sync = batch.sync {
            counters.batches += 1
            counters.syncs.add(sync)
        }
        for commit in batch.commits { publish(commit, into: &outputs) }
        var oldest = now
        for (ticket, result) in batch.results {
            guard let request = waiting.removeValue(forKey: ticket) else { continue }
            writesWaiting -= 1
            writeBytesWaiting -= request.purpose.bytes
            if case .expiry = request.purpose { expiryUnderWay = false }
            oldest = min(oldest, request.received)
            guard let peer = request.peer else { continue }
            reply(to: peer, id: request.id, streams: request.streams, body(of: result, for: request), into: &outputs)
        }
        if batch.sync != nil { counters.latencies.add(now - oldest) }
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
        case .item(.refused(let failure)): return .failure(failure)
        case .item(.done):
            if case .session(let id, _) = request.purpose { return .session(id) }
            return .noted
        case .compacted(let floor): return .compacted(floor: floor)
        }
    }

    mutating func complete(
        _ ticket: UInt64, _ answer: Result<ReadAnswer, Failure>, now: Instant,
        into outputs: inout [BrokerOutput<Peer>]
    ) {
        guard let request = waiting.removeValue(forKey: ticket), let peer = request.peer else { return }
        readsWaiting -= 1
        let body: Reply.Body
        switch (answer, request.purpose) {
        case (.failure(let failure), _):
            body = .failure(failure)
        case (.success(.hash(let hash)), .register(let registration)):
            body = register(registration, hash: hash, now: now)
        case (.success(.sizes(let sizes)), _):
            body = .status(status(sizes, now: now))
        case (.success(.body(let found)), _):
            body = found
        case (.success(.hash), _):
            preconditionFailure("a hash is only looked up for a registration")
        }
        reply(to: peer, id: request.id, streams: request.streams, body, into: &outputs)
    }

    private mutating func register(_ registration: Request.Register, hash: UInt64?, now: Instant) -> Reply.Body {
        let id = StreamID(
            high: UInt64.random(in: 0 ..< .max, using: &random), low: UInt64.random(in: 0 ... .max, using: &random))
        do {
            return .registered(
                try streams.register(registration, lineage: lineage, knownHash: hash, drawnID: id, now: now))
        } catch {
            return .failure(error)
        }
    }

    private func status(_ sizes: StoreSizes, now: Instant) -> Reply.Status {
        var status = Reply.Status()
        status.head = visible
        status.floor = sizes.floor
        status.software = settings.software
        status.uptime = now - started
        status.transactionsWaiting = writesWaiting
        status.readsWaiting = readsWaiting
        status.streams = streams.count
        status.sessions = sizes.sessions
        status.commits = counters.commits
        status.conflicts = counters.conflicts
        status.refused = counters.refused
        status.busy = counters.busy
        status.malformed = counters.malformed
        status.eventsPublished = streams.counters.eventsPublished
        status.eventsAnnounced = streams.counters.eventsAnnounced
        status.repliesDropped = counters.repliesDropped
        status.pulls = counters.pulls
        status.batches = counters.batches
        status.syncMedian = counters.syncs.percentile(0.5)
        status.syncP99 = counters.syncs.percentile(0.99)
        status.commitMedian = counters.latencies.percentile(0.5)
        status.commitP99 = counters.latencies.percentile(0.99)
        status.walBytes = sizes.walBytes
        status.storeBytes = sizes.storeBytes
        return status
    }
}
