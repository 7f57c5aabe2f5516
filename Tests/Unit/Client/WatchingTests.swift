import Testing

@testable import Membus

@Suite("What a watch does")
struct WatchingTests {
    private let lineage = Lineage(1)

    private func watching(_ start: Watching.Start) -> Watching {
        Watching(signal: ViewID(number: 1), branch: .main, filter: TopicFilter([Topic(unchecked: "/")]), from: start)
    }
    private func page(_ commits: [Commit], to revision: Revision, more: Bool = false) -> Reply.Body {
        .log(LogPage(commits: commits, next: .end(of: revision), more: more))
    }
    /// Its signal is live, at 10.
    private func listening(_ start: Watching.Start) throws -> (Watching, Watching.Action) {
        var watching = watching(start)
        #expect(try watching.begin().freshness() == .live)
        let token = Token(lineage: lineage, position: at(10))
        let action = try watching.take(.answered(.reached(at: token)))
        return (watching, action)
    }

    @Test("it listens, reads the log to its end, waits for the signal, and reads on")
    func order() throws {
        var (watching, action) = try listening(.after(4))
        let first = try action.log()
        #expect(first.cursor == .end(of: 4) && first.basis == nil && first.ascending && first.values)
        #expect(try watching.answered(page([commit(5), commit(6)], to: 10)).handed().revision == 5)
        #expect(try watching.take(.passed).handed().revision == 6)
        // A page with changes may not be the last by now.
        #expect(try watching.take(.passed).log().cursor == .end(of: 10))
        #expect(try watching.answered(page([], to: 10)).freshness() == .changed(after: 10))
        #expect(try watching.take(.answered(.reached(at: nil))).log().cursor == .end(of: 10))
    }

    @Test("from now on is from where the signal is once it is live")
    func fromNow() throws {
        let (_, action) = try listening(.now)
        #expect(try action.log().cursor == .end(of: 10))
        #expect(try action.log().basis == at(10))
    }

    @Test("an empty page before the end is followed by the next one at once")
    func nothingMatched() throws {
        var (watching, _) = try listening(.after(4))
        #expect(try watching.answered(page([], to: 7, more: true)).log().cursor == .end(of: 7))
    }

    @Test("a value that did not travel is fetched before the change is handed over")
    func largeValue() throws {
        var (watching, _) = try listening(.after(4))
        let get = try watching.answered(page([commit(5, value: nil), commit(6)], to: 10)).get()
        #expect(get.keys == [key("k")] && get.at == Position(revision: 5, hash: 0))
        let whole = Get.Answer(at: at(5), records: [record("k", 5)])
        let change = try watching.answered(.records(whole)).handed()
        #expect(change.revision == 5 && change.record.value != nil)
        #expect(try watching.take(.passed).handed().revision == 6)
    }

    @Test("a value of another history is not handed over")
    func largeValueReplaced() throws {
        var (watching, _) = try listening(.after(4))
        _ = try watching.answered(page([commit(5, value: nil)], to: 10))
        let whole = Get.Answer(at: at(5), records: [record("k", 5)])
        let other = Answering(lineage: Lineage(8))
        #expect(try watching.endedByHistory { try $0.answered(.records(whole), by: other) } == Lineage(8))
    }

    @Test("a broker that is away is waited for, in every stage")
    func away() throws {
        var listener = watching(.now)
        _ = listener.begin()
        #expect(try listener.failed(ClientTests.away).freshness() == .live)

        var (watching, _) = try listening(.after(4))
        #expect(try watching.failed(ClientTests.away).log().cursor == .end(of: 4))
        #expect(try watching.answered(page([], to: 10)).freshness() == .changed(after: 10))
        #expect(try watching.failed(ClientTests.away).freshness() == .changed(after: 10))
        _ = try watching.take(.answered(.reached(at: nil)))
        _ = try watching.answered(page([commit(11, value: nil)], to: 11))
        #expect(try watching.failed(ClientTests.away).get().keys == [key("k")])
    }

    @Test("a refusal that may pass is followed by a pause and another try")
    func busy() throws {
        var (watching, _) = try listening(.after(4))
        #expect(try watching.failed(refused(.busy)).paused() == Watching.pause)
        #expect(try watching.take(.passed).log().cursor == .end(of: 4))
    }

    @Test("what is no longer kept ends it; going on asks for the same again")
    func belowFloor() throws {
        var (watching, _) = try listening(.after(4))
        #expect(throws: MembusError.self) { try watching.failed(refused(.belowFloor)) }
        #expect(try watching.begin().log().cursor == .end(of: 4))
    }

    @Test("cancelled in the middle of a page, it goes on where it was")
    func cancelled() throws {
        var (watching, _) = try listening(.after(4))
        _ = try watching.answered(page([commit(5, value: nil), commit(6)], to: 10))
        #expect(throws: CancellationError.self) { try watching.failed(CancellationError()) }
        #expect(try watching.begin().get().at == Position(revision: 5, hash: 0))
    }

    @Test("where the broker holds another history than the token's, it is asked which, for as long as that takes")
    func otherHistory() throws {
        var (watching, action) = try listening(.of(Token(lineage: lineage, position: at(4))))
        #expect(try action.log().basis == at(4))
        action = try watching.failed(refused(.historyDiffers))
        #expect(action.isQuestion)
        #expect(try watching.failed(ClientTests.away).isQuestion)
        #expect(try watching.failed(refused(.busy)).paused() == Watching.pause)
        #expect(try watching.take(.passed).isQuestion)
        let other = Answering(lineage: Lineage(8))
        #expect(try watching.endedByHistory { try $0.answered(.branches([]), by: other) } == Lineage(8))
    }

    @Test("a page of another history ends it between two pages")
    func replacedBetweenPages() throws {
        var (watching, _) = try listening(.after(4))
        _ = try watching.answered(page([], to: 7, more: true))
        let other = Answering(lineage: Lineage(8))
        #expect(try watching.endedByHistory { try $0.answered(page([commit(8)], to: 8), by: other) } == Lineage(8))
    }
}
