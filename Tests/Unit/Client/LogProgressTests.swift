import Foundation
import Testing

@testable import Membus

@Suite("How far a watch has read")
struct LogProgressTests {
    private let lineage = Lineage(1)

    /// A page of commits that each change one key, answered when `visible` was visible.
    private func reply(
        _ revisions: [Revision], next: LogCursor, more: Bool = false, reached: Position? = nil, visible: Revision,
        lineage: Lineage = Lineage(1)
    ) throws -> Answered<LogPage> {
        let commits = revisions.map { revision in
            Commit(
                info: CommitInfo(
                    revision: revision, hash: UInt64(revision * 10), branch: .main, agent: "ada", session: nil,
                    number: 0,
                    time: Timestamp(milliseconds: 0), context: "", message: ""),
                records: [Record(key: Key(unchecked: "k"), revision: revision, content: .inline(Data("x".utf8)))])
        }
        let reply = Reply(
            id: 1, lineage: lineage, instance: Instance(7), visible: Position(revision: visible, hash: 0),
            bookmarks: [], body: .log(LogPage(commits: commits, next: next, more: more, reached: reached)))
        return try Answered(reply, to: GetLog.self)
    }

    @Test("a commit that came between a page's reading and its answer is still to be read")
    func between() throws {
        var progress = LogProgress(after: 0, basis: nil, lineage: nil)
        #expect(try progress.take(reply([1, 2], next: .end(of: 2), visible: 3)).map(\.revision) == [1, 2])
        #expect(progress.isAtEnd)
        #expect(progress.cursor == .end(of: 2))
    }

    @Test("a page on which nothing matched moves the reading on, and leaves its basis")
    func nothingMatched() throws {
        var progress = LogProgress(after: 4, basis: Position(revision: 4, hash: 40), lineage: lineage)
        #expect(try progress.take(reply([], next: .end(of: 9), more: true, visible: 20)).isEmpty)
        #expect(!progress.isAtEnd)
        #expect(progress.cursor == .end(of: 9))
        #expect(progress.basis == Position(revision: 4, hash: 40))
    }

    @Test("the next page has to continue what was visible, where the reading has reached that")
    func basisAtTheEnd() throws {
        var progress = LogProgress(after: 4, basis: Position(revision: 4, hash: 40), lineage: lineage)
        _ = try progress.take(reply([], next: .end(of: 9), visible: 9))
        #expect(progress.basis == Position(revision: 9, hash: 0))
        _ = try progress.take(reply([10], next: .end(of: 11), visible: 12))
        #expect(progress.basis == Position(revision: 10, hash: 100))
    }

    @Test("a page that says how far it came is what the next one has to continue, though nothing matched")
    func reached() throws {
        var progress = LogProgress(after: 4, basis: Position(revision: 4, hash: 40), lineage: lineage)
        let reached = Position(revision: 9, hash: 90)
        _ = try progress.take(reply([], next: .end(of: 9), more: true, reached: reached, visible: 20))
        #expect(progress.cursor == .end(of: 9) && progress.basis == reached && !progress.isAtEnd)
        _ = try progress.take(reply([11], next: .end(of: 12), reached: Position(revision: 12, hash: 120), visible: 13))
        #expect(progress.cursor == .end(of: 12) && progress.basis == Position(revision: 12, hash: 120))
        // An answer that comes late takes nothing back.
        _ = try progress.take(reply([], next: .end(of: 9), more: true, reached: reached, visible: 20))
        #expect(progress.cursor == .end(of: 12) && progress.basis == Position(revision: 12, hash: 120))
    }

    @Test("a reading moves on no further than to a place that is known: an old copy of the store may go on differently")
    func noFurtherThanKnown() throws {
        var progress = LogProgress(after: 4, basis: Position(revision: 4, hash: 40), lineage: lineage)
        _ = try progress.take(reply([], next: .end(of: 9), visible: 12))
        #expect(progress.cursor == .end(of: 4) && progress.basis == Position(revision: 4, hash: 40))
        _ = try progress.take(reply([7], next: .end(of: 9), visible: 12))
        #expect(progress.cursor == .end(of: 7) && progress.basis == Position(revision: 7, hash: 70))
        #expect(progress.isAtEnd)
    }

    @Test("the next page has to continue the newest commit that was read")
    func basis() throws {
        var progress = LogProgress(after: 0, basis: nil, lineage: nil)
        _ = try progress.take(reply([1, 2], next: .end(of: 2), visible: 3))
        #expect(progress.basis == Position(revision: 2, hash: 20))
    }

    @Test("a reading never goes back, whatever a page says")
    func neverBack() throws {
        var progress = LogProgress(after: 9, basis: nil, lineage: nil)
        _ = try progress.take(reply([], next: .end(of: 3), visible: 9))
        #expect(progress.cursor == .end(of: 9))
    }

    @Test("a stretch without changes counts as read, never backwards")
    func quiet() throws {
        var progress = LogProgress(after: 4, basis: Position(revision: 4, hash: 40), lineage: lineage)
        progress.pass(Quiet(upTo: 9, basis: Position(revision: 10, hash: 100)))
        #expect(progress.cursor == .end(of: 9) && progress.basis == Position(revision: 10, hash: 100))
        progress.pass(Quiet(upTo: 9, basis: Position(revision: 9, hash: 90)))
        #expect(progress.basis == Position(revision: 10, hash: 100))
    }

    @Test("a page of another history ends the watch")
    func otherHistory() throws {
        var progress = LogProgress(after: 0, basis: nil, lineage: nil)
        _ = try progress.take(reply([1], next: .end(of: 1), visible: 1))
        let error = #expect(throws: MembusError.self) {
            try progress.take(reply([2], next: .end(of: 2), visible: 2, lineage: Lineage(8)))
        }
        guard case .historyChanged(Lineage(8))? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }
}
