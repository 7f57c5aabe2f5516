import Testing

@testable import Membus

@Suite("Lists that are read page by page")
struct PagingTests {
    private func records() -> Paging<RecordPages> {
        Paging(RecordPages(branch: .main, filter: TopicFilter([Topic(unchecked: "a/")]), pageSize: 2))
    }
    private func page(_ keys: [String], at position: Position = at(9), more: Bool = false) -> Reply.Body {
        .range(RangePage(at: position, records: keys.map { record($0, 3) }, more: more))
    }

    @Test("each page of a range is asked for after the last key, as of the first page's revision")
    func range() throws {
        var paging = records()
        let first = try paging.begin().range()
        #expect(first.at == nil && first.after == nil && first.limit == 2)
        let page1 = try paging.answered(page(["a/1", "a/2"], more: true)).handed()
        #expect(page1.elements.map(\.key.text) == ["a/1", "a/2"] && !page1.isLast)
        let second = try paging.take(.passed).range()
        #expect(second.at == 9 && second.after == key("a/2"))
        let page2 = try paging.answered(page(["a/3"])).handed()
        #expect(page2.isLast && page2.token == Token(lineage: Lineage(1), position: at(9)))
    }

    @Test("a page of a range that found nothing is no end: the next one is asked for after the key that it names")
    func emptyPage() throws {
        func page(_ keys: [String], next: String?) throws -> Reply.Body {
            .range(
                RangePage(
                    at: at(9), records: keys.map { record($0, 3) }, more: true, next: try next.map { try Key($0) }))
        }
        var paging = records()
        #expect(try paging.begin().range().continues)
        let nothing = try paging.answered(page([], next: "a/5")).handed()
        #expect(nothing.elements.isEmpty && !nothing.isLast)
        #expect(try paging.take(.passed).range().after == key("a/5"))
        #expect(try !paging.answered(page(["a/6"], next: "a/7")).handed().isLast)
        #expect(try paging.take(.passed).range().after == key("a/7"))
        // What does not get further would be asked for again for ever.
        var stuck = paging
        #expect(try stuck.answered(page(["a/6"], next: "a/7")).handed().isLast)
        // An older broker names no key: an empty page is the end, as it always was.
        #expect(try paging.answered(page([], next: nil)).handed().isLast)
    }

    @Test("a page of another history, or of another state of the same revision, ends a range")
    func rangeReplaced() throws {
        var paging = records()
        _ = paging.begin()
        _ = try paging.answered(page(["a/1"], more: true))
        _ = try paging.take(.passed)
        var same = paging
        let other = Answering(lineage: Lineage(8))
        #expect(try paging.endedByHistory { try $0.answered(page(["a/2"]), by: other) } == Lineage(8))
        let state = Position(revision: 9, hash: 1)
        #expect(try same.endedByHistory { try $0.answered(page(["a/2"], at: state)) } == Lineage(1))
    }

    @Test(
        "where the history that is read on is gone, the broker is asked which it holds",
        arguments: [Refusal.Code.historyDiffers, .beyondHead])
    func question(code: Refusal.Code) throws {
        var paging = records()
        _ = paging.begin()
        _ = try paging.answered(page(["a/1"], more: true))
        _ = try paging.take(.passed)
        #expect(try paging.failed(refused(code)).isQuestion)
        // It may take several tries to learn it.
        #expect(throws: MembusError.self) { try paging.failed(away) }
        #expect(paging.begin().isQuestion)
        let other = Answering(lineage: Lineage(8))
        #expect(try paging.endedByHistory { try $0.answered(.branches(BranchPage()), by: other) } == Lineage(8))
    }

    @Test("the first page goes on from nothing: what it is refused with is told as it is")
    func firstPage() throws {
        var paging = records()
        _ = paging.begin()
        do { throw Unexpected(try paging.failed(refused(.beyondHead))) } catch MembusError.refused(let refusal) {
            #expect(refusal.code == .beyondHead)
        }
    }

    @Test("a list that compaction overtakes begins anew, and says so; not if a revision was named")
    func overtaken() throws {
        var paging = records()
        _ = paging.begin()
        _ = try paging.answered(page(["a/1", "a/2"], more: true))
        _ = try paging.take(.passed)
        let anew = try paging.failed(refused(.belowFloor)).range()
        #expect(anew.at == nil && anew.after == nil)
        let first = try paging.answered(page(["a/1"], at: at(20), more: true)).handed()
        #expect(first.isBegunAnew && first.token.revision == 20)
        #expect(try paging.take(.passed).range().at == 20)
        #expect(try !paging.answered(page(["a/2"], at: at(20))).handed().isBegunAnew)

        var named = Paging(RecordPages(branch: .main, filter: TopicFilter([Topic(unchecked: "a/")]), revision: 9))
        _ = named.begin()
        _ = try named.answered(page(["a/1"], more: true))
        _ = try named.take(.passed)
        #expect(throws: MembusError.self) { try named.failed(refused(.belowFloor)) }
    }

    @Test("a list that is overtaken again and again ends")
    func overtakenForEver() throws {
        var paging = records()
        _ = paging.begin()
        for round in 1...Paging<RecordPages>.mostBeginnings {
            _ = try paging.answered(page(["a/1"], at: at(Revision(round)), more: true))
            _ = try paging.take(.passed)
            _ = try paging.failed(refused(.belowFloor))
        }
        _ = try paging.answered(page(["a/1"], at: at(99), more: true))
        #expect(throws: MembusError.self) { try paging.failed(refused(.belowFloor)) }
    }

    @Test("a page that did not come is asked for again from the same place")
    func again() throws {
        var paging = records()
        _ = paging.begin()
        _ = try paging.answered(page(["a/1"], more: true))
        _ = try paging.take(.passed)
        #expect(throws: MembusError.self) { try paging.failed(away) }
        #expect(try paging.begin().range().after == key("a/1"))
    }

    @Test("each page of a history is asked for before the oldest version that was read")
    func history() throws {
        var paging = Paging(VersionPages(asked: GetHistory(branch: .main, key: key("a"), limit: 2)))
        _ = paging.begin()
        let versions = [5, 3].map { KeyVersion(record: record("a", $0), commit: commit($0).info) }
        #expect(try !paging.answered(.history(HistoryPage(versions: versions, more: true))).handed().isLast)
        guard case .history(let next) = try paging.take(.passed).asked() else { throw Unexpected("no history") }
        #expect(next.before == 3)
        #expect(try paging.failed(refused(.beyondHead)).isQuestion)
    }

    @Test("the log goes on at the page's cursor, also where nothing matched")
    func log() throws {
        var paging = Paging(CommitPages(asked: GetLog(branch: nil, limit: 2)))
        #expect(try paging.begin().log().cursor == nil)
        let page = try paging.answered(.log(LogPage(commits: [], next: .end(of: 4), more: true))).handed()
        #expect(page.elements.isEmpty && !page.isLast)
        #expect(try paging.take(.passed).log().cursor == .end(of: 4))
    }

    @Test("a log that continues a known state asks at its first page already which history is served instead")
    func logOfBasis() throws {
        var paging = Paging(CommitPages(asked: GetLog(branch: nil, basis: at(4))))
        _ = paging.begin()
        #expect(try paging.failed(refused(.historyDiffers)).isQuestion)
    }

    @Test("pages of the log of two histories are never joined")
    func logReplaced() throws {
        var paging = Paging(CommitPages(asked: GetLog(branch: nil)))
        _ = paging.begin()
        _ = try paging.answered(.log(LogPage(commits: [commit(5)], next: .end(of: 4), more: true)))
        _ = try paging.take(.passed)
        let page = LogPage(commits: [commit(4)], next: .end(of: 3), more: false)
        let other = Answering(lineage: Lineage(8))
        #expect(try paging.endedByHistory { try $0.answered(.log(page), by: other) } == Lineage(8))
    }
}

/// One that changes `k`.
func commit(_ revision: Revision, value: String? = "x") -> Commit {
    Commit(
        info: CommitInfo(
            revision: revision, hash: at(revision).hash, branch: .main, agent: "ada", session: nil, number: 0,
            time: Timestamp(milliseconds: 0), context: "", message: ""),
        records: [record("k", revision, value: value)])
}
