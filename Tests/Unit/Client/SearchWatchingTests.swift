import Testing

@testable import Membus

@Suite("What a followed search does")
struct SearchWatchingTests {
    private func watching() -> SearchWatching {
        SearchWatching(signal: ViewID(number: 1), Search(question: "night train"))
    }
    private func page(at revision: Revision, unchanged: Bool = false) -> Reply.Body {
        .search(
            SearchPage(at: at(revision), standing: IndexStanding(indexed: revision), isUnchanged: unchanged))
    }
    private func since(_ action: SearchWatching.Action) throws -> Revision? {
        guard case .search(let search) = try action.asked() else { throw Unexpected(action) }
        return search.since
    }
    /// It has handed over the page of revision 10, and waits for news.
    private func waiting() throws -> SearchWatching {
        var watching = watching()
        _ = watching.begin()
        _ = try watching.answered(page(at: 10)).handed()
        _ = try watching.begin().paused()
        _ = try watching.take(.passed).freshness()
        return watching
    }

    @Test("it hands over the page, pauses, waits for the signal, and asks for what has come since")
    func order() throws {
        var watching = watching()
        #expect(try since(watching.begin()) == nil)
        #expect(try watching.answered(page(at: 10)).handed().at == at(10))
        #expect(try watching.begin().paused() == .milliseconds(250))
        #expect(try watching.take(.passed).freshness() == .changed(after: 10, asOf: Answering().instance))
        #expect(try since(watching.take(.answered(.heard(nil)))) == 10)
        #expect(try watching.answered(page(at: 12)).handed().at == at(12))
    }

    @Test("a page that is unchanged is not handed over, and the next question is since its state")
    func unchanged() throws {
        var watching = try waiting()
        _ = try watching.take(.answered(.heard(nil)))
        // The index was not there yet: the signal, which is further, is asked for what came after that.
        #expect(try watching.answered(page(at: 11, unchanged: true)).paused() == .milliseconds(250))
        #expect(try watching.take(.passed).freshness() == .changed(after: 11, asOf: Answering().instance))
        #expect(try since(watching.take(.answered(.heard(nil)))) == 11)
    }

    @Test("a broker that is away, or busy, is waited for")
    func absence() throws {
        var watching = watching()
        _ = watching.begin()
        #expect(try since(watching.failed(away)) == nil)
        #expect(try watching.failed(refused(.busy)).paused() == Watching.pause)
        #expect(try since(watching.take(.passed)) == nil)
        var idle = try waiting()
        #expect(try idle.failed(away).freshness() == .changed(after: 10, asOf: Answering().instance))
    }

    @Test("a question that is refused ends it")
    func refusal() throws {
        var watching = watching()
        _ = watching.begin()
        #expect(throws: MembusError.self) { try watching.failed(refused(.invalidArgument)) }
    }

    @Test(
        "where the state that was answered is the broker's no more, all is asked for anew, once",
        arguments: [Refusal.Code.historyDiffers, .beyondHead, .belowFloor])
    func anew(_ code: Refusal.Code) throws {
        var watching = try waiting()
        _ = try watching.take(.answered(.heard(nil)))
        #expect(try since(watching.failed(refused(code))) == nil)
        #expect(throws: MembusError.self) { try watching.failed(refused(code)) }
    }

    @Test("that a page is unchanged counts for nothing in another history")
    func otherHistory() throws {
        var watching = try waiting()
        _ = try watching.take(.answered(.heard(nil)))
        let other = Answering(lineage: Lineage(2))
        #expect(try since(watching.answered(page(at: 11, unchanged: true), by: other)) == nil)
        #expect(try watching.answered(page(at: 11), by: other).handed().at == at(11))
    }
}
