import Foundation
import MembusModel
import Testing

@testable import MembusStore

@Suite("Diffs")
struct DiffTests {
    private let trial = BranchName(unchecked: "trial")

    private func diff(
        _ world: World, _ from: BranchState, _ to: BranchState, _ topics: [String] = ["/"], keysOnly: Bool = false
    ) throws -> DiffPage {
        let filter = TopicFilter(topics.map { Topic(unchecked: $0) })
        return try world.reader.diff(
            GetDiff(from: from, to: to, filter: filter, keysOnly: keysOnly), visible: world.head)
    }

    private func keys(_ page: DiffPage) -> [String] { page.differences.map(\.key.text).sorted() }

    @Test("a fork differs from its parent by what either wrote since, and both know where they parted")
    func forked() throws {
        let world = try World()
        try world.put("a", "1")
        try world.put("b", "1")
        try world.fork("trial", at: 1)
        try world.put("a", "2", on: trial)
        try world.put("a", "3")
        try world.delete("b")
        try world.put("c", "1", on: trial)
        let page = try diff(world, BranchState(.main), BranchState(trial))
        #expect(keys(page) == ["a", "c"])
        let a = try #require(page.differences.first { $0.key.text == "a" })
        #expect(a.from?.text == "3" && a.to?.text == "2" && a.change == .changed)
        #expect(page.differences.first { $0.key.text == "c" }?.change == .added)
        // The fork is a commit of the new branch.
        #expect(page.standing == Standing(common: [BranchState(.main, at: 1)], onlyFrom: 3, onlyTo: 3))
        #expect((page.from.revision, page.to.revision) == (world.head, world.head) && page.next == nil)
    }

    @Test("what was written and is the same again, and what only its owner tells apart, is no difference")
    func same() throws {
        let world = try World()
        try world.put("a", "1")
        try world.put("a", "2")
        try world.put("a", "1")
        try world.put("b", "1")
        try world.delete("b")
        #expect(try diff(world, BranchState(.main, at: 1), BranchState(.main)).differences.isEmpty)
        #expect(try keys(diff(world, BranchState(.main, at: 2), BranchState(.main, at: 4))) == ["a", "b"])
    }

    @Test("attributes, links and expiry count")
    func annotations() throws {
        let world = try World()
        let puts = [
            Put(Data("x".utf8)), Put(Data("x".utf8), attributes: ["a": "1"]),
            Put(Data("x".utf8), links: [Link(relation: "of", target: try Key("y"))]),
            Put(Data("x".utf8), expiry: .after(.seconds(60))), Put(Data("x".utf8), kind: Kind("note")),
        ]
        for put in puts { _ = try world.write(.change("k", .put(put))) }
        for (before, after) in [(1, 2), (2, 3), (3, 4), (4, 5), (1, 4)] as [(Revision, Revision)] {
            #expect(try keys(diff(world, BranchState(.main, at: before), BranchState(.main, at: after))) == ["k"])
        }
    }

    @Test("topics narrow it, and values stay at home if only keys are asked for")
    func narrowed() throws {
        let world = try World()
        try world.put("t/a", "1")
        try world.put("u/a", "1")
        let page = try diff(world, BranchState(.main, at: 0), BranchState(.main), ["t/"], keysOnly: true)
        #expect(keys(page) == ["t/a"] && page.differences[0].to?.value == nil && page.differences[0].to?.size == 1)
    }

    @Test("of a branch on a branch: what all three wrote, and the newest common state is the middle one's")
    func nested() throws {
        let world = try World()
        try world.put("a", "1")
        try world.fork("trial")
        try world.put("b", "1", on: trial)
        let deep = try world.fork("deep", from: trial)
        try world.put("c", "1", on: deep)
        try world.put("d", "1", on: trial)
        let page = try diff(world, BranchState(trial), BranchState(deep))
        #expect(keys(page) == ["c", "d"] && page.standing?.common == [BranchState(trial, at: 3)])
        let whole = try diff(world, BranchState(.main), BranchState(deep))
        #expect(keys(whole) == ["b", "c"] && whole.standing?.common == [BranchState(.main, at: 1)])
    }

    @Test("a state that is not kept, or not there yet, and a branch that is not there are refused")
    func refusals() throws {
        let world = try World()
        for value in 1...5 { try world.put("a", "\(value)") }
        try world.compact(to: 3)
        func code(_ from: BranchState, _ to: BranchState) -> Refusal.Code? {
            do {
                _ = try diff(world, from, to)
                return nil
            } catch { return (error as? Refusal)?.code }
        }
        #expect(code(BranchState(.main, at: 2), BranchState(.main)) == .belowFloor)
        #expect(code(BranchState(.main), BranchState(.main, at: 9)) == .beyondHead)
        #expect(code(BranchState(trial), BranchState(.main)) == .unknownBranch)
        #expect(code(BranchState(.main, at: 3), BranchState(.main, at: 3)) == nil)
    }

    @Test("a deletion that only repeats its parent's may be swept between two pages, and the key is told all the same")
    func repeatedDeletion() throws {
        let world = try World()
        try world.put("b", "1")
        let p = try world.fork("p")
        try world.delete("b", on: p)
        try world.put("x", "1", on: p)
        let q = try world.fork("q", from: p)
        try world.put("b", "2", on: q)
        try world.delete("b", on: q)
        try world.put("y", "1", on: q)
        let states = (BranchState(.main, at: world.head), BranchState(q, at: world.head))
        var request = GetDiff(from: states.0, to: states.1, filter: .everything, limit: 1)
        var told: [String] = []
        repeat {
            let page = try world.reader.diff(request, visible: world.head)
            told += page.differences.map(\.key.text)
            request.cursor = page.next
            try world.compact(to: world.head)
        } while request.cursor != nil
        #expect(told.sorted() == ["b", "x", "y"])
    }

    @Test("a cursor that nobody was given ends the diff, or goes on somewhere in it")
    func strangeCursors() throws {
        let world = try World()
        try world.put("a", "1")
        try world.fork("trial")
        try world.put("b", "1", on: trial)
        for revision in [0, 1, 99, Revision.max] {
            for ordinal in [0, 7, UInt32.max - 1, .max] {
                for branch in [BranchName.main, trial] {
                    let place = LogCursor(revision: revision, ordinal: ordinal)
                    let request = GetDiff(
                        from: BranchState(.main, at: 0), to: BranchState(trial), filter: .everything,
                        cursor: DiffCursor(branch: branch, place: place))
                    #expect(try world.reader.diff(request, visible: world.head).differences.count <= 2)
                }
            }
        }
    }

    @Test("however deep branches are, where two parted is found at once")
    func deep() throws {
        let world = try World()
        var parent = BranchName.main
        for depth in 0..<200 { parent = try world.fork("b\(depth)", from: parent) }
        let page = try diff(world, BranchState(BranchName(unchecked: "b150")), BranchState(parent))
        #expect(page.standing?.common == [BranchState(BranchName(unchecked: "b150"), at: 151)])
    }

    @Test("a state is found by its time, and by how many commits were since")
    func moments() throws {
        let world = try World()
        func text(_ moment: BranchState.Moment, on branch: BranchName = .main) throws -> String {
            do {
                let page = try diff(world, BranchState(branch, moment), BranchState(branch, moment))
                return "\(page.from.revision)"
            } catch let refusal as Refusal { return "\(refusal.code)" }
        }
        let start = world.now.milliseconds
        for value in 1...6 {
            world.now = Timestamp(milliseconds: start + Int64(value) * 1000)
            try world.put("a", "\(value)")
        }
        let times = [start - 1, start + 999, start + 1000, start + 3500, start + 6000, start + 99_000]
        #expect(try times.map { try text(.time(Timestamp(milliseconds: $0))) } == ["0", "0", "1", "3", "6", "6"])
        #expect(try [0, 1, 5, 6, 7].map { try text(.back($0)) } == ["6", "5", "1", "0", "invalidArgument"])
        world.now = Timestamp(milliseconds: start + 7000)
        try world.fork("trial", at: 3)
        try world.put("b", "1", on: trial)
        // Its own two, then those that it inherited.
        #expect(try [0, 1, 2, 4, 5].map { try text(.back($0), on: trial) } == ["8", "7", "3", "1", "0"])
        try world.compact(to: 4)
        let kept = [start + 3500, start + 4000, start + 5000].map {
            BranchState.Moment.time(Timestamp(milliseconds: $0))
        }
        #expect(try kept.map { try text($0) } == ["belowFloor", "4", "5"])
        #expect(try text(.back(9)) == "belowFloor")
    }

    @Test("a large store's diff looks at what was written between the two states alone")
    func cost() throws {
        let world = try World()
        for index in 0..<300 { try world.put("k/\(index)", "1") }
        try world.fork("trial")
        try world.put("k/7", "2", on: trial)
        for index in 0..<300 { try world.put("other/\(index)", "1") }
        let before = BranchState(trial, at: 301)
        // In one piece of a handful of rows.
        var read = DiffRead(GetDiff(from: before, to: BranchState(trial), filter: .everything))
        let page = try world.reader.step(&read, looking: 8, visible: world.head)
        #expect(page.map(keys) == ["k/7"] && page?.standing?.onlyTo == 1)
    }
}
