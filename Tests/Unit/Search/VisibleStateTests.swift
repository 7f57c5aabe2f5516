import MembusDice
import MembusModel
import MembusStore
import Testing

@testable import MembusSearch

/// Branches of branches, written to at random; and what each shows, as plain dictionaries.
private struct NaiveBranches {
    struct Branch {
        var parent: Int?
        var fork: Revision
        var created: Revision
    }
    var columns = Columns()
    var branches = [Branch(parent: nil, fork: 0, created: 0)]
    var head: Revision = 0
    private var changes: [(revision: Revision, branch: Int, key: String, version: UInt32?)] = []

    private func depth(_ branch: Int) -> Int { branches[branch].parent.map { depth($0) + 1 } ?? 0 }

    mutating func move(_ dice: inout Dice) {
        head += 1
        let branch = dice.below(branches.count)
        if dice.chance(12), branches.count < 8, depth(branch) < 4 {
            let fork = Revision(dice.within(Int(branches[branch].created)...Int(head - 1)))
            branches.append(Branch(parent: branch, fork: fork, created: head))
            return
        }
        let keys = Set(dice.some(Array(0..<12), most: 4)).sorted()
        for (ordinal, key) in keys.enumerated() {
            let passages = (0..<dice.pick([0, 1, 1, 2])).map { _ in Columns.Unit(dice.within(1...100)) }
            let version = UInt32(columns.versionCount)
            columns.add(
                Key(unchecked: "k\(key)"), on: Int64(branch), at: LogCursor(revision: head, ordinal: UInt32(ordinal)),
                passages: passages)
            changes.append((head, branch, "k\(key)", passages.isEmpty ? nil : version))
        }
    }

    func levels(_ branch: Int, _ revision: Revision) -> [Level] {
        let own = Level(branch: Int64(branch), upTo: revision)
        guard let parent = branches[branch].parent else { return [own] }
        return [own] + levels(parent, branches[branch].fork)
    }

    func shown(_ branch: Int, _ revision: Revision) -> [String: UInt32] {
        var state = branches[branch].parent.map { shown($0, branches[branch].fork) } ?? [:]
        for change in changes where change.branch == branch && change.revision <= revision {
            state[change.key] = change.version
        }
        return state
    }

    func expect(_ state: VisibleState, _ branch: Int, _ revision: Revision, _ place: SourceLocation = #_sourceLocation)
    {
        let due = shown(branch, revision)
        var found: [String: UInt32] = [:]
        for key in 0..<UInt32(columns.keyCount) {
            if let version = state.version(of: key) { found[columns.key(key).text] = version }
        }
        #expect(found == due, "branch \(branch) at \(revision)", sourceLocation: place)
        let units = Set(due.values.flatMap { columns.units(of: $0) })
        #expect(state.unitCount == units.count, sourceLocation: place)
        for unit in 0..<UInt32(columns.unitCount) + 70 {
            #expect(state.shows(unit) == units.contains(unit), "unit \(unit)", sourceLocation: place)
        }
    }
}

@Suite("What a state shows")
struct VisibleStateTests {
    @Test("every branch at every revision shows what a model of dictionaries shows", arguments: 0..<12 as Range<UInt64>)
    func everywhere(seed: UInt64) {
        var dice = Dice(seed: seed)
        var model = NaiveBranches()
        for _ in 0..<45 { model.move(&dice) }
        for branch in model.branches.indices {
            for revision in model.branches[branch].created...model.head {
                model.expect(VisibleState(model.levels(branch, revision), model.columns), branch, revision)
            }
        }
    }

    @Test(
        "states that are kept go on showing it, heads and past ones, as versions and keys come",
        arguments: 0..<12 as Range<UInt64>)
    func kept(seed: UInt64) {
        var dice = Dice(seed: seed)
        var model = NaiveBranches()
        var states = VisibleStates()
        var asked: [(branch: Int, revision: Revision)] = [(0, 0)]
        for _ in 0..<80 {
            for _ in 0..<dice.below(4) { model.move(&dice) }
            let branch = dice.below(model.branches.count)
            model.expect(
                states.state(model.levels(branch, model.head), isHead: true, model.columns), branch, model.head)
            // Those that were asked for before come again.
            if dice.chance(40) {
                asked.append((branch, Revision(dice.within(Int(model.branches[branch].created)...Int(model.head)))))
            }
            let (old, revision) = dice.pick(Array(asked.suffix(8)))
            model.expect(states.state(model.levels(old, revision), isHead: false, model.columns), old, revision)
        }
    }

    @Test("a state of the past that is asked for again is not made again, and a head is carried along")
    func same() {
        var dice = Dice(seed: 7)
        var model = NaiveBranches()
        for _ in 0..<9 { model.move(&dice) }
        var states = VisibleStates()
        let (past, head) = (
            states.state(model.levels(0, 4), isHead: false, model.columns),
            states.state(model.levels(0, 9), isHead: true, model.columns)
        )
        for _ in 0..<5 { model.move(&dice) }
        #expect(states.state(model.levels(0, 4), isHead: false, model.columns) === past)
        #expect(states.state(model.levels(0, 14), isHead: true, model.columns) === head)
        model.expect(head, 0, 14)
        states.forget()
        #expect(states.state(model.levels(0, 4), isHead: false, model.columns) !== past)
    }
}

@Suite("Scopes")
struct ScopeTests {
    @Test("a scope holds the keys that its topics hold, those that come later too", arguments: 0..<6 as Range<UInt64>)
    func keys(seed: UInt64) throws {
        var dice = Dice(seed: seed)
        let segments = ["a", "b", "ab", "a b"]
        func path() -> String { (0..<dice.within(1...3)).map { _ in dice.pick(segments) }.joined(separator: "/") }
        let filters = try (0..<25).map { _ in
            TopicFilter(try (0..<dice.within(1...3)).map { _ in try Topic(path() + dice.pick(["", "/"])) })
        }
        var (columns, scopes) = (Columns(), Scopes())
        #expect(scopes.keys(in: .everything, columns) == nil)
        for revision in 1...60 as ClosedRange<Int64> {
            columns.add(
                Key(unchecked: path()), on: 0, at: LogCursor(revision: revision, ordinal: 0), passages: [.init(1)])
            let filter = dice.pick(filters)
            #expect(
                scopes.keys(in: filter, columns)
                    == (0..<columns.keyCount).map { filter.matches(columns.key(UInt32($0))) })
        }
    }
}
