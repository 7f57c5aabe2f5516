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
    /// It reads, of a broker that is at 10.
    private func reading(_ start: Watching.Start) throws -> (Watching, Watching.Action) {
        var watching = watching(start)
        let action = watching.begin()
        return (watching, action)
    }
    /// What it waits for, having read up to there.
    private func news(after revision: Revision, of instance: Instance = Answering().instance) -> Freshness {
        .changed(after: revision, asOf: instance)
    }

    @Test("it reads the log to its end, waits for the signal, and reads on")
    func order() throws {
        var (watching, action) = try reading(.after(4))
        let first = try action.log()
        #expect(first.cursor == .end(of: 4) && first.basis == nil && first.ascending && first.values)
        #expect(try watching.answered(page([commit(5), commit(6)], to: 10)).handed().revision == 5)
        #expect(try watching.take(.passed).handed().revision == 6)
        // A page with changes may not be the last by now.
        #expect(try watching.take(.passed).log().cursor == .end(of: 10))
        #expect(try watching.answered(page([], to: 10)).freshness() == news(after: 10))
        #expect(try watching.take(.answered(.heard(nil))).log().cursor == .end(of: 10))
    }

    @Test("from now on is from the head when the broker is asked")
    func fromNow() throws {
        var (watching, action) = try reading(.now)
        guard case .ping = try action.asked() else { throw Unexpected(action) }
        action = try watching.answered(.pong(Ping.Answer(clock: 0)))
        #expect(try action.log().cursor == .end(of: 10))
        #expect(try action.log().basis == at(10))
    }

    @Test("what the signal knows to be quiet counts as read, with a basis in the same history")
    func quiet() throws {
        var (watching, _) = try reading(.after(4))
        _ = try watching.answered(page([], to: 10))
        let next = try watching.take(.answered(.heard(Quiet(upTo: 19, basis: at(20))))).log()
        #expect(next.cursor == .end(of: 19) && next.basis == at(20))
        // What was read is further already.
        _ = try watching.answered(page([], to: 30), by: Answering(visible: at(30)))
        let other = try watching.take(.answered(.heard(Quiet(upTo: 25, basis: at(25))))).log()
        #expect(other.cursor == .end(of: 30) && other.basis == at(30))
    }

    @Test("a signal that can't be had for want of events ends nothing")
    func eventless() throws {
        var (watching, _) = try reading(.after(4))
        _ = try watching.answered(page([], to: 10))
        let stale = MembusError.stale(
            TopicFilter([Topic(unchecked: "/")]), for: .seconds(9), .wait, noEventsFrom: "tcp://h:1")
        #expect(try watching.failed(stale).freshness() == news(after: 10))
    }

    @Test("an empty page before the end is followed by the next one at once")
    func nothingMatched() throws {
        var (watching, _) = try reading(.after(4))
        #expect(try watching.answered(page([], to: 7, more: true)).log().cursor == .end(of: 7))
    }

    private func version(_ revision: Revision, hash: UInt64? = nil) -> Reply.Body {
        var info = commit(revision).info
        if let hash { info.hash = hash }
        return .history(HistoryPage(versions: [KeyVersion(record: record("k", revision), commit: info)], more: true))
    }

    @Test("a value that did not travel is fetched by key and revision before the change is handed over")
    func largeValue() throws {
        var (watching, _) = try reading(.after(4))
        let asked = try watching.answered(page([commit(5, value: nil), commit(6)], to: 10)).history()
        #expect(asked.key == key("k") && asked.before == 6 && asked.limit == 1)
        let change = try watching.answered(version(5)).handed()
        #expect(change.revision == 5 && change.record.value != nil)
        #expect(try watching.take(.passed).handed().revision == 6)
    }

    @Test("a value of another history is not handed over, whether that bears another name or not")
    func largeValueReplaced() throws {
        var (watching, _) = try reading(.after(4))
        _ = try watching.answered(page([commit(5, value: nil)], to: 10))
        var same = watching
        let other = Answering(lineage: Lineage(8))
        #expect(try watching.endedByHistory { try $0.answered(version(5), by: other) } == Lineage(8))
        #expect(try same.endedByHistory { try $0.answered(version(5, hash: 1)) } == Lineage(1))
    }

    @Test("a value that was dropped meanwhile is told to be lost")
    func largeValueDropped() throws {
        var (watching, _) = try reading(.after(4))
        _ = try watching.answered(page([commit(5, value: nil)], to: 10))
        // It may be another history's, under the same name: only the log knows.
        let asked = try watching.answered(version(3)).log()
        #expect(asked.cursor == .end(of: 10) && asked.basis == at(10) && asked.limit == 1)
        var replaced = watching
        do { throw Unexpected(try watching.answered(page([], to: 10))) } catch MembusError.refused(let refusal) {
            #expect(refusal.code == .belowFloor)
        }
        #expect(try replaced.failed(refused(.historyDiffers)).isQuestion)
    }

    @Test("a signal that was refused before the branch was there ends nothing: the log is read now and then")
    func forkedMeanwhile() throws {
        var (watching, _) = try reading(.after(4))
        _ = try watching.answered(page([], to: 10))
        #expect(try watching.failed(refused(.unknownBranch)).paused() == Watching.pollingPause)
        #expect(try watching.take(.passed).log().cursor == .end(of: 10))
        // The log itself knows.
        #expect(throws: MembusError.self) { try watching.failed(refused(.unknownBranch)) }
    }

    @Test("a broker that is away is waited for, in every stage")
    func away() throws {
        var listener = watching(.now)
        _ = listener.begin()
        guard case .ping = try listener.failed(ClientTests.away).asked() else { throw Unexpected("no ping") }

        var (watching, _) = try reading(.after(4))
        #expect(try watching.failed(ClientTests.away).log().cursor == .end(of: 4))
        #expect(try watching.answered(page([], to: 10)).freshness() == news(after: 10))
        #expect(try watching.failed(ClientTests.away).freshness() == news(after: 10))
        _ = try watching.take(.answered(.heard(nil)))
        _ = try watching.answered(page([commit(11, value: nil)], to: 11))
        #expect(try watching.failed(ClientTests.away).history().key == key("k"))
    }

    @Test("a refusal that may pass is followed by a pause and another try")
    func busy() throws {
        var (watching, _) = try reading(.after(4))
        #expect(try watching.failed(refused(.busy)).paused() == Watching.pause)
        #expect(try watching.take(.passed).log().cursor == .end(of: 4))
    }

    @Test("what is no longer kept ends it; going on asks for the same again")
    func belowFloor() throws {
        var (watching, _) = try reading(.after(4))
        #expect(throws: MembusError.self) { try watching.failed(refused(.belowFloor)) }
        #expect(try watching.begin().log().cursor == .end(of: 4))
    }

    @Test("cancelled in the middle of a page, it goes on where it was")
    func cancelled() throws {
        var (watching, _) = try reading(.after(4))
        _ = try watching.answered(page([commit(5, value: nil), commit(6)], to: 10))
        #expect(throws: CancellationError.self) { try watching.failed(CancellationError()) }
        #expect(try watching.begin().history().before == 6)
    }

    @Test("where the broker holds another history than the token's, it is asked which, for as long as that takes")
    func otherHistory() throws {
        var (watching, action) = try reading(.of(Token(lineage: lineage, position: at(4))))
        #expect(try action.log().basis == at(4))
        action = try watching.failed(refused(.historyDiffers))
        #expect(action.isQuestion)
        #expect(try watching.failed(ClientTests.away).isQuestion)
        #expect(try watching.failed(refused(.busy)).paused() == Watching.pause)
        #expect(try watching.take(.passed).isQuestion)
        let other = Answering(lineage: Lineage(8))
        #expect(try watching.endedByHistory { try $0.answered(.branches(BranchPage()), by: other) } == Lineage(8))
    }

    @Test("a page of another history ends it between two pages")
    func replacedBetweenPages() throws {
        var (watching, _) = try reading(.after(4))
        _ = try watching.answered(page([], to: 7, more: true))
        let other = Answering(lineage: Lineage(8))
        #expect(try watching.endedByHistory { try $0.answered(page([commit(8)], to: 8), by: other) } == Lineage(8))
    }
}
