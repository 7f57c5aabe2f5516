import Foundation
import MembusModel
import MembusStore
import Testing

/// What the store should hold, kept as whole states: slow and plain.
private struct NaiveModel {
    /// By branch: the state after each revision that is known so far.
    var states: [BranchName: [[String: (value: String, revision: Revision)]]] = [.main: [[:]]]
    var revision: Revision = 0

    func state(_ branch: BranchName, at revision: Revision) -> [String: String] {
        (states[branch]?[Int(revision)] ?? [:]).mapValues(\.value)
    }

    /// Each branch's state goes on, changed on one of them.
    mutating func commit(_ branch: BranchName, _ changes: [(key: String, value: String?)]) {
        revision += 1
        for name in states.keys {
            guard var state = states[name]?.last else { continue }
            if name == branch {
                for change in changes { state[change.key] = change.value.map { ($0, revision) } }
            }
            states[name]?.append(state)
        }
    }

    mutating func fork(_ name: BranchName, from parent: BranchName, at fork: Revision) {
        guard let line = states[parent] else { return }
        states[name] = (0...Int(revision)).map { line[min($0, Int(fork))] }
        commit(name, [])
    }
}

@Suite("Random histories")
struct RandomHistoryTests {
    static let seeds = (0..<5).map { UInt64(1000 + $0) }

    private func build(_ world: World, _ dice: inout SeededRandom, steps: Int) throws -> NaiveModel {
        var model = NaiveModel()
        try extend(&model, world, &dice, steps: steps, floor: 0)
        return model
    }

    private func extend(
        _ model: inout NaiveModel, _ world: World, _ dice: inout SeededRandom, steps: Int, floor: Revision
    ) throws {
        for step in 0..<steps {
            let branch = model.states.keys.sorted()[Int.random(in: 0..<model.states.count, using: &dice)]
            if Int.random(in: 0..<12, using: &dice) == 0, model.states.count < 7 {
                let at = Int64.random(in: floor...model.revision, using: &dice)
                let name = try world.fork("b\(model.states.count)-\(step)", from: branch, at: at)
                model.fork(name, from: branch, at: at)
                continue
            }
            var changes: [String: Change.Action] = [:]
            for _ in 0..<Int.random(in: 1...4, using: &dice) {
                let key = ["a", "b", "t/a", "t/b", "t/c", "u/x/y", "u/x", "z"][Int.random(in: 0..<8, using: &dice)]
                let value = "\(step)-\(UInt16.random(in: 0...999, using: &dice))"
                changes[key] = Int.random(in: 0..<3, using: &dice) == 0 ? .delete : .put(Put(Data(value.utf8)))
            }
            let sorted = changes.sorted { $0.key < $1.key }
            let before = world.head
            _ = try world.write(
                .transaction(
                    Transaction(branch: branch, changes: sorted.map { Change(Key(unchecked: $0.key), $0.value) })))
            if world.head == before { continue }  // deletions of nothing
            model.commit(
                branch,
                sorted.map { key, action in
                    if case .put(let put) = action {
                        (key, String(decoding: put.value, as: UTF8.self))
                    } else {
                        (key, nil)
                    }
                })
        }
    }

    private func check(
        _ world: World, _ model: NaiveModel, from floor: Revision, by stride: Int = 1, _ note: String
    ) throws {
        for branch in model.states.keys.sorted() {
            for revision in Swift.stride(from: floor, through: model.revision, by: stride) {
                let read = try world.state(on: branch, at: revision, page: 5)
                #expect(read == model.state(branch, at: revision), "\(note): \(branch) at \(revision)")
                if revision % 5 == 0 {
                    for key in ["a", "t/b", "u/x"] {
                        let one = try world.text(key, on: branch, at: revision)
                        #expect(
                            one == model.state(branch, at: revision)[key], "\(note): \(key) on \(branch) at \(revision)"
                        )
                    }
                }
            }
        }
    }

    @Test("every revision of every branch reads as a naive model says", arguments: seeds)
    func reads(seed: UInt64) throws {
        var dice = SeededRandom(seed: seed)
        let world = try World()
        let model = try build(world, &dice, steps: 60)
        try check(world, model, from: 0, "seed \(seed)")
        #expect(try world.reader.verify().problems == [], "seed \(seed)")
    }

    @Test("compaction never changes a read at or above the floor, at any of its steps", arguments: seeds)
    func compaction(seed: UInt64) throws {
        var dice = SeededRandom(seed: seed)
        let world = try World()
        var model = try build(world, &dice, steps: 70)
        var floor: Revision = 0
        for _ in 0..<3 {
            floor = Revision.random(in: floor...model.revision, using: &dice)
            try world.raiseFloor(to: floor)
            var steps = 0
            while try world.writer.sweep(budget: 2) {
                steps += 1
                if steps % 7 == 0 {
                    try check(world, model, from: floor, by: 9, "seed \(seed), floor \(floor), step \(steps)")
                }
            }
            try check(world, model, from: floor, "seed \(seed), floor \(floor)")
            #expect(try world.reader.verify().problems == [], "seed \(seed)")
            if floor > 0 {
                #expect(throws: Refusal.self) {
                    try world.reader.get(
                        [Key("a")], on: .main, at: Position(revision: floor - 1, hash: 0), visible: world.head)
                }
            }
            try extend(&model, world, &dice, steps: 15, floor: floor)
        }
    }

    /// What a naive model says of two states, and what is read page by page.
    private func checkDiff(
        _ world: World, _ model: NaiveModel, _ from: BranchState, _ to: BranchState, page: Int, work: Int,
        _ note: String, betweenPages: () throws -> Void
    ) throws {
        var (from, to) = (from, to)
        var request = GetDiff(from: from, to: to, filter: .everything, limit: page)
        var told: [String: Difference] = [:]
        var pages = 0
        repeat {
            var read = DiffRead(request, pageWork: work)
            var answer: DiffPage?
            while answer == nil { answer = try world.reader.step(&read, looking: 3, visible: world.head) }
            let page = try #require(answer)
            for difference in page.differences {
                #expect(told.updateValue(difference, forKey: difference.key.text) == nil, "\(note): told twice")
            }
            // As the client goes on: with the states of the first page.
            from = BranchState(from.branch, at: page.from.revision)
            to = BranchState(to.branch, at: page.to.revision)
            (request.from, request.to, request.cursor) = (from, to, page.next)
            pages += 1
            try betweenPages()
        } while request.cursor != nil && pages < 10_000
        let (before, after) = (
            model.state(from.branch, at: from.at ?? world.head), model.state(to.branch, at: to.at ?? world.head)
        )
        let expected = Set(before.keys).union(after.keys).filter { before[$0] != after[$0] }
        #expect(Set(told.keys) == expected, "\(note): \(from) to \(to)")
        for (key, difference) in told {
            #expect(difference.from?.text == before[key] && difference.to?.text == after[key], "\(note): \(key)")
        }
    }

    @Test(
        "what differs between any two states is what a naive model says, whatever is dropped, between its pages too",
        arguments: (0..<25).map { UInt64(1000 + $0) })
    func diffs(seed: UInt64) throws {
        var dice = SeededRandom(seed: seed)
        let world = try World()
        var model = try build(world, &dice, steps: 70)
        var floor: Revision = 0
        for round in 0..<3 {
            for _ in 0..<150 {
                func state() -> BranchState {
                    let names = model.states.keys.sorted()
                    return BranchState(
                        names[Int.random(in: 0..<names.count, using: &dice)],
                        at: Int.random(in: 0..<4, using: &dice) == 0
                            ? nil : Revision.random(in: floor...model.revision, using: &dice))
                }
                let (from, to) = (state(), state())
                let (page, work) = (Int.random(in: 1...9, using: &dice), [1, 5, 1000].randomElement(using: &dice) ?? 1)
                try checkDiff(world, model, from, to, page: page, work: work, "seed \(seed), round \(round)") {
                    guard Int.random(in: 0..<8, using: &dice) == 0 else { return }
                    floor = Revision.random(in: floor...min(floor + 2, model.revision), using: &dice)
                    try world.raiseFloor(to: floor)
                    // What the pages are of is held.
                    let held = min(from.at ?? world.head, to.at ?? world.head)
                    while try world.writer.sweep(budget: 2, upTo: held) {}
                }
            }
            floor = Revision.random(in: floor...model.revision, using: &dice)
            try world.raiseFloor(to: floor)
            // Half swept, too.
            for _ in 0..<Int.random(in: 0...20, using: &dice) { _ = try world.writer.sweep(budget: 2) }
            if round == 1 { while try world.writer.sweep(budget: 3) {} }
            try extend(&model, world, &dice, steps: 15, floor: floor)
        }
    }

    @Test("a pull from any cut gives the state at its target, as changes or as a snapshot", arguments: seeds)
    func pulls(seed: UInt64) throws {
        var dice = SeededRandom(seed: seed)
        let world = try World()
        let model = try build(world, &dice, steps: 60)
        let filter = TopicFilter([Topic(unchecked: "t/"), Topic(unchecked: "z")])
        try world.compact(to: model.revision / 3)
        for branch in model.states.keys.sorted() {
            for cut in Revision(0)...model.revision {
                let note: Comment = "seed \(seed), \(branch) from \(cut)"
                let target = Revision.random(in: max(cut, model.revision / 3)...model.revision, using: &dice)
                guard try world.reader.branches(visible: target).contains(where: { $0.name == branch }) else {
                    continue
                }
                let position = try world.reader.position(of: cut, visible: cut) ?? Position(revision: cut, hash: 5)
                let pull = try pulled(
                    world, branch, filter, Token(lineage: world.store.lineage, position: position), target)
                var state = model.state(branch, at: cut).filter { filter.matches(Key(unchecked: $0.key)) }
                if pull.isSnapshot { state = [:] }
                for record in pull.records {
                    state[record.key.text] = record.text.flatMap { record.isDeleted ? nil : $0 }
                }
                #expect(
                    state == model.state(branch, at: target).filter { filter.matches(Key(unchecked: $0.key)) }, note)
            }
        }
    }

    private func pulled(
        _ world: World, _ branch: BranchName, _ topics: TopicFilter, _ from: Token?, _ visible: Revision
    ) throws -> (isSnapshot: Bool, records: [Record]) {
        let filter = PullFilter(branch: branch, topics: topics, mode: .update)
        var page = try world.reader.pull(filter, from: from, visible: visible)
        var records = page.records
        while let next = page.next {
            // What became visible meanwhile does not matter.
            page = try world.reader.pull(filter, from: from, page: next, visible: world.head)
            #expect(page.target.revision == visible)
            records += page.records
        }
        return (page.isSnapshot, records)
    }
}
