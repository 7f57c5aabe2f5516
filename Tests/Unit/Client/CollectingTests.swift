import MembusModel
import Testing

@testable import Membus

@Suite("What a read of several keys does")
struct CollectingTests {
    private let old = Lineage(1)
    private let reached = Collecting.Input.answered(.reached(at: nil))

    /// Its misses are asked for, and the history is replaced before they are answered.
    private func interrupted(_ consistency: Consistency, by new: Lineage, at revision: Revision = 2) throws
        -> Collecting
    {
        let follow = Follow(branch: .main, filter: TopicFilter([Topic(unchecked: "a/")]), mode: .invalidate)
        let shared = SharedView(follow: follow, capacity: 1 << 20, whenStale: .serve, context: "")
        shared.apply(.install([], at: Position(revision: 5, hash: 50)), of: old)
        shared.apply(.live, of: old)
        var collecting = Collecting([Key(unchecked: "a/1")], consistency, from: shared, ViewID(number: 1))
        var action = try collecting.begin()
        if case .make(.reach, _) = action { action = try collecting.take(reached) }
        guard case .make(.request(.get), _) = action else { throw Unexpected() }
        shared.apply(.reset(new), of: new)
        shared.apply(.install([], at: Position(revision: revision, hash: 20)), of: new)
        action = try collecting.take(.failed(Refusal(.historyDiffers, "another history"), isLast: false))
        guard case .pause = action, case .make(.reach(_, .linearizable), _) = try collecting.take(.passed) else {
            throw Unexpected()
        }
        return collecting
    }
    private struct Unexpected: Error {}

    /// By another one, or by an old copy of the same.
    @Test(
        "a read that waited for a state of a history that was replaced is told so, not given another history's",
        arguments: [Lineage(2), Lineage(1)])
    func tokenOfReplacedHistory(new: Lineage) throws {
        let token = Token(lineage: old, position: Position(revision: 5, hash: 50))
        var collecting = try interrupted(.atLeast(token), by: new)
        do {
            _ = try collecting.take(reached)
            Issue.record("it goes on")
        } catch MembusError.historyChanged(let now) {
            #expect(now == new)
        }
    }

    @Test("an old copy that has come as far as the token is asked for the token again")
    func tokenOfReplacedHistoryPassed() throws {
        let token = Token(lineage: old, position: Position(revision: 5, hash: 50))
        var collecting = try interrupted(.atLeast(token), by: old, at: 6)
        guard case .make(.reach(_, .atLeast(token)), _) = try collecting.take(reached) else { throw Unexpected() }
        // It holds it: then the read goes on there.
        guard case .make(.request(.get(let get)), _) = try collecting.take(reached) else { throw Unexpected() }
        #expect(get.at?.revision == 6)
    }

    @Test("a read that asked for no token goes on in the history that replaced the one it began in")
    func readAnew() throws {
        var collecting = try interrupted(.linearizable, by: Lineage(2))
        guard case .make(.request(.get(let get)), _) = try collecting.take(reached) else { throw Unexpected() }
        #expect(get.at?.revision == 2)
    }
}
