import Foundation
import MembusModel
import MembusStore
import Testing

@testable import MembusBroker

// Random histories, followed in small steps while they go on and are compacted: at every state that is reached, what
// followed says what one says that begins now, and what the store shows.

@Suite("Projections in random histories") struct ProjectionHistoryTests {
    static let seeds = (0..<5).map { UInt64(500 + $0) }

    private struct Growth {
        var dice: SeededRandom
        var branches: [BranchName] = [.main]

        mutating func grow(_ world: FollowedStore, floor: Revision, step: Int) throws {
            let isMain = Int.random(in: 0..<2, using: &dice) == 0
            let branch = isMain ? .main : branches[Int.random(in: 0..<branches.count, using: &dice)]
            if Int.random(in: 0..<15, using: &dice) == 0, branches.count < 5, world.head > 0 {
                let at = Revision.random(in: floor...world.head, using: &dice)
                let before = world.head
                let made = try world.fork("b\(step)", from: branch, at: at)
                if world.head > before { branches.append(made) }
                return
            }
            if Int.random(in: 0..<10, using: &dice) == 0 {
                world.now = world.now.advanced(by: .seconds(10))
                _ = try world.writer.write([.expire], at: world.now)
                return
            }
            var changes: [String: Change.Action] = [:]
            // At first there is more and more, later less and less, and then more again.
            let deletions = step < 60 || step > 110 ? 1 : 4
            for _ in 0..<Int.random(in: 1...4, using: &dice) {
                let name = Int.random(in: 0..<40, using: &dice)
                let key = name < 36 ? "s\(name)/x" : "t/\(name)"
                let value = Data(repeating: 0, count: Int.random(in: 0...9, using: &dice))
                let expiry: Put.Expiry =
                    Int.random(in: 0..<5, using: &dice) == 0 ? .at(world.now.advanced(by: .seconds(5))) : .never
                changes[key] =
                    Int.random(in: 0..<4, using: &dice) < deletions ? .delete : .put(Put(value, expiry: expiry))
            }
            try world.change(changes.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }, on: branch)
        }
    }

    @Test("what followed equals what begins anew, and the store, at every state on the way")
    func followed() throws {
        var begun = ProjectionFeed<Counts>.Begun()
        for seed in Self.seeds {
            for counted in try follow(seed) {
                begun.belowFloor += counted.belowFloor
                begun.short += counted.short
            }
        }
        #expect(begun.belowFloor > 3 && begun.short > 3, "the histories show too little")
    }

    /// - Returns: how often counts of several bounds had to begin anew.
    private func follow(_ seed: UInt64) throws -> [ProjectionFeed<Counts>.Begun] {
        let world = try FollowedStore()
        var growth = Growth(dice: SeededRandom(seed: seed))
        var dice = SeededRandom(seed: seed &+ 1_000_000)
        var mirror = ProjectionFeed(MirroredBranches(), budget: 5)
        var counts = [1, 2, 5, 1000].map { ProjectionFeed(Counts(mostNames: $0), budget: 3) }
        var floor: Revision = 0
        for step in 0..<130 {
            try growth.grow(world, floor: floor, step: step)
            if Int.random(in: 0..<8, using: &dice) == 0 {
                floor = Revision.random(in: (floor + world.head) / 2...world.head, using: &dice)
                // Now and then it overtakes who lags.
                _ = try world.writer.write([.compact(Compact(below: floor), by: Retention())], at: world.now)
            }
            _ = try world.writer.sweep(budget: 2)
            for _ in 0..<Int.random(in: 0...3, using: &dice) {
                let before = mirror.projection.position
                _ = try mirror.step(upTo: world.head, from: world.reader)
                if mirror.projection.position != before {
                    try compare(mirror.projection, world, "seed \(seed), step \(step)")
                }
                for index in counts.indices {
                    let before = counts[index].projection.position
                    _ = try counts[index].step(upTo: world.head, from: world.reader)
                    if counts[index].projection.position == before { continue }
                    try compare(counts[index].projection.told, world, "seed \(seed), step \(step)")
                }
            }
        }
        for index in counts.indices {
            try counts[index].finish(upTo: world.head, from: world.reader)
            #expect(counts[index].projection.told?.at == world.writer.head)
            try compare(counts[index].projection.told, world, "seed \(seed), at the end")
        }
        return counts.map(\.begun)
    }

    private func compare(_ mirror: MirroredBranches, _ world: FollowedStore, _ note: Comment) throws {
        #expect(mirror.faults == [], note)
        guard let position = mirror.position, position.revision >= world.writer.floor else { return }
        for branch in try world.reader.branches(visible: position.revision) {
            let state = try world.state(of: branch.name, at: position.revision)
            #expect(mirror.branches[branch.name] ?? [:] == state, note)
        }
    }

    private func compare(_ told: MemoryCounts?, _ world: FollowedStore, _ note: Comment) throws {
        guard let told, told.at.revision >= world.writer.floor, told.at.revision % 2 == 0 else { return }
        var anew = ProjectionFeed(Counts(mostNames: told.segments.mostNames), budget: 1000)
        try anew.finish(upTo: told.at.revision, from: world.reader)
        #expect(anew.projection.told == told, note)
        let records = try world.state(of: .main, at: told.at.revision).values
        #expect(told.all.records == Int64(records.count), note)
        #expect(told.all.bytes == records.reduce(0) { $0 + Int64($1.size) }, note)
        let groups = Dictionary(grouping: records) { String($0.key.text.prefix { $0 != "/" }) }
        #expect(told.segments.names == min(groups.count, told.segments.mostNames), note)
        for group in told.segments.largest {
            #expect(group.amount.records == groups[group.name].map { Int64($0.count) }, note)
        }
    }

    @Test("what a tally tells depends on what it holds alone, whatever came and went before", arguments: seeds)
    func tallies(seed: UInt64) throws {
        var dice = SeededRandom(seed: seed)
        var (held, all): ([String: Int64], MemoryCounts.Amount) = ([:], .init())
        var tally = Tally(mostNames: 4)
        var compared = 0
        for step in 0..<3000 {
            let name = "n\(Int.random(in: 0..<(step / 500 % 2 == 0 ? 40 : 6), using: &dice))"
            let one = MemoryCounts.Amount(records: 1, bytes: 3)
            if Int.random(in: 0..<2, using: &dice) == 0, let count = held[name] {
                held[name] = count == 1 ? nil : count - 1
                all = all - one
                tally.remove(one, from: name)
            } else {
                held[name, default: 0] += 1
                all = all + one
                tally.add(one, to: name)
            }
            if tally.isShort {
                tally = again(held, &dice)
                #expect(!tally.isShort)
            }
            let told = tally.told(of: all)
            #expect(told == again(held, &dice).told(of: all), "seed \(seed), step \(step)")
            #expect(told.names == min(4, held.count))
            if held.count > 12 { compared += 1 }
        }
        #expect(compared > 100)
    }

    private func again(_ held: [String: Int64], _ dice: inout SeededRandom) -> Tally {
        var tally = Tally(mostNames: 4)
        for (name, count) in held.shuffled(using: &dice) {
            for _ in 0..<count { tally.add(.init(records: 1, bytes: 3), to: name) }
        }
        return tally
    }

    @Test("names that are equal to people but not by their bytes are counted apart")
    func spellings() {
        var tally = Tally(mostNames: 10)
        for name in ["e\u{301}", "\u{E9}"] { tally.add(.init(records: 1, bytes: 1), to: name) }
        let told = tally.told(of: .init(records: 2, bytes: 2))
        #expect(told.names == 2 && told.largest.map { Array($0.name.utf8) } == [[0x65, 0xCC, 0x81], [0xC3, 0xA9]])
    }
}
