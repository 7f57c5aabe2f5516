import Testing

@testable import Membus

@Suite("What a transaction with a closure does")
struct RerunningTests {
    private let lineage = Lineage(1)
    private var token: Token { Token(lineage: lineage, position: at(10)) }

    private func draft(_ changes: [Change] = [Change(key("k"), .increment(1))], read: Bool = true) -> Draft.Product {
        Draft.Product(transaction: Transaction(changes: changes), token: read ? token : nil)
    }
    private func decided(_ outcome: Outcome) -> Rerunning.Input { .answered(.decided(outcome, lineage)) }

    /// Runs the attempt with this number, whose transaction is in conflict.
    private func attempt(_ number: Int, _ action: Rerunning.Action, of rerunning: inout Rerunning) throws
        -> Rerunning.Action
    {
        guard case .run(number) = try action.handed() else { throw Unexpected(action) }
        guard case .make(.transact, _) = try rerunning.take(.given(draft())) else { throw Unexpected("not submitted") }
        return try rerunning.take(decided(.conflict([], at: at(11))))
    }

    @Test("the closure runs, and what it comes to is submitted once")
    func once() throws {
        var rerunning = Rerunning(retries: 5)
        guard case .run(1) = try rerunning.begin().handed() else { throw Unexpected("not run") }
        let submitted = try rerunning.take(.given(draft()))
        guard case .make(.transact(.transaction(let transaction), _), nil) = submitted else {
            throw Unexpected(submitted)
        }
        #expect(transaction.changes.count == 1)
        guard case .finished(let receipt) = try rerunning.take(decided(.committed(at(11)))).handed() else {
            throw Unexpected("not finished")
        }
        #expect(receipt.isCommitted && receipt.revision == 11)
    }

    @Test(
        "after a conflict it runs again, as often as there are retries, and then tells the conflict", arguments: 0...3)
    func retries(count: Int) throws {
        var rerunning = Rerunning(retries: count)
        var action = rerunning.begin()
        for number in 1..<(count + 1) { action = try attempt(number, action, of: &rerunning) }
        do { throw Unexpected(try attempt(count + 1, action, of: &rerunning)) } catch MembusError.conflict(_, let at) {
            #expect(at.revision == 11)
        }
        #expect(rerunning.attempts == count + 1)
    }

    @Test("fewer retries than none are none")
    func negative() throws {
        var rerunning = Rerunning(retries: -3)
        let action = rerunning.begin()
        #expect(throws: MembusError.self) { try attempt(1, action, of: &rerunning) }
    }

    @Test("a read of what is gone by then lets it run again", arguments: [Refusal.Code.belowFloor, .beyondHead])
    func goneMeanwhile(code: Refusal.Code) throws {
        var rerunning = Rerunning(retries: 1)
        _ = rerunning.begin()
        guard case .run(2) = try rerunning.failed(refused(code)).handed() else { throw Unexpected("not run") }
    }

    @Test("an error of the closure's own ends it, and nothing is written")
    func ownError() throws {
        struct Own: Error {}
        var rerunning = Rerunning(retries: 5)
        _ = rerunning.begin()
        #expect(throws: Own.self) { try rerunning.failed(Own()) }
        #expect(rerunning.attempts == 1)
    }

    @Test("an outcome that is not known is never tried again")
    func unknown() throws {
        var rerunning = Rerunning(retries: 5)
        _ = rerunning.begin()
        _ = try rerunning.take(.given(draft()))
        let error = MembusError.timeout(of: "the transaction", outcomeUnknown: true, last: nil)
        #expect(throws: MembusError.self) { try rerunning.failed(error) }
        #expect(rerunning.attempts == 1)
    }

    @Test("when its time is over it does not run again")
    func deadline() throws {
        var rerunning = Rerunning(retries: 5)
        _ = rerunning.begin()
        #expect(throws: MembusError.self) { try rerunning.failed(refused(.belowFloor), isLast: true) }
    }

    @Test("a closure that reads and asks for nothing makes no commit")
    func nothingToWrite() throws {
        var rerunning = Rerunning(retries: 0)
        _ = rerunning.begin()
        guard case .finished(let receipt) = try rerunning.take(.given(draft([]))).handed() else {
            throw Unexpected("not finished")
        }
        #expect(!receipt.isCommitted && receipt.token == token)
    }

    @Test("preconditions without changes that held make no commit")
    func held() throws {
        var rerunning = Rerunning(retries: 0)
        _ = rerunning.begin()
        _ = try rerunning.take(.given(draft([], read: false)))
        guard case .finished(let receipt) = try rerunning.take(decided(.held(at(11)))).handed() else {
            throw Unexpected("not finished")
        }
        #expect(!receipt.isCommitted && receipt.revision == 11)
    }
}
