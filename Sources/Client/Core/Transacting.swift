// See Session for the rules.

extension ClientCore {
    /// Numbers and sends what waits, as far as the window allows.
    mutating func pump() {
        guard !session.waiting.isEmpty, link.welcome != nil, link.instance != nil, !notes.isLast else { return }
        refuseByAge()
        guard !session.waiting.isEmpty else { return }
        guard session.id != nil else { return openSession() }
        guard session.resendAt == nil else { return }
        var bytes = session.bytesInFlight
        while let waiting = session.waiting.first {
            let weight = waiting.work.requestBytes
            let fits = session.slots.isEmpty || bytes + weight <= settings.mostBytesInFlight
            guard session.slots.count < settings.mostInFlight, fits, !isToNoteFirst(waiting) else { break }
            bytes += weight
            session.waiting.removeFirst()
            number(waiting, weight)
        }
    }

    mutating func openSession() {
        if asks.contains(where: { $0.purpose == .openSession }) { return }
        ask(.openSession(OpenSession(agent: settings.agent)), for: .openSession)
    }

    mutating func opened(_ body: Reply.Body) {
        switch body {
        case .session(let id):
            session.id = id
            (session.next, session.resendAt, session.misfits) = (1, nil, 0)
        case .refused(let refusal):
            // Refused for good: whoever waits learns why.
            notes.isSessionRefused = true
            let waiting = session.waiting
            session.waiting = []
            for entry in waiting { finish(entry.call, .failure(MembusError.refused(refusal))) }
        default: break
        }
    }

    /// Nothing more is sent, and every outcome is here: nobody needs to remember them. With something under way the
    /// session stays, until nobody has used it for long.
    mutating func closeSession() {
        guard let id = session.id, session.slots.isEmpty, link.state == .connected else { return }
        session.id = nil
        ask(.closeSession(CloseSession(session: id)), for: .closeSession)
    }

    /// Whether nothing is left of what a leaving client does.
    var hasLeft: Bool { hasNotedAll && !asks.contains { $0.purpose == .closeSession } }

    private mutating func number(_ waiting: Session.Waiting, _ weight: Int) {
        let slot = Session.Slot(
            number: session.next, work: carrying(waiting, as: session.next), readsBefore: waiting.readsBefore,
            bytes: weight, call: waiting.call, firstRound: session.round, sentAt: now)
        session.next += 1
        session.slots.append(slot)
        calls[waiting.call]?.stage = .numbered(slot.number)
        send(slotAt: session.slots.count - 1)
    }

    private mutating func send(slotAt index: Int) {
        guard let id = session.id else { return }
        let request = asks.nextID()
        session.slots[index].outstanding.append(request)
        session.slots[index].sentAt = now
        let slot = session.slots[index]
        session.numbers[request] = Session.Sending(number: slot.number, round: session.round)
        let left = slot.call.flatMap { calls[$0]?.deadline }.map { max($0 - now, .milliseconds(1)) }
        let transact = Transact(
            session: id, number: slot.number, acknowledged: session.acknowledged, work: .success(slot.work))
        outputs.append(
            .send(
                Request(
                    id: request, deadline: left, instance: link.instance,
                    streams: slot.call == nil ? [] : streamsLeftAlone(by: slot.work), body: .transact(transact))))
    }

    /// Streams of own views that show the commit and get no event of it: the reply is to bring their bookmarks. They would
    /// learn of it by the next heartbeat, and whoever waits to see what he wrote would wait for that.
    private func streamsLeftAlone(by work: Work) -> [StreamID] {
        guard !viewOrder.isEmpty else { return [] }
        var found: [StreamID] = []
        for id in viewOrder where found.count < Self.mostStreamsNamed {
            guard let entry = views[id], entry.follow.branch == work.branch, !entry.follow.isSignal,
                let stream = entry.machine.stream, !found.contains(stream), !work.changes(entry.follow.filter)
            else { continue }
            found.append(stream)
        }
        return found
    }

    /// Each costs the broker a bookmark; what has more views than this waits for a heartbeat.
    private static let mostStreamsNamed = 32

    // MARK: Rounds

    /// Schedules a round, unless an earlier one is.
    mutating func repeatSession(after pause: Duration) {
        guard !session.slots.isEmpty else { return }
        session.resendAt = min(session.resendAt ?? now + pause, now + pause)
        if pause == .zero { mindSession() }
    }

    mutating func mindSession() {
        guard let front = session.slots.first(where: { !$0.isDecided }) else {
            session.resendAt = nil
            return
        }
        if session.resendAt == nil, now >= front.sentAt + roundPatience { session.resendAt = now }
        guard let due = session.resendAt, due <= now, session.id != nil, link.instance != nil else { return }
        startRound()
    }

    /// A lost answer is waited for longer each time.
    private var roundPatience: Duration {
        let doubled = settings.resend * 2 * (1 << min(sessionPause.resend.failures, 8))
        return min(doubled, settings.resendLongest)
    }

    private mutating func startRound() {
        session.resendAt = nil
        session.round += 1
        _ = sessionPause.resend.next(&random)
        for index in session.slots.indices where !session.slots[index].isDecided { send(slotAt: index) }
    }

    // MARK: Answers

    mutating func decide(_ reply: Reply, _ sending: Session.Sending) {
        session.settle(reply.id)
        switch reply.body {
        case .outcome(let outcome): decided(sending.number, outcome, reply)
        case .refused(let refusal): refused(sending, refusal)
        default: break
        }
    }

    private mutating func decided(_ number: UInt64, _ outcome: Outcome, _ reply: Reply) {
        guard let index = session.index(of: number) else { return }
        let work = session.slots[index].work
        sessionPause.reset()
        session.misfits = 0
        let call = session.decide(number)
        notes.settle(number, isOnRecord: outcome.commit != nil)
        guard let position = outcome.commit else {
            if let call { finish(call, .success(.decided(outcome, reply.lineage))) }
            return
        }
        let token = Token(lineage: reply.lineage, position: position)
        for id in viewOrder { know(position, id, reply.instance) }
        acknowledge(token, on: work.branch)
        guard let call else { return }
        if calls[call]?.isShown ?? true {
            showOwnWrite(
                OwnWrite(call: call, token: token, outcome: outcome, instance: reply.instance), on: work.branch)
        } else {
            finish(call, .success(.decided(outcome, reply.lineage)))
        }
    }

    private mutating func refused(_ sending: Session.Sending, _ refusal: Refusal) {
        // The others only say that something else went wrong before.
        if refusal.code != .outOfOrder, refusal.code != .instanceChanged, let index = session.index(of: sending.number)
        {
            session.slots[index].refusal = refusal
        }
        switch refusal.code {
        case .numberReused, .numberForgotten:
            notes.settle(sending.number, isOnRecord: false)
            if let call = session.decide(sending.number) { finish(call, .failure(MembusError.refused(refusal))) }
        case .malformed, .unsupportedVersion, .unknownRequest: neverLookedInto(sending, refusal)
        case .unknownSession: loseSession(from: sending)
        case _ where refusal.code.remedy == .fixRequest:
            notes.settle(sending.number, isOnRecord: false)
            if let call = session.decide(sending.number) { finish(call, .failure(MembusError.refused(refusal))) }
        default: retry(sending, refusal)
        }
    }

    /// The broker cannot read it: the number is still free.
    private mutating func neverLookedInto(_ sending: Session.Sending, _ refusal: Refusal) {
        guard let index = session.index(of: sending.number), session.slots[index].outstanding.isEmpty else { return }
        let call = session.slots[index].call
        session.slots[index].call = nil
        session.slots[index].work = .nothing
        notes.settle(sending.number, isOnRecord: false)
        if let call { finish(call, .failure(MembusError.refused(refusal))) }
        repeatSession(after: sessionPause.outOfOrder.next(&random))
    }

    private mutating func retry(_ sending: Session.Sending, _ refusal: Refusal) {
        guard sending.round == session.round, session.resendAt == nil else { return }
        switch refusal.code {
        case .instanceChanged: repeatSession(after: .zero)
        case .outOfOrder:
            if sending.number == session.slots.first?.number { session.misfits += 1 }
            if session.misfits > 20 { return loseSession(from: nil) }
            repeatSession(after: sessionPause.outOfOrder.next(&random))
        default: repeatSession(after: sessionPause.busy.next(&random))
        }
    }

    // MARK: Giving up

    /// The caller of a numbered transaction has gone.
    mutating func abandon(_ number: UInt64) -> MembusError {
        guard let index = session.index(of: number) else {
            return .timeout(of: "the transaction", outcomeUnknown: true, last: nil)
        }
        session.slots[index].call = nil
        let refusal = session.slots[index].refusal
        guard session.slots[index].outstanding.isEmpty else {
            return .timeout(of: "the transaction", outcomeUnknown: true, last: refusal)
        }
        session.slots[index].work = .nothing
        notes.settle(number, isOnRecord: false)
        return refusal.map { .refused($0) } ?? .timeout(of: "the transaction", outcomeUnknown: false, last: nil)
    }

    /// The broker does not know the session, or holds another history. What was certainly not executed goes
    /// into a new session; of the rest nobody can say.
    /// - Parameters:
    ///   - sending: the refused one; `nil`: every sending is in doubt.
    ///   - isOfOtherHistory: the broker holds another history, of which nothing was read.
    mutating func loseSession(from sending: Session.Sending?, isOfOtherHistory: Bool = false) {
        guard session.id != nil else { return }
        let slots = session.slots.filter { !$0.isDecided }
        let waiting = session.waiting
        session = Session()
        notes.uncarryAll()
        for slot in slots {
            guard let call = slot.call else { continue }
            let isCertain =
                slot.outstanding.isEmpty
                || sending.map { slot.firstRound == $0.round && slot.number >= $0.number } ?? false
            if isCertain {
                calls[call]?.stage = .queued
                let work = isOfOtherHistory ? slot.work.withoutCarried : slot.work
                session.waiting.append(Session.Waiting(call: call, work: work, readsBefore: slot.readsBefore))
            } else {
                finish(
                    call, .failure(MembusError.timeout(of: "the transaction", outcomeUnknown: true, last: slot.refusal))
                )
            }
        }
        session.waiting.append(contentsOf: waiting)
    }
}
