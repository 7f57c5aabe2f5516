import MembusModel
import MembusStore

extension BrokerCore {
    /// The core's list of all operations: where each is answered. Rights are judged here, before anything else is done
    /// about a request.
    mutating func receive(
        _ request: Request, as principal: Principal, bytes: Int, from peer: Peer, now: Instant,
        into outputs: inout [BrokerOutput<Peer>]
    ) {
        let scope: Scope
        switch gate.judge(principal, request.body) {
        case .success(let granted): scope = granted
        case .failure(let refusal): return reply(to: peer, id: request.id, .refused(refusal), into: &outputs)
        }
        let asked = Asked(
            peer: peer, id: request.id, deadline: request.deadline, instance: request.instance,
            streams: streams(named: request.streams, in: scope), scope: scope, bytes: bytes,
            repeatable: Self.repeatable(request.body))
        streams.touch(asked.streams, now: now)
        if let body = asked.repeatable, isUnderWay(body, asked) { return }
        if let refusal = refusalAtTheDoor(of: request.body) {
            return reply(to: asked, .refused(refusal), into: &outputs)
        }
        switch request.body {
        case .hello(let hello): reply(to: asked, welcome(hello), into: &outputs)
        case .ping(let ping): answer(ping, asked, now: now, into: &outputs)
        case .register(let register): lookUpState(for: register, asked, now: now, into: &outputs)

        case .openSession(let open): write(open, asked, now: now, into: &outputs)
        case .closeSession(let close): write(close, asked, now: now, into: &outputs)
        case .transact(let transact): write(transact, asked, now: now, into: &outputs)
        case .noteReads(let notes): write(notes, asked, now: now, into: &outputs)
        case .compact(let compact): write(compact, asked, now: now, into: &outputs)

        case .get(let get): admit(InPieces(get), for: asked, now: now, into: &outputs)
        case .range(let range): admit(InPieces(range), for: asked, now: now, into: &outputs)
        case .history(let history): admit(InPieces(history), for: asked, now: now, into: &outputs)
        case .log(let log): admit(InPieces(log), for: asked, now: now, into: &outputs)
        case .branches(let branches): admit(InPieces(branches), for: asked, now: now, into: &outputs)
        case .status(let status): admit(status, for: asked, now: now, into: &outputs)
        case .backup(let backup): admit(backup, for: asked, now: now, into: &outputs)
        case .verify(let verify): admit(verify, for: asked, now: now, into: &outputs)
        case .digest(let digest): admit(InPieces(digest), for: asked, now: now, into: &outputs)
        case .diff(let diff): admit(InPieces(diff), for: asked, now: now, into: &outputs)
        case .impact(let impact): admit(InPieces(impact), for: asked, now: now, into: &outputs)
        case .knowledge(let knowledge): admit(InPieces(knowledge), for: asked, now: now, into: &outputs)
        case .search(let search): admit(search, for: asked, now: now, into: &outputs)
        case .recall(let recall): admit(recall, for: asked, now: now, into: &outputs)
        case .links(let links): admit(links, for: asked, now: now, into: &outputs)
        case .query(let query): admit(query, for: asked, now: now, into: &outputs)
        case .reindex(let reindex): admit(reindex, for: asked, now: now, into: &outputs)
        case .plan(let plan): admit(plan, for: asked, now: now, into: &outputs)
        case .pull(let pull): lookUp(pull, asked, now: now, into: &outputs)
        }
    }

    /// A client that waits long sends its request again: it is not carried out twice at a time. The answer to the first is
    /// the answer. (A transaction may come twice: its session answers for it, at little cost.)
    private mutating func isUnderWay(_ body: Request.Body, _ asked: Asked<Peer>) -> Bool {
        guard let ticket = underWay[RequestName(of: asked.peer, asked.id, body)], var first = waiting[ticket],
            first.body == body
        else { return false }
        // Of a pull's attempts the newest counts, but another view of the same peer may pull the same.
        if first.id != asked.id, !first.otherIDs.contains(asked.id) {
            first.otherIDs.append(asked.id)
            if first.otherIDs.count > Self.mostOtherIDs { first.otherIDs.removeFirst() }
            waiting[ticket] = first
        }
        return true
    }

    private static func repeatable(_ body: Request.Body) -> Request.Body? {
        if case .transact = body { nil } else { body }
    }

    private static var mostOtherIDs: Int { 8 }

    /// Without the streams of another scope: they are none that whoever asks may know of.
    private func streams(named: [StreamID], in scope: Scope) -> [StreamID] {
        if named.isEmpty { return [] }
        let isOfAnother = { (id: StreamID) in streams.definition(of: id).map { $0.scope != scope } ?? false }
        return named.contains(where: isOfAnother) ? named.filter { !isOfAnother($0) } : named
    }

    /// What keeps a request out, whatever it asks for: that the broker is stopping, or its queues are full.
    private func refusalAtTheDoor(of body: Request.Body) -> Refusal? {
        if isStopping { return Refusal(.shuttingDown, "the broker is stopping") }
        switch body.traits.whenBusy {
        case .answered: return nil
        // Within the room that results have to spare.
        case .reserved where readsWaiting < settings.readsWaiting + 8: return nil
        case .reserved, .refused: break
        }
        guard
            readsWaiting >= settings.readsWaiting || writesWaiting >= settings.writesWaiting
                || writeBytesWaiting >= settings.writeBytesWaiting
        else { return nil }
        return Refusal(
            .busy, "the broker has \(writesWaiting) writes and \(readsWaiting) reads waiting", subject: "queue")
    }

    private func welcome(_ hello: Hello) -> Reply.Body {
        guard hello.major == ProtocolVersion.major else {
            return .refused(
                Refusal(
                    .unsupportedVersion,
                    "the client speaks version \(hello.major).\(hello.minor) of the protocol, this broker "
                        + "\(ProtocolVersion.major).\(ProtocolVersion.minor)"))
        }
        return .welcome(
            Welcome(
                events: settings.events, heartbeat: settings.heartbeat, limits: settings.limits,
                software: settings.software))
    }

    // MARK: Writing

    private mutating func write(
        _ open: OpenSession, _ asked: Asked<Peer>, now: Instant, into outputs: inout [BrokerOutput<Peer>]
    ) {
        let id = SessionID(UInt64.random(in: 1...UInt64(Int64.max), using: &random))
        admit(
            .item(.openSession(id, agent: open.agent)), purpose: .session(id, bytes: asked.bytes), for: asked, now: now,
            into: &outputs)
    }

    /// Of any instance: nothing of a closed session is ever executed again, whoever has closed it.
    private mutating func write(
        _ close: CloseSession, _ asked: Asked<Peer>, now: Instant, into outputs: inout [BrokerOutput<Peer>]
    ) {
        write(
            Planning.Held(
                wish: .other(.item(.closeSession(close.session)), .closing(bytes: asked.bytes)), asked: asked,
                received: now),
            of: close.session, now: now, into: &outputs)
    }

    /// Behind what its session has asked for before: what was read after a transaction is none of its reasons.
    private mutating func write(
        _ notes: NoteReads, _ asked: Asked<Peer>, now: Instant, into outputs: inout [BrokerOutput<Peer>]
    ) {
        let job = WriteJob.item(.noteReads(notes))
        guard let session = notes.session else { return write(job, asked, now: now, into: &outputs) }
        write(
            Planning.Held(wish: .other(job, .write(bytes: asked.bytes)), asked: asked, received: now), of: session,
            now: now, into: &outputs)
    }

    private mutating func write(
        _ transact: Transact, _ asked: Asked<Peer>, now: Instant, into outputs: inout [BrokerOutput<Peer>]
    ) {
        guard asked.instance == instance else {
            let refusal = Refusal(
                .instanceChanged,
                asked.instance.map { "the request is for instance \($0) of the broker, this is \(instance)" }
                    ?? "a transaction must name the broker's instance, which is \(instance)")
            return reply(to: asked, .refused(refusal), into: &outputs)
        }
        var transact = transact
        let fingerprint = transact.work.fingerprint
        if case .success(let work) = transact.work, let refusal = work.shapeRefusal(limits: settings.limits) {
            transact.work = .failure(refusal)
        }
        write(
            Planning.Held(wish: .transact(transact, fingerprint: fingerprint), asked: asked, received: now),
            of: transact.session, now: now, into: &outputs)
    }

    /// A floor that nobody can mean is refused: it would drop all history at once, for good.
    private mutating func write(
        _ compact: Compact, _ asked: Asked<Peer>, now: Instant, into outputs: inout [BrokerOutput<Peer>]
    ) {
        if let below = compact.below, below > visible.revision {
            let refusal = Refusal(
                .beyondHead, "history below revision \(below) can't be dropped: the head is \(visible.revision)",
                hint: "name a revision up to the head; nothing was dropped", subject: "\(below)")
            return reply(to: asked, .refused(refusal), into: &outputs)
        }
        write(.compact(compact), asked, now: now, into: &outputs)
    }

    private mutating func write(
        _ job: WriteJob, _ asked: Asked<Peer>, now: Instant, into outputs: inout [BrokerOutput<Peer>]
    ) {
        admit(job, purpose: .write(bytes: asked.bytes), for: asked, now: now, into: &outputs)
    }

    // MARK: Streams

    private mutating func answer(
        _ ping: Ping, _ asked: Asked<Peer>, now: Instant, into outputs: inout [BrokerOutput<Peer>]
    ) {
        for stream in asked.streams {
            guard let message = streams.publishedBookmark(for: stream, nonce: ping.nonce) else { continue }
            outputs.append(.publish(message))
        }
        reply(to: asked, .pong(Ping.Answer(clock: now.nanoseconds)), into: &outputs)
    }

    /// A registration that names a state needs that state's hash, which the store knows; its place in the serial order
    /// is where the answer comes back.
    private mutating func lookUpState(
        for register: Register, _ asked: Asked<Peer>, now: Instant, into outputs: inout [BrokerOutput<Peer>]
    ) {
        let revision = register.newest.map { $0.lineage == lineage ? $0.revision : 0 } ?? 0
        admit(
            HashLookUp(revision: revision, branch: register.branch), purpose: .register(register, asked.scope),
            for: asked, now: now, into: &outputs)
    }

    private mutating func lookUp(
        _ pull: Pull, _ asked: Asked<Peer>, now: Instant, into outputs: inout [BrokerOutput<Peer>]
    ) {
        counters.pulls += 1
        streams.touch([pull.stream], now: now)
        let refusal: Refusal
        if let stream = streams.definition(of: pull.stream), stream.scope == asked.scope {
            if pull.from.map({ $0.lineage != lineage }) ?? false {
                refusal = Refusal(.historyDiffers, "the view's lineage is not the broker's, which is \(lineage)")
            } else if pull.atLeast > visible.revision {
                refusal = Refusal(
                    .notYetVisible, "the pull must reach revision \(pull.atLeast), visible is \(visible.revision)")
            } else {
                return admit(PullLookUp(pull: pull, stream: stream), for: asked, now: now, into: &outputs)
            }
        } else {
            refusal = Refusal(
                .unknownStream, "the broker has no stream \(pull.stream)", subject: pull.stream.description)
        }
        reply(to: asked, .refused(refusal), into: &outputs)
    }
}
