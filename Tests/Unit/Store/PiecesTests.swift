import CSQLite
import Foundation
import MembusModel
import Testing

@testable import MembusStore

@Suite("Reads that are done piece by piece")
struct PiecesTests {
    /// All pieces of a read, and how many there were.
    private func pieces<Read: StepwiseRead>(
        of read: Read, looking most: Int, in world: World, between: () throws -> Void = {}
    ) throws -> (answer: Read.Answer, count: Int) {
        var read = read
        var count = 1
        while true {
            if let answer = try world.reader.step(&read, looking: most, visible: world.head) { return (answer, count) }
            count += 1
            try between()
        }
    }

    /// A work queue of which one task is left, and notes; on a branch that was made before the tasks were done, too.
    private func queue(_ tasks: Int = 300) throws -> (World, BranchName) {
        let world = try World()
        func commit(_ changes: [Change]) throws {
            _ = try world.write(.transaction(Transaction(changes: changes)))
        }
        func keys(_ part: Int) -> [Key] { (0..<tasks / 3).map { Key(unchecked: "tasks/\(part)/\($0)") } }
        for part in 0..<3 {
            let put = Change.Action.put(Put(Data("v".utf8)))
            try commit(keys(part).map { Change($0, put) } + [Change(Key(unchecked: "notes/\(part)"), put)])
        }
        let trial = try world.fork("trial")
        try world.put("tasks/x", "mine", on: trial)
        for part in 0..<3 { try commit(keys(part).map { Change($0, .delete) }) }
        try world.put("tasks/last", "here")
        try world.put("notes/1", "again", on: trial)
        return (world, trial)
    }

    @Test("a page of a range, where all but one record is deleted, looks at a few keys at a time")
    func range() throws {
        let (world, _) = try queue()
        let asked = GetRange(branch: .main, filter: TopicFilter([Topic(unchecked: "tasks/")]), limit: 2)
        let (page, count) = try pieces(of: RangeRead(asked), looking: 10, in: world)
        #expect(page.records.map(\.key.text) == ["tasks/last"] && !page.more && page.next == nil)
        #expect(count >= 30)
    }

    @Test("to one who goes on after its next key, a page ends by what was looked at, found or not")
    func continued() throws {
        let (world, _) = try queue()
        var asked = GetRange(branch: .main, filter: .everything, limit: 3, continues: true)
        var (keys, pages, empty): ([String], Int, Int) = ([], 0, 0)
        while true {
            let (page, count) = try pieces(of: RangeRead(asked, pageWork: 50), looking: 10, in: world)
            #expect(count <= 6)
            keys += page.records.map(\.key.text)
            (pages, empty) = (pages + 1, empty + (page.records.isEmpty ? 1 : 0))
            guard page.more else { break }
            let next = try #require(page.next)
            #expect(asked.after.map { $0 < next } ?? true)
            asked.after = next
        }
        #expect(keys == ["notes/0", "notes/1", "notes/2", "tasks/last"])
        #expect(pages >= 6 && empty >= 4)
    }

    @Test("whatever is read in pieces is what is read at once", arguments: [1, 2, 7, 100])
    func equal(most: Int) throws {
        let (world, trial) = try queue(30)
        let all = TopicFilter([Topic(unchecked: "notes/"), Topic(unchecked: "tasks/0/3"), Topic(unchecked: "tasks/")])
        for branch in [BranchName.main, trial] {
            for limit in [1, 5, 1000] {
                let range = GetRange(branch: branch, filter: all, limit: limit)
                let whole = try world.reader.range(range, visible: world.head)
                let page = try pieces(of: RangeRead(range), looking: most, in: world).answer
                #expect(page.records == whole.records && page.more == whole.more && page.at == whole.at)
            }
            let digest = Digest(branch: branch, topics: all)
            #expect(
                try pieces(of: DigestRead(digest), looking: most, in: world).answer
                    == world.reader.digest(all, on: branch, visible: world.head))
            let history = GetHistory(branch: branch, key: try Key("notes/1"))
            #expect(
                try pieces(of: HistoryRead(history), looking: most, in: world).answer.versions.map(\.record)
                    == world.reader.history(history, visible: world.head).versions.map(\.record))
            let keys = try ["notes/0", "none", "tasks/0/1", "tasks/x"].map { try Key($0) }
            #expect(
                try pieces(of: RecordsRead(Get(branch: branch, keys: keys)), looking: most, in: world).answer.records
                    == world.reader.get(keys, on: branch, visible: world.head).records)
            for filter in [nil, all, TopicFilter([Topic(unchecked: "notes/")])] {
                for ascending in [true, false] {
                    for limit in [2, 100] {
                        let log = GetLog(branch: branch, filter: filter, ascending: ascending, limit: limit)
                        let whole = try world.reader.log(log, visible: world.head)
                        let page = try pieces(of: LogRead(log), looking: most, in: world).answer
                        #expect(page.commits == whole.commits && page.next == whole.next && page.more == whole.more)
                    }
                }
            }
        }
    }

    @Test("a pull in pieces is the pull at once: changes, or a snapshot with its count", arguments: [1, 3, 50])
    func pulls(most: Int) throws {
        let (world, trial) = try queue(30)
        let start = try #require(try world.reader.position(of: 1, visible: world.head))
        for number in 0..<600 { try world.put("hot", "\(number)") }
        for (branch, topics) in [(BranchName.main, "tasks/"), (.main, "hot"), (.main, "/"), (trial, "/")] {
            let filter = PullFilter(
                branch: branch, topics: TopicFilter([Topic(unchecked: topics)]), mode: .update)
            for from in [nil, Token(lineage: world.store.lineage, position: start)] {
                let whole = try world.reader.pull(filter, from: from, visible: world.head)
                let read = PullRead(filter, from: from, atLeast: 0, page: nil, of: world.store.lineage)
                let page = try pieces(of: read, looking: most, in: world).answer
                #expect(page.records == whole.records && page.isSnapshot == whole.isSnapshot)
                #expect(page.next == whole.next && page.expected == whole.expected)
            }
        }
    }

    @Test("all pieces are of one state; one that compaction overtakes ends")
    func oneState() throws {
        let (world, _) = try queue(30)
        let head = world.head
        let digest = Digest(branch: .main, topics: .everything)
        let before = try world.reader.digest(.everything, on: .main, visible: head)
        var read = DigestRead(digest)
        #expect(try world.reader.step(&read, looking: 5, visible: head) == nil)
        try world.put("notes/2", "later")
        var answer: Digest.Answer?
        while answer == nil { answer = try world.reader.step(&read, looking: 5, visible: head) }
        #expect(answer == before)

        var overtaken = DigestRead(digest)
        #expect(try world.reader.step(&overtaken, looking: 5, visible: head) == nil)
        try world.compact(to: world.head)
        do throws(Refusal) {
            _ = try world.reader.step(&overtaken, looking: 5, visible: head)
            Issue.record("it went on")
        } catch { #expect(error.code == .belowFloor) }
    }

    @Test("what a list leaves in a connection does not grow with the depth of the branch, and finds what it shows")
    func depth() throws {
        let world = try World()
        try world.put("a/root", "0")
        var branch = BranchName.main
        var sizes: [Int] = []
        for depth in 1...200 {
            branch = try world.fork("b\(depth)", from: branch)
            try world.put("a/\(depth)", "own", on: branch)
            if depth % 20 == 1 { try world.put("a/root", "\(depth)", on: branch) }
            guard depth == 3 || depth == 200 else { continue }
            #expect(try world.state(on: branch).count == depth + 1)
            sizes.append(try world.reader.statementBytes())
        }
        #expect(try world.state(on: branch)["a/root"] == "181")
        #expect(sizes[1] <= sizes[0] + 64 << 10)
    }
}

extension Reader {
    /// What the statements of its connection take up in memory.
    fileprivate func statementBytes() throws -> Int {
        try connection.perform("looking") { db in
            var (now, most): (Int32, Int32) = (0, 0)
            sqlite3_db_status(db.sqliteConnection, SQLITE_DBSTATUS_STMT_USED, &now, &most, 0)
            return Int(now)
        }
    }
}
