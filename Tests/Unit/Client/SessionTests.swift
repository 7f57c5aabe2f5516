import Foundation
import Testing

@testable import Membus

@Suite("The session")
struct SessionTests {
    @Test("a transaction that is not to be shown is over once it is decided; the view hears of it all the same")
    func notShown() throws {
        var hand = CoreHand()
        hand.follow()
        let change = Change(Key(unchecked: "a"), .put(Put(Data("x".utf8))))
        hand.call(1, .transact(.transaction(Transaction(changes: [change])), isShown: false))
        hand.transact(2)
        let sent = hand.takeTransactions()
        hand.commit(sent[0].request, at: 11)
        #expect(hand.revision(of: 1) == 11)
        hand.commit(sent[1].request, at: 12)
        #expect(hand.revision(of: 2) == nil)
        hand.waitFor(Token(lineage: hand.lineage, position: Position(revision: 11, hash: 110)), call: 3)
        #expect(hand.finished[3] == nil)
    }

    @Test("a lost reply has the same number sent again, with the same payload")
    func lostReply() throws {
        var hand = CoreHand()
        hand.transact(1)
        let first = try #require(hand.takeTransactions().first)
        hand.pass(.seconds(3))
        let again = try #require(hand.takeTransactions().first)
        #expect(again.transact.number == first.transact.number)
        #expect(again.request.id != first.request.id)
        #expect(try again.transact.work.get() == first.transact.work.get())
        hand.commit(again.request, at: 11)
        #expect(hand.revision(of: 1) == 11)
        // The first answer, late, changes nothing.
        hand.commit(first.request, at: 11)
        hand.pass(.seconds(10))
        #expect(hand.takeTransactions().isEmpty)
    }

    @Test("sixteen are under way at once, in order, and finish in any order")
    func pipelining() {
        var hand = CoreHand()
        for id in 1...16 { hand.transact(UInt64(id)) }
        let sent = hand.takeTransactions()
        #expect(sent.map(\.transact.number) == Array(1...16))
        for (index, entry) in sent.enumerated().reversed() { hand.commit(entry.request, at: Revision(11 + index)) }
        #expect((1...16).allSatisfy { hand.revision(of: UInt64($0)) == Revision(10 + $0) })
        hand.transact(17)
        #expect(hand.takeTransactions().first?.transact.acknowledged == 16)
    }

    @Test("a refusal as out of order has all unanswered numbers sent again, once and in order")
    func outOfOrder() {
        var hand = CoreHand()
        for id in 1...4 { hand.transact(UInt64(id)) }
        let sent = hand.takeTransactions()
        hand.commit(sent[0].request, at: 11)
        for entry in sent[2...] { hand.refuse(entry.request, .outOfOrder) }
        hand.pass(.milliseconds(200))
        #expect(hand.takeTransactions().map(\.transact.number) == [2, 3, 4])
    }

    @Test("busy refuses nothing for good, and what is new waits for the next round")
    func busy() {
        var hand = CoreHand()
        hand.transact(1)
        hand.transact(2)
        let sent = hand.takeTransactions()
        hand.refuse(sent[0].request, .busy)
        hand.transact(3)
        #expect(hand.takeTransactions().isEmpty)
        hand.refuse(sent[1].request, .outOfOrder)
        hand.pass(.milliseconds(200))
        #expect(hand.takeTransactions().map(\.transact.number) == [1, 2, 3])
    }

    @Test("a new instance has all unanswered numbers sent again, naming it")
    func instanceChange() {
        var hand = CoreHand()
        for id in 1...3 { hand.transact(UInt64(id)) }
        let sent = hand.takeTransactions()
        hand.commit(sent[0].request, at: 11)
        hand.instance = Instance(8)
        hand.refuse(sent[1].request, .instanceChanged)
        hand.pass(.milliseconds(200))
        let again = hand.takeTransactions()
        #expect(again.prefix(2).map(\.transact.number) == [2, 3])
        #expect(again.allSatisfy { $0.request.instance == Instance(8) })
    }

    @Test("one that was not sent yet leaves no trace when cancelled")
    func cancelledBefore() {
        var hand = CoreHand { $0.mostInFlight = 1 }
        hand.transact(1)
        hand.transact(2)
        hand.transact(3)
        let sent = hand.takeTransactions()
        #expect(sent.map(\.transact.number) == [1])
        hand.step(.cancel(CallID(number: 2)))
        #expect(hand.error(of: 2) is CancellationError)
        hand.commit(sent[0].request, at: 11)
        let next = hand.takeTransactions()
        #expect(next.map(\.transact.number) == [2])
        hand.commit(next[0].request, at: 12)
        #expect(hand.revision(of: 3) == 12)
    }

    @Test("one that was sent is resolved although its caller has gone")
    func cancelledAfter() throws {
        var hand = CoreHand()
        hand.transact(1)
        let first = try #require(hand.takeTransactions().first)
        hand.step(.cancel(CallID(number: 1)))
        #expect(hand.error(of: 1) is CancellationError)
        hand.pass(.seconds(3))
        let again = try #require(hand.takeTransactions().first)
        #expect(try again.transact.work.get() == first.transact.work.get())
        hand.transact(2)
        hand.commit(again.request, at: 11)
        #expect(hand.takeTransactions().map(\.transact.number) == [2])
    }

    @Test("a deadline with an answer outstanding leaves the outcome unknown, and the number is resent unchanged")
    func deadlineUnknown() throws {
        var hand = CoreHand()
        hand.transact(1, timeout: .seconds(1))
        let first = try #require(hand.takeTransactions().first)
        hand.pass(.milliseconds(1100))
        guard case MembusError.timeout(_, outcomeUnknown: true, _)? = hand.error(of: 1) else {
            Issue.record("\(String(describing: hand.error(of: 1)))")
            return
        }
        hand.pass(.seconds(3))
        let again = try #require(hand.takeTransactions().last)
        #expect(again.transact.number == 1)
        #expect(try again.transact.work.get() == first.transact.work.get())
    }

    @Test("a deadline after nothing but refusals tells the reason, and an empty transaction takes the number")
    func deadlineRefused() throws {
        var hand = CoreHand()
        hand.transact(1, timeout: .seconds(1))
        for _ in 0..<40 {
            for entry in hand.takeTransactions() { hand.refuse(entry.request, .diskFull) }
            hand.pass(.milliseconds(50))
            if hand.error(of: 1) != nil { break }
        }
        guard case MembusError.refused(let failure)? = hand.error(of: 1) else {
            Issue.record("\(String(describing: hand.error(of: 1)))")
            return
        }
        #expect(failure.code == .diskFull)
        hand.transact(2)
        hand.pass(.seconds(2))
        let next = hand.takeTransactions().suffix(2)
        #expect(next.map(\.transact.number) == [1, 2])
        #expect(try next.first?.transact.work.get() == .nothing)
    }

    @Test("a refusal of the hundred 100 uses up the number")
    func refusedForGood() throws {
        var hand = CoreHand()
        hand.transact(1)
        hand.refuse(try #require(hand.takeTransactions().first).request, .wrongKind)
        guard case MembusError.refused(let failure)? = hand.error(of: 1) else {
            Issue.record("not refused")
            return
        }
        #expect(failure.code == .wrongKind)
        hand.transact(2)
        let next = try #require(hand.takeTransactions().first)
        #expect(next.transact.number == 2)
        #expect(next.transact.acknowledged == 1)
    }

    @Test("a lost session carries on what was certainly not executed, and only that")
    func unknownSession() throws {
        var hand = CoreHand()
        hand.transact(1)
        let first = try #require(hand.takeTransactions().first)
        hand.pass(.seconds(3))
        let again = try #require(hand.takeTransactions().first)
        hand.transact(2)
        let second = try #require(hand.takeTransactions().first)
        _ = (first, second)
        hand.refuse(again.request, .unknownSession)
        guard case MembusError.timeout(_, outcomeUnknown: true, _)? = hand.error(of: 1) else {
            Issue.record("\(String(describing: hand.error(of: 1)))")
            return
        }
        let renewed = hand.takeTransactions()
        #expect(renewed.map(\.transact.number) == [1])
        hand.commit(try #require(renewed.first).request, at: 11)
        #expect(hand.revision(of: 2) == 11)
    }

    @Test("another lineage leaves what was sent in doubt")
    func restored() throws {
        var hand = CoreHand()
        hand.transact(1)
        _ = hand.takeTransactions()
        hand.lineage = Lineage(2)
        hand.call(50, .request(.status(GetStatus())))
        hand.reply(to: try #require(hand.takeSent().last), .status(BrokerFigures()))
        guard case MembusError.timeout(_, outcomeUnknown: true, _)? = hand.error(of: 1) else {
            Issue.record("\(String(describing: hand.error(of: 1)))")
            return
        }
    }

    @Test("random losses, refusals and restarts never execute twice, skip or swap", arguments: 1...200)
    func storms(seed: Int) throws {
        var storm = SessionStorm(seed: UInt64(seed))
        try storm.run()
    }

    @Test("a client that leaves closes its session once it has all outcomes, and sends nothing more of it")
    func closes() {
        var hand = CoreHand()
        hand.transact(1)
        let first = hand.takeTransactions()
        // With something under way it stays: the outcome may be asked for again.
        var busy = hand
        busy.step(.leaving([]))
        #expect(busy.core.hasLeft && busy.takeSent().isEmpty)
        hand.commit(first[0].request, at: 11)
        hand.step(.leaving([]))
        let sent = hand.takeSent()
        guard sent.count == 1, case .closeSession(CloseSession(session: SessionID(99))) = sent[0].body else {
            Issue.record("\(sent)")
            return
        }
        #expect(!hand.core.hasLeft)
        hand.transact(2)
        #expect(hand.takeSent().isEmpty)
        // From a broker of an earlier release this is all that comes.
        var early = hand
        early.refuse(sent[0], .unknownRequest)
        #expect(early.core.hasLeft)
        hand.reply(to: sent[0], .sessionClosed(CloseSession.Answer()))
        #expect(hand.core.hasLeft)
    }

    @Test("a client without a session leaves at once")
    func nothingToClose() {
        var hand = CoreHand()
        hand.step(.leaving([]))
        #expect(hand.core.hasLeft && hand.takeSent().isEmpty)
    }
}
