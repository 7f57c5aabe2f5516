import MembusModel
import MembusStore

extension BrokerCore {
    mutating func receive(
        _ request: Request, bytes: Int, from peer: Peer, now: Instant, into outputs: inout [BrokerOutput<Peer>]
    ) {
        streams.touch(request.streams, now: now)
        if let refusal = refusalAtTheDoor(of: request) {
            return reply(to: peer, id: request.id, streams: request.streams, .failure(refusal), into: &outputs)
        }
        switch request.body {
        case .hello(let hello):
            reply(to: peer, id: request.id, welcome(hello), into: &outputs)
        case .ping(let nonce):
            ping(nonce: nonce, request, from: peer, now: now, into: &outputs)
        case .register(let registration):
            register(registration, request, from: peer, now: now, into: &outputs)
        case .openSession(let agent):
            let id = SessionID(UInt64.random(in: 1 ... UInt64(Int64.max), using: &random))
            submit(
                .item(.openSession(id, agent: agent)), purpose: .session(id, bytes: bytes), peer: peer,
                request: request, now: now, into: &outputs)
        case .transact(let transact):
            write(transact, request, bytes: bytes, from: peer, now: now, into: &outputs)
        case .noteReads(let agent, let reads):
            write(
                .item(.noteReads(agent: agent, reads)), request, bytes: bytes, from: peer, now: now, into: &outputs)
        case .compact(let compact):
            self.compact(compact, request, bytes: bytes, from: peer, now: now, into: &outputs)
        case .status:
            look(up: .sizes, purpose: .status, peer: peer, request: request, now: now, into: &outputs)
        case .get(let get): read(.get(get), request, from: peer, now: now, into: &outputs)
        case .range(let range): read(.range(range), request, from: peer, now: now, into: &outputs)
        case .history(let history): read(.history(history), request, from: peer, now: now, into: &outputs)
        case .log(let log): read(.log(log), request, from: peer, now: now, into: &outputs)
        case .branches: read(.branches, request, from: peer, now: now, into: &outputs)
        case .backup(let backup): read(.backup(backup), request, from: peer, now: now, into: &outputs)
        case .verify: read(.verify, request, from: peer, now: now, into: &outputs)
        case .digest(let branch, let filter, let at):
            read(.digest(branch: branch, filter: filter, at: at), request, from: peer, now: now, into: &outputs)
        case .pull(let pull):
            self.pull(pull, request, from: peer, now: now, into: &outputs)
        }
    }

    private func refusalAtTheDoor(of request: Request) -> Failure? {
        if isStopping { return Failure(.shuttingDown, "the broker is stopping") }
        if case .hello = request.body { return nil }
        // A look at a broker that is busy must be possible; within the room that results have to spare.
        if case .status = request.body, readsWaiting < settings.readsWaiting + 8 { return nil }
        if readsWaiting >= settings.readsWaiting || writesWaiting >= settings.writesWaiting
            || writeBytesWaiting >= settings.writeBytesWaiting
        {
            // A ping costs nothing and keeps views live: it is answered even now.
            if case .ping = request.body { return nil }
            return Failure(
                .busy, "the broker has \(writesWaiting) writes and \(readsWaiting) reads waiting", subject: "queue")
        }
        return nil
    }

    private func welcome(_ hello: Request.Hello) -> Reply.Body {
        guard hello.major == ProtocolVersion.major else {
            return .failure(
                Failure(
                    .unsupportedVersion,
                    "the client speaks version \(hello.major).\(hello.minor) of the protocol, this broker "
                        + "\(ProtocolVersion.major).\(ProtocolVersion.minor)"))
        }
        return .welcome(
            Reply.Welcome(
                events: settings.events, heartbeat: settings.heartbeat, limits: settings.limits,
                software: settings.software))
    }

    // MARK: Writing

    private mutating func write(
        _ transact: Request.Transact, _ request: Request, bytes: Int, from peer: Peer, now: Instant,
        into outputs: inout [BrokerOutput<Peer>]
    ) {
        guard request.instance == instance else {
            let failure = Failure(
                .instanceChanged,
                request.instance.map { "the request is for instance \($0) of the broker, this is \(instance)" }
                    ?? "a transaction must name the broker's instance, which is \(instance)")
            return reply(to: peer, id: request.id, streams: request.streams, .failure(failure), into: &outputs)
        }
        var transact = transact
        let fingerprint = transact.work.fingerprint
        if case .success(let work) = transact.work, let failure = work.shapeFailure(limits: settings.limits) {
            transact.work = .failure(failure)
        }
        write(
            .item(.transact(transact, fingerprint: fingerprint)), request, bytes: bytes, from: peer, now: now,
            into: &outputs)
    }

    /// A floor that nobody can mean is refused: it would drop all history at once, for good.
    private mutating func compact(
        _ compact: Request.Compact, _ request: Request, bytes: Int, from peer: Peer, now: Instant,
        into outputs: inout [BrokerOutput<Peer>]
    ) {
        if let below = compact.below, below > visible.revision {
            let failure = Failure(
                .beyondHead, "history below revision \(below) can't be dropped: the head is \(visible.revision)",
                hint: "name a revision up to the head; nothing was dropped", subject: "\(below)")
            return reply(to: peer, id: request.id, streams: request.streams, .failure(failure), into: &outputs)
        }
        write(.compact(compact), request, bytes: bytes, from: peer, now: now, into: &outputs)
    }

    private mutating func write(
        _ job: WriteJob, _ request: Request, bytes: Int, from peer: Peer, now: Instant,
        into outputs: inout [BrokerOutput<Peer>]
    ) {
        submit(job, purpose: .write(bytes: bytes), peer: peer, request: request, now: now, into: &outputs)
    }

    // MARK: Reading

    private mutating func read(
        _ job: ReadJob, _ request: Request, from peer: Peer, now: Instant, into outputs: inout [BrokerOutput<Peer>]
    ) {
        look(up: job, purpose: .read, peer: peer, request: request, now: now, into: &outputs)
    }

    // MARK: Streams

    private mutating func ping(
        nonce: UInt64, _ request: Request, from peer: Peer, now: Instant, into outputs: inout [BrokerOutput<Peer>]
    ) {
        for stream in request.streams {
            guard let message = streams.publishedBookmark(for: stream, nonce: nonce) else { continue }
            outputs.append(.publish(message))
        }
        reply(
            to: peer, id: request.id, streams: request.streams, .pong(clock: now.nanoseconds), into: &outputs)
    }

    /// A registration that names a state needs that state's hash, which the store knows; its place in the
    /// serial order is where the answer comes back.
    private mutating func register(
        _ registration: Request.Register, _ request: Request, from peer: Peer, now: Instant,
        into outputs: inout [BrokerOutput<Peer>]
    ) {
        let revision = registration.newest.map { $0.lineage == lineage ? $0.revision : 0 } ?? 0
        look(
            up: .hash(of: revision, branch: registration.branch), purpose: .register(registration), peer: peer,
            request: request, now: now, into: &outputs)
    }

    private mutating func pull(
        _ pull: Request.Pull, _ request: Request, from peer: Peer, now: Instant,
        into outputs: inout [BrokerOutput<Peer>]
    ) {
        counters.pulls += 1
        streams.touch([pull.stream], now: now)
        let failure: Failure
        if let stream = streams.definition(of: pull.stream) {
            if pull.from.map({ $0.lineage != lineage }) ?? false {
                failure = Failure(.historyDiffers, "the view's lineage is not the broker's, which is \(lineage)")
            } else if pull.atLeast > visible.revision {
                failure = Failure(
                    .notYetVisible, "the pull must reach revision \(pull.atLeast), visible is \(visible.revision)")
            } else {
                return read(
                    .pull(pull, branch: stream.branch, filter: stream.filter, mode: stream.mode), request, from: peer,
                    now: now, into: &outputs)
            }
        } else {
            failure = Failure(
                .unknownStream, "the broker has no stream \(pull.stream)", subject: pull.stream.description)
        }
        reply(to: peer, id: request.id, streams: request.streams, .failure(failure), into: &outputs)
    }
}
