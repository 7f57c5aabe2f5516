import Testing

@testable import Membus

/// An old copy of the store is put in its place as a file: another instance serves the same lineage, from an
/// older state on, and what came after that state is lost.
@Suite("An old copy of the store is put back")
struct CopiedBackTests {
    @Test("a view that joins does not wait for an acknowledged write that is lost")
    func joining() throws {
        var hand = CoreHand()
        hand.transact(1)
        hand.commit(try #require(hand.takeTransactions().last).request, at: 11)
        #expect(hand.revision(of: 1) == 11)

        hand.putCopyBack()
        hand.step(.follow(ViewID(number: 1), Self.follow))
        hand.call(3, .reach(ViewID(number: 1), .live))
        try hand.resetViews(among: hand.takeSent())
        for _ in 0..<5 {
            hand.serveViews()
            hand.pass(.milliseconds(100))
        }
        guard case .success(.reached)? = hand.finished[3] else {
            Issue.record("\(String(describing: hand.finished[3]))")
            return
        }
    }

    @Test("a linearizable read is not served from the lost state")
    func linearizable() throws {
        var hand = CoreHand()
        hand.follow()
        hand.copyBackUnseen()
        hand.call(1, .reach(ViewID(number: 1), .linearizable))
        let ping = try #require(hand.sent.last { if case .ping = $0.body { true } else { false } })
        hand.reply(to: ping, .pong(Ping.Answer(clock: hand.now.nanoseconds)))
        // The view is at 10 of the lost state, the broker at 5.
        #expect(hand.finished[1] == nil)
        try hand.resetViews(among: hand.takeSent())
        guard case MembusError.historyChanged? = hand.error(of: 1) else {
            Issue.record("\(String(describing: hand.finished[1]))")
            return
        }
    }

    @Test("a transaction is not back before its agent's views have left the lost state")
    func ownWrites() throws {
        var hand = CoreHand()
        hand.follow()
        hand.putCopyBack()
        let sent = hand.takeSent()
        hand.transact(1)
        hand.commit(try #require(hand.takeTransactions().last).request, at: 6)
        #expect(hand.finished[1] == nil)
        try hand.resetViews(among: sent)
        for _ in 0..<5 {
            hand.serveViews()
            hand.pass(.milliseconds(100))
        }
        #expect(hand.revision(of: 1) == 6)
    }

    @Test("what a token stands for is lost, though the view is beyond its revision: its holder is told")
    func lostToken() throws {
        var hand = CoreHand()
        hand.follow()
        let lost = Token(lineage: hand.lineage, position: hand.visible)
        hand.putCopyBack()
        try hand.resetViews(among: hand.takeSent())
        hand.visible = Position(revision: 12, hash: 121)
        for _ in 0..<5 {
            hand.serveViews()
            hand.pass(.milliseconds(100))
        }
        hand.sent = []
        hand.call(1, .reach(ViewID(number: 1), .atLeast(lost)))
        let asked = try #require(hand.takeSent().first)
        guard case .get(let get) = asked.body, get.at == lost.position, get.keys.isEmpty, hand.finished[1] == nil else {
            Issue.record("\(asked), \(String(describing: hand.finished[1]))")
            return
        }
        hand.refuse(asked, .historyDiffers)
        guard case MembusError.historyChanged? = hand.error(of: 1) else {
            Issue.record("\(String(describing: hand.finished[1]))")
            return
        }
    }

    @Test("a view asks nobody about places that it has been at, nor twice about others")
    func knownTokens() throws {
        var hand = CoreHand()
        hand.follow()
        hand.publish(11, previous: 10)
        hand.publish(14, previous: 11)
        hand.sent = []
        func token(_ revision: Revision, _ hash: UInt64) -> Token {
            Token(lineage: Lineage(1), position: Position(revision: revision, hash: hash))
        }
        for (id, known) in [(UInt64(1), token(10, 100)), (2, token(11, 110)), (3, token(14, 140))] {
            hand.call(id, .reach(ViewID(number: 1), .atLeast(known)))
            #expect((try? hand.finished[id]?.get()) != nil, "\(known)")
        }
        hand.call(4, .reach(ViewID(number: 1), .atLeast(token(11, 111))))
        #expect(hand.error(of: 4) != nil)
        #expect(hand.sent.isEmpty)

        let passed = token(12, 120)
        hand.call(5, .reach(ViewID(number: 1), .atLeast(passed)))
        let asked = try #require(hand.takeSent().first)
        hand.reply(to: asked, .records(Get.Answer(at: passed.position, records: [])))
        #expect((try? hand.finished[5]?.get()) != nil)
        hand.call(6, .reach(ViewID(number: 1), .atLeast(passed)))
        #expect((try? hand.finished[6]?.get()) != nil)
        #expect(hand.sent.isEmpty)
    }

    static let follow = Follow(branch: .main, filter: TopicFilter([Topic(unchecked: "/")]), mode: .update)
}

extension CoreHand {
    /// The client has not heard of it yet.
    fileprivate mutating func copyBackUnseen() {
        (instance, visible) = (Instance(8), Position(revision: 5, hash: 51))
    }

    fileprivate mutating func putCopyBack() {
        copyBackUnseen()
        call(2, .request(.branches(GetBranches())))
        if let branches = takeSent().last { reply(to: branches, .branches(BranchPage())) }
    }

    /// Answers the registration that is under way: what it names is not of this history.
    fileprivate mutating func resetViews(among sent: [Request]) throws {
        let register = try #require(sent.last { if case .register = $0.body { true } else { false } })
        reply(to: register, .registered(Registered(stream: stream, alias: 1, generation: 1, reset: true)))
    }
}
