import Testing

@testable import Membus

@Suite("Searches find their asker's writes")
struct CatchingUpTests {
    /// What a search is sent with.
    private func atLeast(
        _ hand: inout CoreHand, _ id: UInt64, at revision: Revision? = nil, branch: BranchName = .main,
        saying said: Revision = 0
    ) throws -> Revision {
        let search = Search(branch: branch, at: revision, question: "x", atLeast: said)
        hand.call(id, .request(.search(search)))
        guard case .search(let sent)? = hand.takeSent().last?.body else { throw Unexpected("no search was sent") }
        return sent.atLeast
    }

    private func written(at revision: Revision) throws -> CoreHand {
        var hand = CoreHand()
        hand.transact(1)
        hand.commit(try #require(hand.takeTransactions().first).request, at: revision)
        return hand
    }

    @Test("a search is of a state that holds what its asker was told is committed on that branch")
    func ownWrites() throws {
        var hand = try written(at: 15)
        #expect(try atLeast(&hand, 2) == 15)
        #expect(try atLeast(&hand, 3, saying: 20) == 20)
        #expect(try atLeast(&hand, 4, branch: BranchName(unchecked: "trial")) == 0)
        // A state that is named is what it is.
        #expect(try atLeast(&hand, 5, at: 12) == 0)
    }

    @Test("recall, links and queries are, too")
    func others() throws {
        var hand = try written(at: 15)
        hand.call(2, .request(.recall(Recall(question: "x"))))
        hand.call(3, .request(.links(GetLinks(keys: [key("a")]))))
        hand.call(4, .request(.query(Query(sql: "SELECT 1"))))
        let told = hand.takeSent().map { request -> Revision? in
            switch request.body {
            case .recall(let recall): recall.atLeast
            case .links(let links): links.atLeast
            case .query(let query): query.atLeast
            default: nil
            }
        }
        #expect(told == [15, 15, 15])
    }

    @Test("what is sent again is of what was committed meanwhile, too")
    func again() throws {
        var hand = try written(at: 15)
        #expect(try atLeast(&hand, 2) == 15)
        hand.transact(3)
        hand.commit(try #require(hand.takeTransactions().first).request, at: 17)
        hand.pass(.seconds(20))
        let resent = hand.takeSent().compactMap { request in
            if case .search(let search) = request.body { search.atLeast } else { nil }
        }
        #expect(!resent.isEmpty && resent.allSatisfy { $0 == 17 })
    }

    @Test(
        "the next instance's searches hold it; in the place of an old copy of the store nothing waits for what was lost"
    )
    func restarts() throws {
        for (visible, expected) in [(Revision(20), Revision(15)), (11, 11)] {
            var hand = try written(at: 15)
            hand.instance = Instance(8)
            hand.visible = at(visible)
            hand.call(2, .request(.status(GetStatus())))
            let status = try #require(hand.takeSent().last)
            hand.reply(to: status, .status(BrokerFigures()))
            for request in hand.takeSent() where request.body.isHello { hand.reply(to: request, hand.welcome) }
            #expect(try atLeast(&hand, 3) == expected)
        }
    }

    @Test("in another history nothing of this one is waited for")
    func otherHistory() throws {
        var hand = try written(at: 15)
        (hand.instance, hand.lineage) = (Instance(8), Lineage(2))
        hand.call(2, .request(.status(GetStatus())))
        let status = try #require(hand.takeSent().last)
        hand.reply(to: status, .status(BrokerFigures()))
        for request in hand.takeSent() where request.body.isHello { hand.reply(to: request, hand.welcome) }
        #expect(try atLeast(&hand, 3) == 0)
    }
}

extension Request.Body {
    fileprivate var isHello: Bool { if case .hello = self { true } else { false } }
}
