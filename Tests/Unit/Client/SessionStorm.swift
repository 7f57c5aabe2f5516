import Testing

@testable import Membus

/// A broker's session rules in a few lines, and a world that loses, refuses, delays and restarts. Everything
/// that the client was told is held against what the broker executed.
struct SessionStorm {
    private var hand: CoreHand
    private var random: SeededRandom
    private var last: UInt64 = 0
    private var outcomes: [UInt64: (work: Work, position: Position)] = [:]
    private var executed: [Work] = []
    private var revision: Revision = 10
    private var delayed: [(request: Request, body: Reply.Body)] = []

    init(seed: UInt64) {
        hand = CoreHand(seed: seed)
        random = SeededRandom(seed: seed &* 77)
    }

    private mutating func chance(_ percent: UInt64) -> Bool { random.next() % 100 < percent }

    mutating func run() throws {
        let calls: UInt64 = 60
        for id in 1...calls {
            hand.transact(id, key: "k\(id)", timeout: .seconds(chance(20) ? 1 : 120))
            if chance(10) { hand.step(.cancel(CallID(number: id))) }
            turn(faulty: true)
        }
        for _ in 0..<600 where hand.finished.count < Int(calls) || hand.core.session.slots.count > 0 {
            turn(faulty: false)
        }
        #expect(hand.finished.count == Int(calls))
        #expect(hand.core.session.slots.isEmpty)
        for id in 1...calls { try check(id) }
    }

    private mutating func turn(faulty: Bool) {
        hand.pass(.milliseconds(Int64(50 + random.next() % 200)))
        if faulty, chance(4) { hand.instance = Instance(hand.instance.id + 1) }
        for request in hand.takeSent() {
            if faulty, chance(15) { continue }
            guard let body = serve(request, faulty: faulty) else { continue }
            if faulty, chance(15) { continue }
            if faulty, chance(20) { delayed.append((request, body)) } else { hand.reply(to: request, body) }
        }
        if !delayed.isEmpty, chance(50) || !faulty {
            let entry = delayed.removeFirst()
            hand.reply(to: entry.request, entry.body)
        }
    }

    private mutating func serve(_ request: Request, faulty: Bool) -> Reply.Body? {
        switch request.body {
        case .hello: return hand.welcome
        case .openSession: return .session(SessionID(99))
        case .closeSession: return .sessionClosed(CloseSession.Answer())
        case .ping: return .pong(Ping.Answer(clock: 0))
        case .transact(let transact): return execute(transact, request, faulty: faulty)
        default: return nil
        }
    }

    private mutating func execute(_ transact: Transact, _ request: Request, faulty: Bool) -> Reply.Body {
        guard request.instance == hand.instance else { return .refused(Refusal(.instanceChanged, "restarted")) }
        guard case .success(let work) = transact.work else { return .refused(Refusal(.malformed, "no work")) }
        if let known = outcomes[transact.number] {
            return known.work == work
                ? .outcome(.committed(known.position)) : .refused(Refusal(.numberReused, "reused"))
        }
        guard transact.number == last + 1 else { return .refused(Refusal(.outOfOrder, "not \(last + 1)")) }
        if faulty, chance(10) { return .refused(Refusal(chance(50) ? .busy : .diskFull, "not now")) }
        last += 1
        revision += 1
        let position = Position(revision: revision, hash: UInt64(revision))
        outcomes[last] = (work, position)
        if work != .nothing { executed.append(work) }
        return .outcome(.committed(position))
    }

    private func check(_ id: UInt64) throws {
        let times = executed.count { work in
            if case .transaction(let transaction) = work {
                transaction.changes.first?.key.text == "k\(id)"
            } else {
                false
            }
        }
        switch hand.finished[id] {
        case .success(.decided): #expect(times == 1, "call \(id) was acknowledged, executed \(times) times")
        case .failure(MembusError.timeout(_, outcomeUnknown: false, _)), .failure(MembusError.refused):
            if case .failure(MembusError.refused(let failure)) = hand.finished[id] {
                #expect(failure.code.remedy == .retry)
            }
            #expect(times == 0, "call \(id) was reported as not executed")
        case .failure: #expect(times <= 1)
        default: Issue.record("call \(id) has no end")
        }
    }
}
