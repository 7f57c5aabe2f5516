import Foundation
import MembusModel
import MembusStore
import Testing

@testable import MembusSQL

@Suite("SQL sees one state")
struct StateTests {
    @Test("records are those of the branch at the revision, deletions and later versions left out")
    func asOf() throws {
        let world = try AskedStore()
        try world.put("a", "1")
        try world.put("b", "1")
        try world.delete("a")
        try world.put("a", "2")
        let all = "SELECT key, value, revision FROM records"
        #expect(try world.rows(all) == ["a 2 4", "b 1 2"])
        #expect(try world.rows(all, at: 3) == ["b 1 2"])
        #expect(try world.rows(all, at: 2) == ["b 1 2", "a 1 1"])
        #expect(try world.rows(all, at: 0) == [])
        #expect(try world.ask(all, at: 2).at == world.reader.position(of: 2, visible: 4))
    }

    @Test("a branch shows its own versions, and its parent's up to the fork, three levels deep")
    func forks() throws {
        let world = try AskedStore()
        for key in ["a", "b", "c"] { try world.put(key, "main") }
        let first = try world.fork("first")
        try world.put("a", "late")
        try world.put("b", "first", on: first)
        let second = try world.fork("second", from: first)
        try world.put("b", "late", on: first)
        try world.delete("c", on: second)
        try world.put("d", "second", on: second)
        let third = try world.fork("third", from: second)
        try world.put("c", "third", on: third)
        func state(_ branch: BranchName) throws -> [[String]] {
            // By the order of versions, by keys, and one by one.
            let whole = try world.rows("SELECT key, value, branch FROM records", on: branch).sorted()
            let byKey = try world.rows("SELECT key, value, branch FROM records ORDER BY key", on: branch)
            let single = try ["a", "b", "c", "d"].flatMap {
                try world.rows("SELECT key, value, branch FROM records WHERE key = '\($0)'", on: branch)
            }
            return [whole, byKey, single]
        }
        func same(_ rows: [String]) -> [[String]] { [rows, rows, rows] }
        #expect(try state(.main) == same(["a late main", "b main main", "c main main"]))
        #expect(try state(first) == same(["a main main", "b late first", "c main main"]))
        #expect(try state(second) == same(["a main main", "b first first", "d second second"]))
        #expect(try state(third) == same(["a main main", "b first first", "c third third", "d second second"]))
    }

    @Test("every branch at every revision gives what the store's own reads give, compacted or not", arguments: 0..<6)
    func random(seed: UInt64) throws {
        let world = try AskedStore()
        try world.grow(seed, commits: 70)
        if seed % 2 == 1 { try world.compact(to: 35) }
        let floor = try world.reader.floor().revision
        for branch in try world.reader.branches(visible: world.head) {
            for revision in max(branch.created, floor)...world.head {
                let expected = try world.expected(on: branch.name, at: revision)
                let order = seed % 3 == 0 ? "" : "ORDER BY key"
                let rows = try world.rows(
                    "SELECT key, value, revision FROM records \(order)", on: branch.name, at: revision)
                #expect((seed % 3 == 0 ? rows.sorted() : rows) == expected, "\(branch.name) at \(revision)")
                let one = try world.rows(
                    "SELECT key, value, revision FROM records WHERE key >= 'k3' AND key < 'k6' AND revision > 20",
                    on: branch.name, at: revision)
                #expect(
                    one.sorted()
                        == expected.filter { "k3" <= $0 && $0 < "k6" && Int($0.split(separator: " ")[2])! > 20 })
                let late = try world.rows(
                    "SELECT key, value, revision FROM records WHERE revision BETWEEN 30 AND 50", on: branch.name,
                    at: revision)
                #expect(late.sorted() == expected.filter { 30...50 ~= Int($0.split(separator: " ")[2])! })
            }
        }
    }

    @Test("history is that of the branch's line up to the revision, above the floor")
    func history() throws {
        let world = try AskedStore()
        try world.put("a", "1")
        try world.put("b", "1")
        let trial = try world.fork("trial", at: 1)
        try world.put("a", "2")
        try world.delete("a", on: trial)
        try world.put("c", "1", on: trial)
        let changes = "SELECT revision, branch, key, value, deleted FROM changes"
        #expect(
            try world.rows(changes, on: trial)
                == ["6 trial c 1 0", "5 trial a null 1", "1 main a 1 0"])
        #expect(try world.rows(changes, on: trial, at: 5) == ["5 trial a null 1", "1 main a 1 0"])
        #expect(try world.rows(changes) == ["4 main a 2 0", "2 main b 1 0", "1 main a 1 0"])
        #expect(try world.rows(changes + " ORDER BY revision") == ["1 main a 1 0", "2 main b 1 0", "4 main a 2 0"])
        #expect(try world.rows(changes + " WHERE key = 'a'", on: trial) == ["5 trial a null 1", "1 main a 1 0"])
        #expect(
            try world.rows("SELECT revision, deed FROM commits", on: trial) == ["6 null", "5 null", "3 fork", "1 null"])
        #expect(try world.rows("SELECT revision FROM commits WHERE revision IN (2, 5, 6)", on: trial) == ["5", "6"])
        try world.compact(to: 5)
        #expect(try world.rows("SELECT revision FROM commits", on: trial) == ["6"])
        #expect(try world.rows(changes, on: trial) == ["6 trial c 1 0"])
        #expect(try world.rows("SELECT key FROM records", on: trial) == ["c"])
    }

    @Test("nothing beyond what is visible, and no state that is gone")
    func bounds() throws {
        let world = try AskedStore()
        for value in 1...5 { try world.put("a", "\(value)") }
        let query = SQLQuery("SELECT value FROM records", on: .main, limits: .roomy)
        #expect(try world.reader.answer(query, visible: 2) { _, _ in [] }.rows == [[.text("2")]])
        try world.compact(to: 4)
        func code(_ query: SQLQuery) -> Refusal.Code? {
            do { _ = try world.reader.answer(query, visible: 5) { _, _ in [] } } catch { return error.code }
            return nil
        }
        func at(_ revision: Revision, hash: UInt64 = 0) -> SQLQuery {
            SQLQuery("SELECT 1", on: .main, at: Position(revision: revision, hash: hash), limits: .roomy)
        }
        #expect(code(at(2)) == .belowFloor)
        #expect(code(at(9)) == .beyondHead)
        #expect(code(at(5, hash: 1)) == .historyDiffers)
        #expect(code(SQLQuery("SELECT 1", on: BranchName(unchecked: "nowhere"))) == .unknownBranch)
        #expect(code(at(4)) == nil)
    }
}

extension AskedStore {
    /// A history of puts, deletions and forks.
    func grow(_ seed: UInt64, commits: Int) throws {
        var dice = Dice(state: seed &* 7919 &+ 1)
        var branches: [BranchName] = [.main]
        for number in 0..<commits {
            let branch = branches[dice.roll(branches.count)]
            let key = "k\(dice.roll(9))"
            switch dice.roll(10) {
            case 0 where branches.count < 6:
                branches.append(
                    try fork("b\(number)", from: branch, at: dice.roll(2) == 0 ? nil : try oldest(branch, &dice)))
            case 1, 2: try delete(key, on: branch)
            default: try put(key, "\(number)", on: branch)
            }
        }
    }

    private func oldest(_ branch: BranchName, _ dice: inout Dice) throws -> Revision {
        let created = try reader.branches(visible: head).first { $0.name == branch }?.created ?? 0
        return created + Revision(dice.roll(Int(head - created) + 1))
    }

    /// By the store's own reads, which know nothing of SQL.
    func expected(on branch: BranchName, at revision: Revision) throws -> [String] {
        let page = try reader.range(
            GetRange(branch: branch, filter: .everything, at: revision, limit: 1000), visible: head)
        return page.records.map { "\($0.key) \($0.text ?? "?") \($0.revision)" }
    }
}

struct Dice {
    var state: UInt64
    mutating func roll(_ sides: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(sides))
    }
}
